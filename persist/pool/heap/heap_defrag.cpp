// See heap.hpp. What pmemobj_defrag asks the heap for: a place for an object of a sparse slab in a fuller one.
// Slabs that no arena holds are under the heap's own lock, so all are taken from the arenas first; threads that
// allocate take new ones meanwhile.
#include <string.h>

#include "persist/pool/heap/heap.hpp"

namespace terrace::persist {

void Heap::gather_slabs() {
    give_up_arena_slabs();
    give_back_retired(1);
}

bool Heap::is_sparse(const Block& block) {
    if (block.slab == nullptr)
        return false;
    LockGuard guard(lock_);
    return block.slab->arena.load(std::memory_order_acquire) == nullptr &&
           block.slab->free * 2 >= block.slab->capacity;
}

Block Heap::reserve_in_fuller_slab(const Block& from, uint64_t type_number) {
    const Slab& source = *from.slab;
    Slab* best = nullptr;
    uint32_t index;
    {
        LockGuard guard(lock_);
        for (Slab* slab = unclaimed_[source.size_class][source.type_slot]; slab != nullptr;
             slab = slab->next) {
            if (slab == &source || slab->free == 0 || slab->mixed != source.mixed ||
                slab->type_number != source.type_number)
                continue;
            // Of two that are equally full one must win, or objects would go to and fro.
            const bool is_fuller = slab->free < source.free ||
                                   (slab->free == source.free && slab->first_page < source.first_page);
            if (is_fuller && (best == nullptr || slab->free < best->free))
                best = slab;
        }
        if (best == nullptr)
            return {};
        index = take_place(*best);
        if (best->free == 0)
            unlist_unclaimed(best);
    }
    if (best->mixed) {
        const TypeEntry entry = type_entry(*best, index, type_number);
        memcpy(pool_->base + type_offset(*best, index), &entry, sizeof entry);
    }
    return {page_offset(best->first_page) + uint64_t{index} * kSizeClasses[best->size_class].bytes, best,
            index, 0};
}

}  // namespace terrace::persist
