// libpmem's and libpmem2's view of libpmemobj's pools: while one is open, the table of flush.hpp is one that asks, for each address, whether it
// lies in a pool. With no pool open there is nothing of this on any path.
// Thread safety: any thread.
#pragma once

#include <cstddef>

namespace terrace::persist {

// msync(2) for whole pages, and what a pool has in its place. Return 0, or -1 with errno and the message set.
// `to_medium`: as far as software can reach (pmem_deep_drain); else as far as pmem_msync promises.
[[nodiscard]] int sync_pages_and_pools(const void* address, std::size_t size, bool to_medium);

// Notes what of the range lies in pools, for the thread's next fence.
void note_pool_stores(const void* address, std::size_t size);

}  // namespace terrace::persist
