// pmemobj_check: walks the whole heap of a pool file that nobody has open, and its log, without changing a
// byte. The file is mapped private and the log is replayed into that copy, so a pool that was killed is
// judged as it will be after recovery. Thread safety: works on its own copy.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>

#include "persist/pool/error_message.hpp"
#include "persist/pool/file_patcher.hpp"
#include "persist/pool/pool.hpp"
#include "persist/pool/recovery.hpp"
#include "persist/pool/superblock.hpp"

namespace terrace::persist {
namespace {

using Number = unsigned long long;

// The heap as recovery will find it. Every function returns false with the message set at the first fault.
class HeapWalk {
  public:
    HeapWalk(const char* path, const Superblock& superblock, const char* base)
        : path_(path), superblock_(superblock), base_(base) {}

    bool is_sound() {
        for (uint64_t segment = 0; segment < superblock_.segment_count; ++segment) {
            if (!walk_segment(segment))
                return false;
        }
        return is_root_sound();
    }

  private:
    const SegmentEntry& segment_entry(uint64_t segment) const {
        return reinterpret_cast<const SegmentEntry*>(base_ + superblock_.segment_table_offset)[segment];
    }
    const PageDescriptor& descriptor(uint64_t page) const {
        return reinterpret_cast<const PageDescriptor*>(base_ + superblock_.page_table_offset)[page];
    }
    bool fault(const char* what, uint64_t page) const {
        fail(EINVAL, "%s: heap page %llu (offset %llu): %s", path_, static_cast<Number>(page),
             static_cast<Number>(superblock_.pages_offset + page * kPageBytes), what);
        return false;
    }

    bool walk_segment(uint64_t segment) {
        const uint64_t first = segment * kSegmentPages;
        const uint64_t end = std::min(first + kSegmentPages, superblock_.page_count);
        const uint64_t expected = std::min(std::max(extent_end_, first) - first, kSegmentPages);
        if (segment_entry(segment).covered != expected)
            return fault(
                "its segment begins with another number of covered pages than the extent before it has",
                first);
        for (uint64_t page = first + expected; page < end;) {
            const PageDescriptor& d = descriptor(page);
            if (d.state == 0) {
                ++page;
                continue;
            }
            if (segment_entry(segment).touched == 0)
                return fault("an extent in a segment that is marked as never used", page);
            const ExtentState state = ExtentState::unpack(d.state);
            if (state.pages == 0 || state.pages > superblock_.page_count - page)
                return fault("an extent that reaches beyond the heap", page);
            if (state.kind == ExtentKind::kSlab ? !is_slab_sound(page, state, end)
                                                : state.kind != ExtentKind::kLarge)
                return state.kind == ExtentKind::kSlab ? false : fault("an extent of unknown kind", page);
            if (!is_inside_clean(page, state.pages))
                return false;
            page += state.pages;
            extent_end_ = page;
        }
        return true;
    }

    bool is_slab_sound(uint64_t page, const ExtentState& state, uint64_t segment_end) const {
        if (state.size_class >= kSizeClassCount || state.pages != kSizeClasses[state.size_class].slab_pages ||
            (state.flags & ~kSlabMixedTypes) != 0)
            return fault("a slab of an unknown size class", page);
        if (page + state.pages > segment_end)
            return fault("a slab that crosses the end of its segment", page);
        const SizeClass& c = kSizeClasses[state.size_class];
        const uint64_t capacity = (state.flags & kSlabMixedTypes) != 0 ? c.mixed_capacity : c.capacity;
        for (uint64_t bit = capacity; bit < state.pages * kBitsPerPage; ++bit) {
            if ((descriptor(page + bit / kBitsPerPage).bitmap[bit / 64 % 2] >> (bit % 64) & 1) != 0)
                return fault("a slab with an object beyond its last place", page);
        }
        return true;
    }

    // A live extent holds no other extent's head.
    bool is_inside_clean(uint64_t page, uint64_t pages) const {
        for (uint64_t i = 1; i < pages; ++i) {
            if (descriptor(page + i).state != 0)
                return fault("two extents overlap", page + i);
        }
        return true;
    }

    bool is_root_sound() const {
        const auto& root = *reinterpret_cast<const RootPage*>(base_ + kRootOffset);
        if (root.root_offset == 0)
            return true;
        if (root.root_offset < superblock_.pages_offset || root.root_offset >= superblock_.pool_bytes ||
            root.root_bytes > superblock_.pool_bytes - root.root_offset) {
            fail(EINVAL, "%s: the root object lies outside the heap", path_);
            return false;
        }
        return true;
    }

    const char* path_;
    const Superblock& superblock_;
    const char* base_;
    uint64_t extent_end_ = 0;
};

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
    uint64_t watermark = 0;
    if (read_watermark(file, path, superblock.log_seed, watermark) != 0)
        return errno == EINVAL ? 0 : -1;
    LogScan scan;
    int result = scan.read(file, path, superblock, watermark) == 0 ? 1 : errno == EINVAL ? 0 : -1;
    void* copy = MAP_FAILED;
    if (result == 1) {
        copy = mmap(nullptr, superblock.pool_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file,
                    0);
        if (copy == MAP_FAILED)
            result = (fail(errno, "%s: cannot be mapped: %s", path, strerror(errno)), -1);
    }
    if (result == 1) {
        MemoryPatcher patcher{static_cast<char*>(copy)};
        if (scan.replay(patcher) != 0)
            result = -1;
    }
    if (result == 1)
        result = HeapWalk(path, superblock, static_cast<const char*>(copy)).is_sound() ? 1 : 0;
    if (copy != MAP_FAILED)
        munmap(copy, superblock.pool_bytes);
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
    if (flock(file, LOCK_EX | LOCK_NB) != 0)
        fail(errno, "%s: %s", path, errno == EWOULDBLOCK ? "already open" : strerror(errno));
    else
        result = check_open_file(file, path, layout);
    const int error = errno;
    close(file);
    errno = error;
    return result;
}

}  // namespace terrace::persist
