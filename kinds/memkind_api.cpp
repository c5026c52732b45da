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

}  // extern "C"
#pragma GCC visibility pop
