// What malloc.cpp is made of in libmemtier: the tiers, or plain DRAM while there are none. But for
// allocate_quickly(), sizes are never 0, and alignments powers of two.
#pragma once

#include <stddef.h>

#include "tiering/preload/tiers.hpp"
#include "tiering/shortcut.hpp"

namespace terrace::preload::heap {

// What malloc(size) gives, whatever the size; nullptr, and nothing done, when that is not possible quickly.
__attribute__((always_inline)) inline void* allocate_quickly(size_t size) {
    return tiering::shortcut::take(size);
}

inline void* allocate(size_t size) {
    memtier_memory* memory = active_memory();
    if (memory == nullptr)
        return memtier_kind_malloc(MEMKIND_DEFAULT, size);
    terrace_preload_3_renew(memory);
    return memtier_malloc(memory, size);
}

inline void* allocate_zeroed(size_t size) {
    memtier_memory* memory = active_memory();
    return memory != nullptr ? memtier_calloc(memory, 1, size)
                             : memtier_kind_calloc(MEMKIND_DEFAULT, 1, size);
}

// Returns 0 or an errno value; errno itself is untouched.
inline int allocate_aligned(void** block, size_t alignment, size_t size) {
    memtier_memory* memory = active_memory();
    return memory != nullptr ? memtier_posix_memalign(memory, block, alignment, size)
                             : memtier_kind_posix_memalign(MEMKIND_DEFAULT, block, alignment, size);
}

// REQUIRES: the block is one of ours.
inline void* resize(void* block, size_t size) {
    memtier_memory* memory = active_memory();
    return memory != nullptr ? memtier_realloc(memory, block, size)
                             : memtier_kind_realloc(MEMKIND_DEFAULT, block, size);
}

// False, and nothing done, when that is not possible quickly.
__attribute__((always_inline)) inline bool release_quickly(void* block) {
    return tiering::shortcut::put(block);
}

// False, and nothing done, when the block is not ours. nullptr counts as ours.
inline bool release(void* block) {
    return memtier_try_free(block) == 0;
}

}  // namespace terrace::preload::heap
