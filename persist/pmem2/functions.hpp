// The functions that a map hands out, one table per granularity. They know no map: what they do depends on
// the granularity only. Thread safety: any thread; what is flushed is what the calling thread stored.
#pragma once

#include <cstddef>

#include "persist/pmem2/public.hpp"

namespace terrace::persist {

struct MapFunctions {
    pmem2_persist_fn persist;
    pmem2_flush_fn flush;
    pmem2_drain_fn drain;
    pmem2_memmove_fn memmove;  // also memcpy
    pmem2_memset_fn memset;
};

// REQUIRES: is_granularity(granularity).
const MapFunctions& functions_at(pmem2_granularity granularity);

// msync(2) of the pages that the range touches, or what an open pool has in its place (pool_aware.hpp). Returns 0 or an errno value.
[[nodiscard]] int sync_pages(const void* address, std::size_t size, bool to_medium);

}  // namespace terrace::persist
