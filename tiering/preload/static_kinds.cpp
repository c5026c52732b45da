#include "tiering/preload/static_kinds.hpp"

#include "include/memkind_deprecated.h"
#include "kinds/static_kind.hpp"

namespace terrace::preload {
namespace {

constexpr memkind_t* kStaticKinds[] = {
    &MEMKIND_DEFAULT,
    &MEMKIND_HBW,
    &MEMKIND_HBW_HUGETLB,
    &MEMKIND_HBW_PREFERRED,
    &MEMKIND_HBW_PREFERRED_HUGETLB,
    &MEMKIND_HUGETLB,
    &MEMKIND_HBW_GBTLB,
    &MEMKIND_HBW_PREFERRED_GBTLB,
    &MEMKIND_GBTLB,
    &MEMKIND_HBW_INTERLEAVE,
    &MEMKIND_INTERLEAVE,
    &MEMKIND_REGULAR,
    &MEMKIND_HBW_ALL,
    &MEMKIND_HBW_ALL_HUGETLB,
    &MEMKIND_DAX_KMEM,
    &MEMKIND_DAX_KMEM_ALL,
    &MEMKIND_DAX_KMEM_PREFERRED,
    &MEMKIND_DAX_KMEM_INTERLEAVE,
    &MEMKIND_HIGHEST_CAPACITY,
    &MEMKIND_HIGHEST_CAPACITY_PREFERRED,
    &MEMKIND_HIGHEST_CAPACITY_LOCAL,
    &MEMKIND_HIGHEST_CAPACITY_LOCAL_PREFERRED,
    &MEMKIND_LOWEST_LATENCY_LOCAL,
    &MEMKIND_LOWEST_LATENCY_LOCAL_PREFERRED,
    &MEMKIND_HIGHEST_BANDWIDTH_LOCAL,
    &MEMKIND_HIGHEST_BANDWIDTH_LOCAL_PREFERRED,
};
static_assert(sizeof kStaticKinds / sizeof kStaticKinds[0] == kinds::kStaticKindCount);

}  // namespace

memkind_t static_kind(unsigned number) {
    return *kStaticKinds[number];
}

}  // namespace terrace::preload
