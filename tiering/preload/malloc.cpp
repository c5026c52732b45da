// The C library's allocation functions, with the C library's manners, over the heap of a preload library: it
// is compiled once for each of them (TERRACE_PRELOAD_HEAP). Each function settles what is peculiar to it
// (sizes of 0, overflow, alignments, errno) and passes on. The hot paths of malloc and free are the heap's quick
// functions, inlined.
#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include TERRACE_PRELOAD_HEAP

#define TERRACE_INTERPOSE extern "C" __attribute__((visibility("default")))

// The C library's own allocator, for blocks that it or the program got past us. Weak: no promise is broken
// without them.
extern "C" {
__attribute__((weak)) void __libc_free(void* block);
__attribute__((weak)) void* __libc_realloc(void* block, size_t size);
}

namespace {

namespace heap = terrace::preload::heap;

// The C library's blocks lie at multiples of 16, even those of 1 byte, and malloc(0) is a block of its own.
// jemalloc's smallest class is 8 bytes at multiples of 8: ask for the next one.
constexpr size_t kSmallestBlock = 16;
inline size_t block_size(size_t size) {
    return size > kSmallestBlock / 2 ? size : kSmallestBlock;
}

// REQUIRES: alignment is a power of two. Returns 0 or an errno value; errno itself is untouched.
int allocate_aligned(void** block, size_t alignment, size_t size) {
    if (alignment < kSmallestBlock)
        alignment = kSmallestBlock;
    return heap::allocate_aligned(block, alignment, block_size(size));
}

void* aligned_or_errno(size_t alignment, size_t size) {
    void* block = nullptr;
    const int error = allocate_aligned(&block, alignment, size);
    if (error != 0)
        errno = error;
    return error == 0 ? block : nullptr;
}

bool is_power_of_two(size_t number) {
    return number != 0 && (number & (number - 1)) == 0;
}

size_t page_size() {
    return static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// These two are apart, and last in their callers, which so need no frame.
__attribute__((noinline)) void* allocate_slowly(size_t size) {
    return heap::allocate(block_size(size));
}

__attribute__((noinline)) void release_slowly(void* block) {
    if (!heap::release(block) && __libc_free != nullptr)
        __libc_free(block);
}

inline void release(void* block) {
    if (!heap::release_quickly(block)) [[unlikely]]
        release_slowly(block);
}

bool is_foreign(void* block) {
    return memkind_detect_kind(block) == nullptr;
}

void* resize(void* block, size_t size) {
    if (block == nullptr)
        return allocate_slowly(size);
    if (is_foreign(block)) [[unlikely]]
        return __libc_realloc != nullptr ? __libc_realloc(block, size) : nullptr;
    if (size == 0) {
        release(block);
        return nullptr;
    }
    return heap::resize(block, block_size(size));
}

}  // namespace

TERRACE_INTERPOSE void* malloc(size_t size) noexcept {
    void* const block = heap::allocate_quickly(size);
    return block != nullptr ? block : allocate_slowly(size);
}

TERRACE_INTERPOSE void* calloc(size_t count, size_t size) noexcept {
    size_t total = 0;
    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return nullptr;
    }
    return heap::allocate_zeroed(block_size(total));
}

TERRACE_INTERPOSE void* realloc(void* block, size_t size) noexcept {
    return resize(block, size);
}

TERRACE_INTERPOSE void* reallocarray(void* block, size_t count, size_t size) noexcept {
    size_t total = 0;
    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return nullptr;
    }
    return resize(block, total);
}

TERRACE_INTERPOSE void free(void* block) noexcept {
    release(block);
}

// C23's. The size is a promise of the caller's that is not needed here.
TERRACE_INTERPOSE void free_sized(void* block, size_t) noexcept {
    release(block);
}
TERRACE_INTERPOSE void free_aligned_sized(void* block, size_t, size_t) noexcept {
    release(block);
}

TERRACE_INTERPOSE int posix_memalign(void** block, size_t alignment, size_t size) noexcept {
    if (!is_power_of_two(alignment) || alignment % sizeof(void*) != 0)
        return EINVAL;
    return allocate_aligned(block, alignment, size);
}

// glibc rounds an odd alignment up to the next power of two, and refuses one of more than half the address space.
TERRACE_INTERPOSE void* memalign(size_t alignment, size_t size) noexcept {
    if (alignment > SIZE_MAX / 2 + 1) {
        errno = EINVAL;
        return nullptr;
    }
    size_t rounded = kSmallestBlock;
    while (rounded < alignment)
        rounded *= 2;
    return aligned_or_errno(rounded, size);
}

// The same as memalign until glibc 2.38.
TERRACE_INTERPOSE void* aligned_alloc(size_t alignment, size_t size) noexcept {
    return memalign(alignment, size);
}

TERRACE_INTERPOSE void* valloc(size_t size) noexcept {
    return aligned_or_errno(page_size(), size);
}

TERRACE_INTERPOSE void* pvalloc(size_t size) noexcept {
    const size_t page = page_size();
    size_t padded = 0;
    if (__builtin_add_overflow(size, page - 1, &padded)) {
        errno = ENOMEM;
        return nullptr;
    }
    padded &= ~(page - 1);
    return aligned_or_errno(page, padded != 0 ? padded : page);
}

TERRACE_INTERPOSE size_t malloc_usable_size(void* block) noexcept {
    return memtier_usable_size(block);
}
