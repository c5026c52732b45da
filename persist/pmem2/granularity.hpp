// What a store into a mapping needs to be durable. A pure function of three facts, and the environment
// variable that overrides it in tests. Thread safety: any thread; nothing is kept.
#pragma once

#include "persist/pmem2/public.hpp"

namespace terrace::persist {

[[nodiscard]] bool is_granularity(int value);

// "cache line" and so on.
const char* granularity_name(int granularity);

// is_durable_memory: MAP_SYNC or a device DAX. platform_saves_caches: on power loss, without a flush.
[[nodiscard]] pmem2_granularity granularity_of(bool is_shared, bool is_durable_memory,
                                               bool platform_saves_caches);

// PMEM2_FORCE_GRANULARITY; false when it is not set to one of its values.
[[nodiscard]] bool forced_granularity(pmem2_granularity* granularity);

}  // namespace terrace::persist
