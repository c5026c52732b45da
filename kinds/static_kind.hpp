// The kinds that are always there, by number: the numbers of memkind_deprecated.h's partitions, and the slots
// that these kinds have in the registry.
#pragma once

namespace terrace::kinds {

enum StaticKind : unsigned {
    kDefault = 0,
    kHbw = 1,
    kHbwHugetlb = 2,
    kHbwPreferred = 3,
    kHbwPreferredHugetlb = 4,
    kHugetlb = 5,
    kHbwGbtlb = 6,
    kHbwPreferredGbtlb = 7,
    kGbtlb = 8,
    kHbwInterleave = 9,
    kInterleave = 10,
    kRegular = 11,
    kHbwAll = 12,
    kHbwAllHugetlb = 13,
    kDaxKmem = 14,
    kDaxKmemAll = 15,
    kDaxKmemPreferred = 16,
    kDaxKmemInterleave = 17,
    kHighestCapacity = 18,
    kHighestCapacityPreferred = 19,
    kHighestCapacityLocal = 20,
    kHighestCapacityLocalPreferred = 21,
    kLowestLatencyLocal = 22,
    kLowestLatencyLocalPreferred = 23,
    kHighestBandwidthLocal = 24,
    kHighestBandwidthLocalPreferred = 25,
    kStaticKindCount = 26,
};

}  // namespace terrace::kinds
