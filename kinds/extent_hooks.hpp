// The hooks through which jemalloc gets and gives back a kind's extents: addresses are carved from the kind's
// windows, the memory behind them is the source's business. Thread safety: jemalloc calls them from any
// thread, holding locks of its own; they take the kind's growth lock.
#pragma once

#include <cstddef>

#include "src/jemalloc/jemalloc.hpp"

namespace terrace::kinds {

void* allocate_extent(jemalloc::ExtentHooks* hooks, void* new_address, std::size_t size,
                      std::size_t alignment, bool* zero, bool* commit, unsigned arena);
bool deallocate_extent(jemalloc::ExtentHooks* hooks, void* address, std::size_t size, bool committed,
                       unsigned arena);
bool commit_extent(jemalloc::ExtentHooks* hooks, void* address, std::size_t size, std::size_t offset,
                   std::size_t length, unsigned arena);
bool decommit_extent(jemalloc::ExtentHooks* hooks, void* address, std::size_t size, std::size_t offset,
                     std::size_t length, unsigned arena);
bool purge_extent(jemalloc::ExtentHooks* hooks, void* address, std::size_t size, std::size_t offset,
                  std::size_t length, unsigned arena);
bool split_extent(jemalloc::ExtentHooks* hooks, void* address, std::size_t size, std::size_t size_a,
                  std::size_t size_b, bool committed, unsigned arena);
bool merge_extents(jemalloc::ExtentHooks* hooks, void* address_a, std::size_t size_a, void* address_b,
                   std::size_t size_b, bool committed, unsigned arena);

inline constexpr jemalloc::ExtentHooks kExtentHooks = {
    .allocate = allocate_extent,
    .deallocate = deallocate_extent,
    .destroy = nullptr,  // a kind's windows go as a whole
    .commit = commit_extent,
    .decommit = decommit_extent,
    .purge_lazy = nullptr,
    .purge_forced = purge_extent,
    .split = split_extent,
    .merge = merge_extents,
};

}  // namespace terrace::kinds
