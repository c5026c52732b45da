// memkind.h: the checks of the C interface around kinds/heap.hpp.
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "include/memkind.h"
#include "kinds/file_source.hpp"
#include "kinds/heap.hpp"
#include "kinds/registry.hpp"

using namespace terrace::kinds;

namespace {

constexpr std::size_t kFileLimitUnit = std::size_t{2} << 20;

// Each arena keeps some free extents; a small file is not to be spread over many.
unsigned shards_for_limit(std::size_t limit) {
    constexpr std::size_t kBytesPerShard = std::size_t{64} << 20;
    constexpr unsigned kMostFileShards = 4;
    const std::size_t affordable = limit / kBytesPerShard + 1;
    unsigned shards = default_shard_count();
    if (shards > kMostFileShards)
        shards = kMostFileShards;
    return shards > affordable ? static_cast<unsigned>(affordable) : shards;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

int memkind_get_version(void) {
    return 1014000;
}

int memkind_create_pmem(const char* dir, size_t max_size, memkind_t* kind) {
    if (dir == nullptr || kind == nullptr || (max_size != 0 && max_size < MEMKIND_PMEM_MIN_SIZE)) {
        errno = EINVAL;
        return MEMKIND_ERROR_INVALID;
    }
    // SIZE_MAX and its neighbours mean "no limit" too, as they did when memkind rounded them up to 0.
    const bool unlimited = max_size == 0 || max_size > SIZE_MAX - kFileLimitUnit;
    const size_t limit =
        unlimited ? SIZE_MAX : (max_size + kFileLimitUnit - 1) / kFileLimitUnit * kFileLimitUnit;
    initialise();
    FileSource* const source = FileSource::create(dir, limit);
    if (source == nullptr)
        return errno == ENOMEM ? MEMKIND_ERROR_MALLOC : MEMKIND_ERROR_INVALID;
    const int result = add_kind({.name = "memkind_pmem",
                                 .source = source,
                                 .foreign_heap = nullptr,
                                 .foreign_state = nullptr,
                                 .shard_count = shards_for_limit(limit),
                                 .first_window = kSmallestFirstWindow},
                                kind);
    if (result != MEMKIND_SUCCESS)
        source->dispose();
    return result;
}

int memkind_destroy_kind(memkind_t kind) {
    return remove_kind(kind);
}

memkind_t memkind_detect_kind(void* ptr) {
    return ptr == nullptr ? nullptr : kind_of(ptr);
}

int memkind_check_available(memkind_t kind) {
    if (kind == nullptr)
        return MEMKIND_ERROR_INVALID;
    return kind->source == nullptr ? MEMKIND_SUCCESS : kind->source->availability();
}

void* memkind_malloc(memkind_t kind, size_t size) {
    if (size == 0) [[unlikely]]
        return nullptr;
    if (kind == nullptr) [[unlikely]] {
        errno = EINVAL;
        return nullptr;
    }
    return allocate(kind, size);
}

void* memkind_calloc(memkind_t kind, size_t num, size_t size) {
    size_t total = 0;
    if (num == 0 || size == 0)
        return nullptr;
    if (kind == nullptr) {
        errno = EINVAL;
        return nullptr;
    }
    if (__builtin_mul_overflow(num, size, &total)) {
        errno = ENOMEM;
        return nullptr;
    }
    return allocate_zeroed(kind, total);
}

void* memkind_realloc(memkind_t kind, void* ptr, size_t size) {
    if (ptr == nullptr)
        return kind == nullptr ? (errno = EINVAL, nullptr) : memkind_malloc(kind, size);
    memkind_t const home = kind_of(ptr);
    if (home == nullptr) {
        errno = EINVAL;
        return nullptr;
    }
    if (size == 0) {
        memkind_free(home, ptr);
        return nullptr;
    }
    return kind == nullptr || kind == home ? reallocate(ptr, size) : reallocate_to(kind, ptr, size);
}

int memkind_posix_memalign(memkind_t kind, void** memptr, size_t alignment, size_t size) {
    *memptr = nullptr;
    if (kind == nullptr || alignment < sizeof(void*) || (alignment & (alignment - 1)) != 0)
        return EINVAL;
    if (size == 0)
        return 0;
    const int saved_errno = errno;
    *memptr = allocate_aligned(kind, alignment, size);
    errno = saved_errno;
    return *memptr == nullptr ? ENOMEM : 0;
}

void memkind_free(memkind_t, void* ptr) {
    // The address tells the kind, and costs no more than to check the caller's word: a block never ends in
    // the cache of another kind. kind_of(nullptr) is nobody.
    memkind_t const home = kind_of(ptr);
    if (home == nullptr) [[unlikely]]
        return;
    // jemalloc may purge on the way, and the kernel's calls set errno.
    const int saved_errno = errno;
    deallocate_in(home, ptr);
    errno = saved_errno;
}

size_t memkind_malloc_usable_size(memkind_t, MEMKIND_MALLOC_USABLE_SIZE_CONST void* ptr) {
    return kind_of(ptr) == nullptr ? 0 : usable_size(ptr);
}

}  // extern "C"
#pragma GCC visibility pop
