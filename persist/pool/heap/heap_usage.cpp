// Figures of the heap, see heap.hpp. Counted from what is in DRAM, after all of it was loaded: nothing is kept up to date
// on the way of an allocation.
#include <algorithm>

#include "persist/pool/heap/heap.hpp"

namespace terrace::persist {

void Heap::load_everything() {
    LockGuard guard(lock_);
    for (uint64_t segment = 0; segment < pool_->regions.segment_count(); ++segment) {
        if (!is_loaded(segment))
            load_segment(segment);
    }
}

void Heap::add_usage_of(uint64_t number, HeapUsage& usage) {
    const Segment segment = pool_->regions.segment(number);
    usage.heap_bytes += (segment.end_page - segment.first_page) * kPageBytes;
    for (uint64_t page = segment.first_page; page < segment.end_page;) {
        PageInfo& info = extents_.info(page);
        switch (info.tag.load(std::memory_order_relaxed)) {
            case PageTag::kFree:
                page += info.pages;
                continue;
            case PageTag::kLarge:
                ++usage.objects;
                usage.object_bytes += uint64_t{info.pages} * kPageBytes;
                page += info.pages;
                continue;
            case PageTag::kSlab: {
                const Slab& slab = *info.slab;
                const SizeClass& size_class = kSizeClasses[slab.size_class];
                const uint64_t objects = uint64_t{slab.capacity} - std::min(slab.free, slab.capacity);
                usage.objects += objects;
                usage.object_bytes += objects * slab.usable;
                usage.slab_object_bytes += objects * slab.usable;
                usage.slab_bytes += size_class.slab_pages * kPageBytes;
                page += size_class.slab_pages;
                continue;
            }
            case PageTag::kUnknown:  // inside a large object of an earlier segment, or retired
                ++page;
        }
    }
}

HeapUsage Heap::usage() {
    load_everything();
    give_up_arena_slabs();
    give_back_retired(1);
    HeapUsage usage{};
    LockGuard guard(lock_);
    for (uint64_t segment = 0; segment < pool_->regions.segment_count(); ++segment)
        add_usage_of(segment, usage);
    usage.free_bytes = extents_.free_pages() * kPageBytes;
    usage.largest_free_bytes = extents_.largest_free() * kPageBytes;
    return usage;
}

}  // namespace terrace::persist
