// See file_patcher.hpp. A direct-mapped cache of 256 page images: a thousand small ranges on one page cost
// one read and one write, not a thousand of each. An error leaves the remaining images unwritten; the log
// still has everything, so nothing is lost.
#include "persist/pool/file_patcher.hpp"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>

#include "persist/pool/medium.hpp"

namespace terrace::persist {
namespace {
constexpr size_t mapped_bytes(uint64_t slots, size_t slot_bytes) {
    return slots * (kPageBytes + slot_bytes);
}
}  // namespace

int FilePatcher::open(int file) {
    void* memory = mmap(nullptr, mapped_bytes(kSlots, sizeof(Slot)), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return ENOMEM;
    file_ = file;
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

int FilePatcher::zero(uint64_t offset, uint64_t bytes) {
    return write(offset, nullptr, bytes);
}

int FilePatcher::change_bits(uint64_t offset, uint64_t set, uint64_t clear) {
    char* image;
    if (int error = page_for(offset / kPageBytes, false, image))
        return error;
    uint64_t word;
    memcpy(&word, image + offset % kPageBytes, sizeof word);
    word = (word | set) & ~clear;
    memcpy(image + offset % kPageBytes, &word, sizeof word);
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

int MemoryPatcher::change_bits(uint64_t offset, uint64_t set, uint64_t clear) {
    uint64_t word;
    memcpy(&word, base + offset, sizeof word);
    word = (word | set) & ~clear;
    memcpy(base + offset, &word, sizeof word);
    return 0;
}

}  // namespace terrace::persist
