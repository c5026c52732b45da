// Allocating from kinds: what memkind.h, the memtier interface and the preload library are made of.
// Every function may be called from any thread, before constructors and after destructors.
#pragma once

#include <errno.h>

#include <cstddef>

#include "kinds/kind.hpp"
#include "kinds/registry.hpp"
#include "kinds/thread_caches.hpp"

namespace terrace::kinds {

// A dense index below kMaxKinds, stable while the kind lives.
inline unsigned slot_of(memkind_t kind) {
    return kind->slot;
}

// Whose memory this is; nullptr when it is not Terrace's. 2 loads, no lock.
inline memkind_t kind_of(const void* pointer) {
    memkind* const kind = kind_at(pointer);
    if (kind != nullptr && kind->foreign_heap != nullptr) [[unlikely]]
        return kind->foreign_heap->owns(kind, pointer) ? kind : nullptr;
    return kind;
}

void* allocate_elsewhere(memkind_t kind, std::size_t size, std::size_t alignment, bool zeroed);
void* allocate_after_purge(memkind_t kind, std::size_t size, int flags);
void deallocate_elsewhere(memkind_t kind, void* pointer);

// REQUIRES: kind != nullptr, size > 0. Returns nullptr with errno ENOMEM when there is no memory.
inline void* allocate(memkind_t kind, std::size_t size) {
    const int flags = flags_for(kind);
    if (flags == kNoFlags) [[unlikely]]
        return allocate_elsewhere(kind, size, 0, false);
    void* const pointer = jemalloc::terrace_je_mallocx(size, flags);
    if (pointer == nullptr) [[unlikely]]
        return allocate_after_purge(kind, size, flags);
    return pointer;
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

// REQUIRES: kind_of(pointer) == kind.
inline void deallocate_in(memkind_t kind, void* pointer) {
    const int flags = flags_for(kind);
    if (flags == kNoFlags) [[unlikely]]
        deallocate_elsewhere(kind, pointer);
    else
        jemalloc::terrace_je_dallocx(pointer, flags);
}

// REQUIRES: kind_of(pointer) is not nullptr.
inline void deallocate(void* pointer) {
    deallocate_in(kind_at(pointer), pointer);
}

// REQUIRES: kind_of(pointer) is not nullptr.
std::size_t usable_size(const void* pointer);

}  // namespace terrace::kinds
