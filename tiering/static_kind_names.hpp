// The static kinds' names, by number, without the prefix MEMKIND_ that their symbols have: what
// MEMKIND_MEM_TIERS and AUTO_HBW_MEM_TYPE call them. Pure: knows no kinds.
#pragma once

#include <string_view>

#include "kinds/static_kind.hpp"

namespace terrace::tiering {

// Not inline: such a variable is unique in the process (STB_GNU_UNIQUE), and a static library would show it.
constexpr const char* kStaticKindNames[] = {
    "DEFAULT",
    "HBW",
    "HBW_HUGETLB",
    "HBW_PREFERRED",
    "HBW_PREFERRED_HUGETLB",
    "HUGETLB",
    "HBW_GBTLB",
    "HBW_PREFERRED_GBTLB",
    "GBTLB",
    "HBW_INTERLEAVE",
    "INTERLEAVE",
    "REGULAR",
    "HBW_ALL",
    "HBW_ALL_HUGETLB",
    "DAX_KMEM",
    "DAX_KMEM_ALL",
    "DAX_KMEM_PREFERRED",
    "DAX_KMEM_INTERLEAVE",
    "HIGHEST_CAPACITY",
    "HIGHEST_CAPACITY_PREFERRED",
    "HIGHEST_CAPACITY_LOCAL",
    "HIGHEST_CAPACITY_LOCAL_PREFERRED",
    "LOWEST_LATENCY_LOCAL",
    "LOWEST_LATENCY_LOCAL_PREFERRED",
    "HIGHEST_BANDWIDTH_LOCAL",
    "HIGHEST_BANDWIDTH_LOCAL_PREFERRED",
};
static_assert(sizeof kStaticKindNames / sizeof kStaticKindNames[0] == kinds::kStaticKindCount);

// The number of the static kind called `name`, in any case of letters when `any_case`; kStaticKindCount when
// there is none.
constexpr unsigned static_kind_called(std::string_view name, bool any_case) {
    const auto same = [any_case](char given, char upper) {
        return given == upper || (any_case && given >= 'a' && given <= 'z' && given - ('a' - 'A') == upper);
    };
    for (unsigned number = 0; number < kinds::kStaticKindCount; ++number) {
        const std::string_view candidate = kStaticKindNames[number];
        bool equal = candidate.size() == name.size();
        for (std::size_t i = 0; equal && i < name.size(); ++i)
            equal = same(name[i], candidate[i]);
        if (equal)
            return number;
    }
    return kinds::kStaticKindCount;
}

}  // namespace terrace::tiering
