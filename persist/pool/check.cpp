// pmemobj_check: walks the whole heap of a pool file that nobody has open, and its log, without changing a
// byte. The file is mapped private and the log is replayed into that copy, so a pool that was killed is
// judged as it will be after recovery. Thread safety: works on its own copy.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>

#include "persist/pool/device_file.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/format/descriptor.hpp"
#include "persist/pool/format/superblock.hpp"
#include "persist/pool/log/file_patcher.hpp"
#include "persist/pool/log/recovery.hpp"
#include "persist/pool/pool.hpp"

namespace terrace::persist {
namespace {

using Number = unsigned long long;

// The heap as recovery will find it. Every function returns false with the message set at the first fault.
class HeapWalk {
  public:
    HeapWalk(const char* path, const Superblock& superblock, const RootPage& root, const Regions& regions,
             const char* base)
        : path_(path), seed_(superblock.log_seed), root_(root), regions_(regions), base_(base) {}

    bool is_sound() {
        for (uint64_t segment = 0; segment < regions_.segment_count(); ++segment) {
            if (!walk_segment(regions_.segment(segment)))
                return false;
        }
        return root_.root_offset == 0 || is_root_found_ ||
               fault("the root object is not allocated", root_.root_offset / kPageBytes);
    }

  private:
    const PageDescriptor& descriptor(uint64_t page) const {
        return *reinterpret_cast<const PageDescriptor*>(base_ + regions_.descriptor_of(page));
    }
    bool fault(const char* what, uint64_t page) const {
        fail(EINVAL, "%s: heap page %llu (offset %llu): %s", path_, static_cast<Number>(page),
             static_cast<Number>(page * kPageBytes), what);
        return false;
    }

    bool walk_segment(const Segment& segment) {
        const auto& entry = *reinterpret_cast<const SegmentEntry*>(base_ + segment.entry_offset);
        const uint64_t first = segment.first_page;
        const uint64_t end = segment.end_page;
        if (!is_segment_word(entry.covered, segment.entry_offset, seed_) ||
            !is_segment_word(entry.touched, segment.entry_offset + offsetof(SegmentEntry, touched), seed_))
            return fault("its entry in the segment table does not match its checksum", first);
        const uint64_t expected = std::min(std::max(extent_end_, first), end) - first;
        if (segment_value(entry.covered) != expected)
            return fault(
                "its segment begins with another number of covered pages than the extent before it has",
                first);
        if (segment_value(entry.touched) == 0)
            return true;
        for (uint64_t page = first; page < end; ++page) {
            if (!descriptor::is_sound(descriptor(page), seed_, regions_.descriptor_of(page)))
                return fault("its descriptor does not match its checksum", page);
        }
        const uint64_t region_end = segment.region->first_page + segment.region->page_count;
        for (uint64_t page = first + expected; page < end;) {
            const ExtentState state = ExtentState::unpack(descriptor(page).state);
            if (state.kind == ExtentKind::kFree) {
                ++page;
                continue;
            }
            if (state.pages == 0 || state.pages > region_end - page)
                return fault("an extent that reaches beyond the heap", page);
            if (state.kind != ExtentKind::kSlab && state.kind != ExtentKind::kLarge)
                return fault("an extent of unknown kind", page);
            if (state.kind == ExtentKind::kSlab && !is_slab_sound(page, state, end))
                return false;
            if (!is_inside_clean(page, std::min(state.pages, end - page)))
                return false;
            look_for_root(page, state);
            page += state.pages;
            extent_end_ = page;
        }
        return true;
    }

    bool has_object(uint64_t page, uint64_t index) const {
        return (descriptor(page + index / kBitsPerPage).bitmap[index / 64 % 2] >> (index % 64) & 1) != 0;
    }

    bool is_slab_sound(uint64_t page, const ExtentState& state, uint64_t segment_end) const {
        if (state.size_class >= kSizeClassCount || state.pages != kSizeClasses[state.size_class].slab_pages ||
            (state.flags & ~(kSlabMixedTypes | kSlabOwnSize)) != 0)
            return fault("a slab of an unknown size class", page);
        if (page + state.pages > segment_end)
            return fault("a slab that crosses the end of its segment", page);
        const SizeClass& c = kSizeClasses[state.size_class];
        if ((state.flags & kSlabOwnSize) != 0 && descriptor(page + 1).type_number > c.bytes)
            return fault("a slab of objects that are larger than its size class", page);
        const bool is_mixed = (state.flags & kSlabMixedTypes) != 0;
        const uint64_t capacity = is_mixed ? c.mixed_capacity : c.capacity;
        for (uint64_t index = capacity; index < state.pages * kBitsPerPage; ++index) {
            if (has_object(page, index))
                return fault("a slab with an object beyond its last place", page);
        }
        for (uint64_t index = 0; is_mixed && index < capacity; ++index) {
            const uint64_t offset =
                (page + state.pages) * kPageBytes - sizeof(TypeEntry) * (capacity - index);
            const auto& type = *reinterpret_cast<const TypeEntry*>(base_ + offset);
            const auto place = static_cast<uint32_t>(offset / sizeof(TypeEntry));
            if (has_object(page, index) && type.check != check_word(type.type_number, seed_ ^ place))
                return fault("the type number of an object does not match its checksum", page);
        }
        return true;
    }

    // A live extent holds no other extent's head.
    bool is_inside_clean(uint64_t page, uint64_t pages) const {
        for (uint64_t i = 1; i < pages; ++i) {
            if ((descriptor(page + i).state & descriptor::kStateBits) != 0)
                return fault("two extents overlap", page + i);
        }
        return true;
    }

    void look_for_root(uint64_t page, const ExtentState& state) {
        const uint64_t offset = page * kPageBytes;
        if (root_.root_offset < offset || root_.root_offset >= offset + state.pages * kPageBytes)
            return;
        const uint64_t within = root_.root_offset - offset;
        if (state.kind == ExtentKind::kLarge) {
            is_root_found_ = within == 0 && root_.root_bytes <= state.pages * kPageBytes;
            return;
        }
        const uint64_t bytes = kSizeClasses[state.size_class].bytes;
        is_root_found_ = within % bytes == 0 && root_.root_bytes <= bytes && has_object(page, within / bytes);
    }

    const char* path_;
    const uint32_t seed_;
    const RootPage& root_;
    const Regions& regions_;
    const char* base_;
    uint64_t extent_end_ = 0;
    bool is_root_found_ = false;
};

// The pool with its log replayed, in private memory.
int check_replayed(const char* path, const Superblock& superblock, uint64_t file_bytes, char* copy,
                   LogScan& scan) {
    MemoryPatcher patcher{copy, superblock.log_seed};
    if (scan.replay(patcher) != 0)
        return -1;
    RootPage root;
    memcpy(&root, copy + kRootOffset, sizeof root);
    Regions regions;
    if (judge_root_page(path, root, superblock, file_bytes, regions) != 0)
        return 0;
    return HeapWalk(path, superblock, root, regions, copy).is_sound() ? 1 : 0;
}

int check_open_file(int file, const char* path, const char* layout) {
    Superblock superblock;
    bool repair = false;
    if (read_superblock(file, path, layout, superblock, repair) != 0)
        return errno == EINVAL ? 0 : -1;
    if (repair) {
        fail(EINVAL, "%s: one of the two copies of the superblock is damaged; opening the pool repairs it",
             path);
        return 0;
    }
    Watermark watermark;
    if (read_watermark(file, path, superblock.log_seed, watermark) != 0)
        return errno == EINVAL ? 0 : -1;
    LogScan scan;
    int result = watermark.log_is_empty || scan.read(file, path, superblock, watermark.sequence) == 0 ? 1
                 : errno == EINVAL                                                                    ? 0
                                                                                                      : -1;
    if (result == 1) {
        struct stat status;
        void* copy = MAP_FAILED;
        if (fstat(file, &status) == 0)
            copy = mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_NORESERVE, file, 0);
        if (copy == MAP_FAILED) {
            fail(errno, "%s: cannot be mapped: %s", path, strerror(errno));
            result = -1;
        } else {
            result = check_replayed(path, superblock, static_cast<uint64_t>(status.st_size),
                                    static_cast<char*>(copy), scan);
            munmap(copy, static_cast<size_t>(status.st_size));
        }
    }
    scan.release();
    return result;
}

}  // namespace

int check_pool_file(const char* path, const char* layout) {
    const int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);  // a FIFO must not make it wait
    if (file < 0) {
        fail(errno, "%s: cannot be opened: %s", path, strerror(errno));
        return -1;
    }
    int result = -1;
    if (is_device_file(file))
        fail(ENOTSUP, "%s: pools on devices cannot be checked", path);
    else if (flock(file, LOCK_SH | LOCK_NB) != 0)
        fail(errno, "%s: %s", path, errno == EWOULDBLOCK ? "already open" : strerror(errno));
    else
        result = check_open_file(file, path, layout);
    const int error = errno;
    close(file);
    errno = error;
    return result;
}

}  // namespace terrace::persist
