// The kinds that a preload library puts a program's memory in, for those who report on them.
#pragma once

#include <atomic>

#include "include/memkind_memtier.h"
#include "tiering/tier_config.hpp"

namespace terrace::preload {

struct TierInUse {
    const char* name;
    memkind_t memory;
    unsigned ratio;    // 0 where the library has no ratios
    const char* path;  // "" but for FS_DAX
    // Bytes of anonymous mappings that were put there; nullptr where none are.
    const std::atomic<std::uint64_t>* mapped = nullptr;
};

struct TiersInUse {
    unsigned count;
    TierInUse tiers[tiering::kMostConfiguredTiers];
};

// In order; count is 0 until the library has found its configuration. Each library defines it.
const TiersInUse& tiers_in_use();

// The memory that has these tiers; nullptr where the library has none, or not yet. Each library defines it.
memtier_memory* memory_in_use();

// The library's name, for its report.
extern const char* const kLibraryName;

}  // namespace terrace::preload
