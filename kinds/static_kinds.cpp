#include "kinds/static_kinds.hpp"

#include "kinds/anonymous_source.hpp"
#include "kinds/extent_hooks.hpp"

namespace terrace::kinds {
namespace {

constinit AnonymousSource default_source;

constexpr std::size_t kFirstWindow = std::size_t{4} << 30;

constexpr const char* kNames[kStaticKindCount] = {
    "memkind_default",
    "memkind_hbw",
    "memkind_hbw_hugetlb",
    "memkind_hbw_preferred",
    "memkind_hbw_preferred_hugetlb",
    "memkind_hugetlb",
    "memkind_hbw_gbtlb",
    "memkind_hbw_preferred_gbtlb",
    "memkind_gbtlb",
    "memkind_hbw_interleave",
    "memkind_interleave",
    "memkind_regular",
    "memkind_hbw_all",
    "memkind_hbw_all_hugetlb",
    "memkind_dax_kmem",
    "memkind_dax_kmem_all",
    "memkind_dax_kmem_preferred",
    "memkind_dax_kmem_interleave",
    "memkind_highest_capacity",
    "memkind_highest_capacity_preferred",
    "memkind_highest_capacity_local",
    "memkind_highest_capacity_local_preferred",
    "memkind_lowest_latency_local",
    "memkind_lowest_latency_local_preferred",
    "memkind_highest_bandwidth_local",
    "memkind_highest_bandwidth_local_preferred",
};

constexpr memkind static_kind(StaticKind number) {
    return {.name = kNames[number],
            .source = number == kDefault ? &default_source : nullptr,
            .foreign_heap = nullptr,
            .foreign_state = nullptr,
            .serial = number + 1,
            .slot = number,
            .shard_count = 0,
            .first_window = kFirstWindow,
            .fixed = {},
            .next_over_buffer = nullptr,
            .gives_back_at_once = false,
            .allows_zero_size = false,
            .dying = false,
            .state = number == kDefault ? KindState::kReady : KindState::kNotPrepared,
            .error = 0,
            .shown_as = &static_kinds[number],
            .choice = nullptr,
            .parts = nullptr,
            .part_count = 0,
            .passed_over = 0,
            .growth_lock = {},
            .shards = {},
            .windows = {},
            .window_count = 0,
            .carved = 0,
            .taken = 0,
            .peak = 0,
            .limit = SIZE_MAX,
            .caches = nullptr,
            .run_bytes = 0};
}

#define TERRACE_KIND(number) static_kind(static_cast<StaticKind>(number))

}  // namespace

__attribute__((visibility("hidden"))) constinit memkind static_kinds[kStaticKindCount] = {
    TERRACE_KIND(0),  TERRACE_KIND(1),  TERRACE_KIND(2),  TERRACE_KIND(3),  TERRACE_KIND(4),
    TERRACE_KIND(5),  TERRACE_KIND(6),  TERRACE_KIND(7),  TERRACE_KIND(8),  TERRACE_KIND(9),
    TERRACE_KIND(10), TERRACE_KIND(11), TERRACE_KIND(12), TERRACE_KIND(13), TERRACE_KIND(14),
    TERRACE_KIND(15), TERRACE_KIND(16), TERRACE_KIND(17), TERRACE_KIND(18), TERRACE_KIND(19),
    TERRACE_KIND(20), TERRACE_KIND(21), TERRACE_KIND(22), TERRACE_KIND(23), TERRACE_KIND(24),
    TERRACE_KIND(25),
};

__attribute__((visibility("hidden"))) constinit Shard jemallocs_own_shard = {.hooks = kExtentHooks,
                                                                             .kind = &static_kinds[kDefault],
                                                                             .arena = 0,
                                                                             .lock = {},
                                                                             .bins = {},
                                                                             .chunks = nullptr,
                                                                             .chunk_next = nullptr,
                                                                             .chunk_left = 0,
                                                                             .free_descriptors = {}};

}  // namespace terrace::kinds

// The public names: 8 bytes of data each, as in memkind, so that executables that copied them go on working.
#pragma GCC visibility push(default)
extern "C" {
using terrace::kinds::static_kinds;
#define TERRACE_PUBLIC_KIND(name, number) constinit memkind_t name = &static_kinds[terrace::kinds::number];
TERRACE_PUBLIC_KIND(MEMKIND_DEFAULT, kDefault)
TERRACE_PUBLIC_KIND(MEMKIND_HBW, kHbw)
TERRACE_PUBLIC_KIND(MEMKIND_HBW_HUGETLB, kHbwHugetlb)
TERRACE_PUBLIC_KIND(MEMKIND_HBW_PREFERRED, kHbwPreferred)
TERRACE_PUBLIC_KIND(MEMKIND_HBW_PREFERRED_HUGETLB, kHbwPreferredHugetlb)
TERRACE_PUBLIC_KIND(MEMKIND_HUGETLB, kHugetlb)
TERRACE_PUBLIC_KIND(MEMKIND_HBW_GBTLB, kHbwGbtlb)
TERRACE_PUBLIC_KIND(MEMKIND_HBW_PREFERRED_GBTLB, kHbwPreferredGbtlb)
TERRACE_PUBLIC_KIND(MEMKIND_GBTLB, kGbtlb)
TERRACE_PUBLIC_KIND(MEMKIND_HBW_INTERLEAVE, kHbwInterleave)
TERRACE_PUBLIC_KIND(MEMKIND_INTERLEAVE, kInterleave)
TERRACE_PUBLIC_KIND(MEMKIND_REGULAR, kRegular)
TERRACE_PUBLIC_KIND(MEMKIND_HBW_ALL, kHbwAll)
TERRACE_PUBLIC_KIND(MEMKIND_HBW_ALL_HUGETLB, kHbwAllHugetlb)
TERRACE_PUBLIC_KIND(MEMKIND_DAX_KMEM, kDaxKmem)
TERRACE_PUBLIC_KIND(MEMKIND_DAX_KMEM_ALL, kDaxKmemAll)
TERRACE_PUBLIC_KIND(MEMKIND_DAX_KMEM_PREFERRED, kDaxKmemPreferred)
TERRACE_PUBLIC_KIND(MEMKIND_DAX_KMEM_INTERLEAVE, kDaxKmemInterleave)
TERRACE_PUBLIC_KIND(MEMKIND_HIGHEST_CAPACITY, kHighestCapacity)
TERRACE_PUBLIC_KIND(MEMKIND_HIGHEST_CAPACITY_PREFERRED, kHighestCapacityPreferred)
TERRACE_PUBLIC_KIND(MEMKIND_HIGHEST_CAPACITY_LOCAL, kHighestCapacityLocal)
TERRACE_PUBLIC_KIND(MEMKIND_HIGHEST_CAPACITY_LOCAL_PREFERRED, kHighestCapacityLocalPreferred)
TERRACE_PUBLIC_KIND(MEMKIND_LOWEST_LATENCY_LOCAL, kLowestLatencyLocal)
TERRACE_PUBLIC_KIND(MEMKIND_LOWEST_LATENCY_LOCAL_PREFERRED, kLowestLatencyLocalPreferred)
TERRACE_PUBLIC_KIND(MEMKIND_HIGHEST_BANDWIDTH_LOCAL, kHighestBandwidthLocal)
TERRACE_PUBLIC_KIND(MEMKIND_HIGHEST_BANDWIDTH_LOCAL_PREFERRED, kHighestBandwidthLocalPreferred)
}
#pragma GCC visibility pop
