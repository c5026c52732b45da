// memkind.h, "The heap": the checks of the C interface, and the decorators, around kinds/heap.hpp.
#include <errno.h>
#include <stdint.h>

#include "include/memkind.h"
#include "kinds/decorators.hpp"
#include "kinds/heap.hpp"

using namespace terrace::kinds;

namespace {

// What an allocation of no bytes gets where malloc(0) is to be a block of its own.
constexpr size_t kSmallest = 1;

inline bool is_bad_alignment(size_t alignment) {
    return alignment < sizeof(void*) || (alignment & (alignment - 1)) != 0;
}

void* refuse(int error) {
    errno = error;
    return nullptr;
}

__attribute__((noinline, cold)) void* allocate_odd(memkind_t kind, size_t size) {
    if (kind == nullptr)
        return size == 0 ? nullptr : refuse(EINVAL);
    return size == 0 && kind->allows_zero_size ? allocate(kind, kSmallest) : nullptr;
}

inline void* allocate_checked(memkind_t kind, size_t size) {
    if (size == 0 || kind == nullptr) [[unlikely]]
        return allocate_odd(kind, size);
    return allocate(kind, size);
}

void* allocate_zeroed_checked(memkind_t kind, size_t count, size_t size) {
    size_t total = 0;
    if (__builtin_mul_overflow(count, size, &total))
        return refuse(kind == nullptr ? EINVAL : ENOMEM);
    if (total == 0 || kind == nullptr) {
        void* const block = allocate_odd(kind, total);
        if (block != nullptr)
            *static_cast<char*>(block) = 0;
        return block;
    }
    return allocate_zeroed(kind, total);
}

void* reallocate_checked(memkind_t kind, void* pointer, size_t size) {
    if (pointer == nullptr)
        return kind == nullptr ? refuse(EINVAL) : allocate_checked(kind, size);
    memkind_t const home = kind_of(pointer);
    if (home == nullptr)
        return refuse(EINVAL);
    if (size == 0) {
        deallocate(pointer);
        return nullptr;
    }
    return kind == nullptr || kind == home ? reallocate(pointer, size) : reallocate_to(kind, pointer, size);
}

int allocate_aligned_checked(memkind_t kind, void** block, size_t alignment, size_t size) {
    if (block == nullptr)
        return EINVAL;
    *block = nullptr;
    if (kind == nullptr || is_bad_alignment(alignment))
        return EINVAL;
    if (size == 0 && !kind->allows_zero_size)
        return 0;
    const int saved_errno = errno;
    *block = allocate_aligned(kind, alignment, size == 0 ? kSmallest : size);
    errno = saved_errno;
    return *block == nullptr ? ENOMEM : 0;
}

// Apart from the functions that they decorate: an argument whose address is taken lives in memory, and the
// hot paths would wait for it.
__attribute__((noinline, cold)) void* malloc_decorated(memkind_t kind, size_t size) {
    if (memkind_malloc_pre != nullptr)
        memkind_malloc_pre(&kind, &size);
    void* block = allocate_checked(kind, size);
    if (memkind_malloc_post != nullptr)
        memkind_malloc_post(kind, size, &block);
    return block;
}

__attribute__((noinline, cold)) void free_decorated(memkind_t kind, void* ptr) {
    if (memkind_free_pre != nullptr)
        memkind_free_pre(&kind, &ptr);
    deallocate(ptr);
    if (memkind_free_post != nullptr)
        memkind_free_post(kind, ptr);
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

void* memkind_malloc(memkind_t kind, size_t size) {
    if (memkind_malloc_pre != nullptr || memkind_malloc_post != nullptr) [[unlikely]]
        return malloc_decorated(kind, size);
    return allocate_checked(kind, size);
}

void* memkind_calloc(memkind_t kind, size_t num, size_t size) {
    if (memkind_calloc_pre != nullptr)
        memkind_calloc_pre(&kind, &num, &size);
    void* block = allocate_zeroed_checked(kind, num, size);
    if (memkind_calloc_post != nullptr)
        memkind_calloc_post(kind, num, size, &block);
    return block;
}

void* memkind_realloc(memkind_t kind, void* ptr, size_t size) {
    if (memkind_realloc_pre != nullptr)
        memkind_realloc_pre(&kind, &ptr, &size);
    void* block = reallocate_checked(kind, ptr, size);
    if (memkind_realloc_post != nullptr)
        memkind_realloc_post(kind, ptr, size, &block);
    return block;
}

int memkind_posix_memalign(memkind_t kind, void** memptr, size_t alignment, size_t size) {
    if (memkind_posix_memalign_pre != nullptr)
        memkind_posix_memalign_pre(&kind, memptr, &alignment, &size);
    int error = allocate_aligned_checked(kind, memptr, alignment, size);
    if (memkind_posix_memalign_post != nullptr)
        memkind_posix_memalign_post(kind, memptr, alignment, size, &error);
    return error;
}

// The address tells the kind, and costs no more than to check the caller's word: a block never ends in the
// cache of another kind. Neither nullptr nor foreign memory has an entry in the page map.
void memkind_free(memkind_t kind, void* ptr) {
    if (memkind_free_pre != nullptr || memkind_free_post != nullptr) [[unlikely]]
        return free_decorated(kind, ptr);
    deallocate(ptr);
}

size_t memkind_malloc_usable_size(memkind_t, MEMKIND_MALLOC_USABLE_SIZE_CONST void* ptr) {
    return usable_size(ptr);
}

void* memkind_defrag_reallocate(memkind_t, void* ptr) {
    return kind_of(ptr) == nullptr ? nullptr : move_to_better_place(ptr);
}

memkind_t memkind_detect_kind(void* ptr) {
    return kind_of(ptr);
}

int memkind_set_allow_zero_allocs(memkind_t kind, bool allow_zero_allocs) {
    if (kind == nullptr)
        return MEMKIND_ERROR_INVALID;
    __atomic_store_n(&kind->allows_zero_size, allow_zero_allocs, __ATOMIC_RELAXED);
    return MEMKIND_SUCCESS;
}

}  // extern "C"
#pragma GCC visibility pop
