// See file_patcher.hpp. A direct-mapped cache of 256 page images: a thousand small ranges on one page cost
// one read and one write, not a thousand of each. An error leaves the remaining images unwritten; the log
// still has everything, so nothing is lost.
#include "persist/pool/log/file_patcher.hpp"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>

#include "persist/pool/format/descriptor.hpp"
#include "persist/pool/medium.hpp"

namespace terrace::persist {
namespace {
constexpr size_t mapped_bytes(uint64_t slots, size_t slot_bytes) {
    return slots * (kPageBytes + slot_bytes);
}
}  // namespace

int FilePatcher::open(int file, uint32_t log_seed) {
    void* memory = mmap(nullptr, mapped_bytes(kSlots, sizeof(Slot)), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return ENOMEM;
    file_ = file;
    seed_ = log_seed;
    images_ = static_cast<char*>(memory);
    slots_ = reinterpret_cast<Slot*>(images_ + kSlots * kPageBytes);
    return 0;
}

void FilePatcher::close() {
    if (images_ != nullptr)
        munmap(images_, mapped_bytes(kSlots, sizeof(Slot)));
    images_ = nullptr;
}

int FilePatcher::evict(uint64_t slot) {
    if (slots_[slot].page_plus_one == 0)
        return 0;
    const uint64_t offset = (slots_[slot].page_plus_one - 1) * kPageBytes;
    if (int error = medium::write_file(file_, images_ + slot * kPageBytes, kPageBytes, offset))
        return error;
    slots_[slot].page_plus_one = 0;
    return 0;
}

int FilePatcher::page_for(uint64_t page, bool whole, char*& image) {
    const uint64_t slot = page % kSlots;
    image = images_ + slot * kPageBytes;
    if (slots_[slot].page_plus_one == page + 1)
        return 0;
    if (int error = evict(slot))
        return error;
    if (!whole) {
        if (int error = medium::read_file(file_, image, kPageBytes, page * kPageBytes))
            return error;
    }
    slots_[slot].page_plus_one = page + 1;
    return 0;
}

int FilePatcher::write(uint64_t offset, const void* source, uint64_t bytes) {
    const auto* from = static_cast<const char*>(source);
    while (bytes > 0) {
        const uint64_t within = offset % kPageBytes;
        const uint64_t part = std::min(bytes, kPageBytes - within);
        char* image;
        if (int error = page_for(offset / kPageBytes, part == kPageBytes, image))
            return error;
        if (from != nullptr) {
            memcpy(image + within, from, part);
            from += part;
        } else {
            memset(image + within, 0, part);
        }
        offset += part;
        bytes -= part;
    }
    return 0;
}

// Whole pages are written at once, and their images forgotten.
int FilePatcher::zero(uint64_t offset, uint64_t bytes) {
    constexpr uint64_t kWorthIt = 64 << 10;
    const uint64_t end = offset + bytes;
    const uint64_t first = (offset + kPageBytes - 1) / kPageBytes * kPageBytes;
    const uint64_t last = end / kPageBytes * kPageBytes;
    if (first >= last || last - first < kWorthIt)
        return write(offset, nullptr, bytes);
    for (uint64_t slot = 0; slot < kSlots; ++slot) {
        const uint64_t page_offset = (slots_[slot].page_plus_one - 1) * kPageBytes;
        if (slots_[slot].page_plus_one != 0 && page_offset >= first && page_offset < last)
            slots_[slot].page_plus_one = 0;
    }
    if (int error = medium::write_zeros(file_, last - first, first))
        return error;
    if (int error = write(offset, nullptr, first - offset))
        return error;
    return write(last, nullptr, end - last);
}

namespace {

// What a crash left may have a descriptor's bit without its check, so the check is made anew each time.
void describe_at(char* place, const EntryView& entry, uint32_t seed) {
    apply_at(place, entry, seed);
    if (entry.kind == EntryKind::kFormat)
        return;
    const uint64_t within = entry.offset % sizeof(PageDescriptor);
    descriptor::seal(*reinterpret_cast<PageDescriptor*>(place - within), seed, entry.offset - within);
}

}  // namespace

int FilePatcher::describe(const EntryView& entry) {
    EntryView part = entry;
    for (uint64_t left = entry.bytes(); left > 0;) {
        const uint64_t bytes = std::min(left, kPageBytes - part.offset % kPageBytes);
        char* image;
        if (int error = page_for(part.offset / kPageBytes, bytes == kPageBytes, image))
            return error;
        if (part.kind == EntryKind::kFormat)
            part.operand = bytes;
        describe_at(image + part.offset % kPageBytes, part, seed_);
        part.offset += bytes;
        left -= bytes;
    }
    return 0;
}

int FilePatcher::flush() {
    for (uint64_t slot = 0; slot < kSlots; ++slot) {
        if (int error = evict(slot))
            return error;
    }
    return 0;
}

int MemoryPatcher::write(uint64_t offset, const void* source, uint64_t bytes) {
    memcpy(base + offset, source, bytes);
    return 0;
}

int MemoryPatcher::zero(uint64_t offset, uint64_t bytes) {
    memset(base + offset, 0, bytes);
    return 0;
}

int MemoryPatcher::describe(const EntryView& entry) {
    describe_at(base + entry.offset, entry, seed);
    return 0;
}

}  // namespace terrace::persist
