// Allocating from kinds: what memkind.h, the memtier interface and the preload library are made of.
// Every function may be called from any thread, before constructors and after destructors.
//
// The way of a block: this thread's cache of the kind (thread_caches.hpp); when that is empty, a shard's
// spans (shard.hpp), several blocks at a time; when those are used up, jemalloc's pages; at last the kind's source.
#pragma once

#include <errno.h>

#include <cstddef>

#include "kinds/kind.hpp"
#include "kinds/registry.hpp"
#include "kinds/thread_caches.hpp"
#include "src/page_map.hpp"

namespace terrace::kinds {

// A dense index below kMaxKinds, stable while the kind lives.
inline unsigned slot_of(memkind_t kind) {
    return kind->slot;
}

memkind_t kind_of_unmarked(const void* pointer);

// Whose memory this is, as users see it; nullptr when it is not Terrace's. 3 loads, no lock.
inline memkind_t kind_of(const void* pointer) {
    const page_map::Entry entry = page_map::entry_of(pointer);
    if (entry == 0) [[unlikely]]
        return kind_of_unmarked(pointer);
    return shown_kind_of_owner(page_map::owner_in(entry));
}

void* allocate_slowly(memkind_t kind, std::size_t size);
void deallocate_slowly(void* pointer);

// A block of this thread's cache; nullptr when it has none of this kind and size.
// REQUIRES: kind != nullptr, 0 < size <= kMostCached. 5 loads and 1 store, no lock.
inline void* allocate_cached(memkind_t kind, std::size_t size) {
    if (ThreadCache* const cache = cache_of(owner_number(kind->slot)); cache != nullptr) [[likely]]
        return cache->bins[class_of_size(size)].take();
    return nullptr;
}

// REQUIRES: kind != nullptr, size > 0. Returns nullptr with errno ENOMEM when there is no memory.
inline void* allocate(memkind_t kind, std::size_t size) {
    if (size <= kMostCached) [[likely]] {
        if (void* const block = allocate_cached(kind, size); block != nullptr) [[likely]]
            return block;
    }
    return allocate_slowly(kind, size);
}

// As allocate, zeroed.
void* allocate_zeroed(memkind_t kind, std::size_t size);

// As allocate. REQUIRES: alignment is a power of two.
void* allocate_aligned(memkind_t kind, std::size_t alignment, std::size_t size);

// Resizes a block within its kind; on failure nullptr with ENOMEM and the block is as it was.
// REQUIRES: kind_of(pointer) is not nullptr, size > 0.
void* reallocate(void* pointer, std::size_t size);

// Moves a block to another kind, resized. As reallocate.
void* reallocate_to(memkind_t kind, void* pointer, std::size_t size);

// Puts a block into this thread's cache, which is the answer; nullptr, and nothing done, when it does not go
// there. REQUIRES: `entry` is that of `pointer` in the page map, whatever it says. 3 loads and 2 stores, no lock.
inline ThreadCache* deallocate_cached(page_map::Entry entry, void* pointer) {
    ThreadCache* const cache = cache_of(page_map::owner_in(entry));
    const bool is_put = cache != nullptr && cache->bins[page_map::class_in(entry)].put(pointer);
    return is_put ? cache : nullptr;
}

// Frees a block, whoever's it is; pointers that are not ours are ignored. 5 loads and 2 stores when the
// thread's cache has room; no lock.
inline void deallocate(void* pointer) {
    if (deallocate_cached(page_map::entry_of(pointer), pointer) == nullptr) [[unlikely]]
        deallocate_slowly(pointer);
}

// Moves a small block to a fuller span, when that helps to empty its own. The new address; nullptr when it
// stayed. REQUIRES: kind_of(pointer) is not nullptr.
void* move_to_better_place(void* pointer);

std::size_t usable_size_slowly(const void* pointer);

// REQUIRES: kind_of(pointer) is not nullptr. 3 loads for blocks of up to 64 KiB.
inline std::size_t usable_size(const void* pointer) {
    const unsigned class_number = page_map::class_in(page_map::entry_of(pointer));
    if (class_number - 1 < kCachedClasses) [[likely]]
        return size_class(class_number).size;
    return usable_size_slowly(pointer);
}

// What a block of `size` bytes takes in a kind with a heap of our own, when it is not aligned specially; 0
// where only usable_size can tell.
constexpr std::size_t size_taken_by(std::size_t size) {
    return size != 0 && size <= kMostCached ? size_class(class_of_size(size)).size : 0;
}

}  // namespace terrace::kinds
