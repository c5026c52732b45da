// What malloc.cpp is made of in libautohbw: allocations of the configured sizes from the configured kind, all
// others from MEMKIND_DEFAULT, as are those that the kind has no room for. Sizes are never 0, and alignments
// powers of two.
#pragma once

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "tiering/preload/auto_hbw.hpp"
#include "tiering/preload/auto_hbw_log.hpp"
#include "tiering/shortcut.hpp"

namespace terrace::preload::heap {

namespace internal {

// allocate(kind) gives a block or nullptr.
template <class Allocate>
inline void* place(const char* function, size_t size, Allocate allocate) {
    const memkind_t kind = kind_for(size);
    void* block = allocate(kind);
    if (block == nullptr && kind != MEMKIND_DEFAULT)
        block = allocate(MEMKIND_DEFAULT);
    if (log_level() >= AutoHbwLog::kAllocations) [[unlikely]]
        log_allocation(function, kind, size, block);
    return block;
}

}  // namespace internal

// What malloc(size) gives, whatever the size; nullptr, and nothing done, when that is not possible quickly.
inline void* allocate_quickly(size_t) {
    return nullptr;
}

inline void* allocate(size_t size) {
    return internal::place("malloc", size,
                           [size](memkind_t kind) { return memtier_kind_malloc(kind, size); });
}

inline void* allocate_zeroed(size_t size) {
    return internal::place("calloc", size,
                           [size](memkind_t kind) { return memtier_kind_calloc(kind, 1, size); });
}

// Returns 0 or an errno value; errno itself is untouched.
inline int allocate_aligned(void** block, size_t alignment, size_t size) {
    void* const made = internal::place("posix_memalign", size, [alignment, size](memkind_t kind) {
        void* made_in_kind = nullptr;
        (void)memtier_kind_posix_memalign(kind, &made_in_kind, alignment, size);
        return made_in_kind;
    });
    if (made == nullptr)
        return ENOMEM;
    *block = made;
    return 0;
}

// A block moves when its new size is on the other side of a limit.
// REQUIRES: the block is one of ours.
inline void* resize(void* block, size_t size) {
    const memkind_t home = memkind_detect_kind(block);
    const memkind_t kind = kind_for(size);
    if (home == kind) {
        const int saved_errno = errno;
        void* const resized = memtier_kind_realloc(home, block, size);
        if (resized != nullptr || kind == MEMKIND_DEFAULT) {
            if (log_level() >= AutoHbwLog::kAllocations) [[unlikely]]
                log_allocation("realloc", kind, size, resized);
            return resized;
        }
        errno = saved_errno;
    }
    void* const moved = internal::place("realloc", size,
                                        [size](memkind_t place) { return memtier_kind_malloc(place, size); });
    if (moved == nullptr)
        return nullptr;
    const size_t old_size = memtier_usable_size(block);
    memcpy(moved, block, old_size < size ? old_size : size);
    memtier_try_free(block);
    return moved;
}

// False, and nothing done, when that is not possible quickly.
inline bool release_quickly(void* block) {
    return log_level() < AutoHbwLog::kEverything && tiering::shortcut::put(block);
}

// False, and nothing done, when the block is not ours. nullptr counts as ours.
inline bool release(void* block) {
    if (log_level() >= AutoHbwLog::kEverything) [[unlikely]]
        log_free(block);
    return memtier_try_free(block) == 0;
}

}  // namespace terrace::preload::heap
