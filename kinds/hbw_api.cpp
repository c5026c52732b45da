// hbwmalloc.h: one policy for the process, and a kind for each policy and page size.
#include <errno.h>

#include "include/hbwmalloc.h"
#include "include/memkind.h"
#include "kinds/page_nodes.hpp"
#include "kinds/places.hpp"
#include "kinds/static_kinds.hpp"

using namespace terrace;
using namespace terrace::kinds;

namespace {

// kOpen is left once, by hbw_set_policy() or by the first allocation.
enum : int { kOpen = 0 };
int policy;  // kOpen or a hbw_policy_t (atomic)

// What an allocation in ordinary pages comes from; nullptr before the first one. (atomic)
memkind_t usual_kind;

bool is_policy(int mode) {
    return mode == HBW_POLICY_BIND || mode == HBW_POLICY_PREFERRED || mode == HBW_POLICY_INTERLEAVE ||
           mode == HBW_POLICY_BIND_ALL;
}

// The policy that holds from now on: `wanted`, or the one that was first.
int settle_policy(int wanted) {
    int current = kOpen;
    return __atomic_compare_exchange_n(&policy, &current, wanted, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
               ? wanted
               : current;
}

enum PageSize { kOrdinary, k2MiB, k1GiB };

// nullptr: that policy has no kind with such pages.
memkind_t kind_for(int mode, PageSize pages) {
    constexpr StaticKind kBind[] = {kHbw, kHbwHugetlb, kHbwGbtlb};
    // There is no kind for 1 GiB pages of any node; the nearest are of the policy's nodes, too.
    constexpr StaticKind kBindAll[] = {kHbwAll, kHbwAllHugetlb, kHbwGbtlb};
    constexpr StaticKind kPreferred[] = {kHbwPreferred, kHbwPreferredHugetlb, kHbwPreferredGbtlb};
    constexpr StaticKind kWithoutHbw[] = {kDefault, kHugetlb, kGbtlb};
    switch (mode) {
        case HBW_POLICY_BIND:
            return &static_kinds[kBind[pages]];
        case HBW_POLICY_BIND_ALL:
            return &static_kinds[kBindAll[pages]];
        case HBW_POLICY_INTERLEAVE:
            return pages == kOrdinary ? &static_kinds[kHbwInterleave] : nullptr;
        default:
            break;
    }
    const bool has_hbw = availability(&static_kinds[kHbwPreferred]) == 0;
    return &static_kinds[(has_hbw ? kPreferred : kWithoutHbw)[pages]];
}

// 1 load when something was allocated before.
memkind_t kind_of_policy() {
    memkind_t kind = __atomic_load_n(&usual_kind, __ATOMIC_RELAXED);
    if (kind == nullptr) [[unlikely]] {
        // Looking at the machine fails to find this and that, which is nobody's error.
        const int saved_errno = errno;
        kind = kind_for(settle_policy(HBW_POLICY_PREFERRED), kOrdinary);
        __atomic_store_n(&usual_kind, kind, __ATOMIC_RELAXED);
        errno = saved_errno;
    }
    return kind;
}

// An error leaves no address to be used by mistake.
int refuse(void** memptr) {
    if (memptr != nullptr)
        *memptr = nullptr;
    return EINVAL;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

hbw_policy_t hbw_get_policy(void) {
    const int current = __atomic_load_n(&policy, __ATOMIC_RELAXED);
    return current == kOpen ? HBW_POLICY_PREFERRED : static_cast<hbw_policy_t>(current);
}

int hbw_set_policy(hbw_policy_t mode) {
    if (!is_policy(mode))
        return EINVAL;
    return settle_policy(mode) == static_cast<int>(mode) ? 0 : EPERM;
}

int hbw_check_available(void) {
    return availability(&static_kinds[kHbw]) == 0 ? 0 : ENODEV;
}

int hbw_verify_memory_region(void* addr, size_t size, int flags) {
    if (addr == nullptr || size == 0 || (flags & ~HBW_TOUCH_PAGES) != 0)
        return EINVAL;
    if ((flags & HBW_TOUCH_PAGES) != 0 && !touch_pages(addr, size))
        return EFAULT;
    memkind_t const all = &static_kinds[kHbwAll];
    const NodeSet nodes = availability(all) == 0 ? nodes_of(all) : NodeSet{};
    switch (where_pages_lie(addr, size, nodes)) {
        case PagesLie::kInside:
            return 0;
        case PagesLie::kOutside:
            return -1;
        case PagesLie::kUnknown:
            break;
    }
    return EFAULT;
}

void* hbw_malloc(size_t size) {
    return memkind_malloc(kind_of_policy(), size);
}

void* hbw_calloc(size_t num, size_t size) {
    return memkind_calloc(kind_of_policy(), num, size);
}

void* hbw_realloc(void* ptr, size_t size) {
    // A block stays in the kind that it has: its page size is not to change.
    return ptr == nullptr ? hbw_malloc(size) : memkind_realloc(nullptr, ptr, size);
}

int hbw_posix_memalign(void** memptr, size_t alignment, size_t size) {
    return hbw_posix_memalign_psize(memptr, alignment, size, HBW_PAGESIZE_4KB);
}

int hbw_posix_memalign_psize(void** memptr, size_t alignment, size_t size, hbw_pagesize_t pagesize) {
    constexpr size_t kGiB = size_t{1} << 30;
    PageSize pages = kOrdinary;
    switch (pagesize) {
        case HBW_PAGESIZE_4KB:
            break;
        case HBW_PAGESIZE_2MB:
            pages = k2MiB;
            break;
        case HBW_PAGESIZE_1GB_STRICT:
            if (size % kGiB != 0)
                return refuse(memptr);
            pages = k1GiB;
            break;
        case HBW_PAGESIZE_1GB:
            pages = k1GiB;
            break;
        case HBW_PAGESIZE_MAX_VALUE:
        default:
            return refuse(memptr);
    }
    if (memptr == nullptr)
        return EINVAL;
    memkind_t const kind =
        pages == kOrdinary ? kind_of_policy() : kind_for(settle_policy(HBW_POLICY_PREFERRED), pages);
    return kind == nullptr ? refuse(memptr) : memkind_posix_memalign(kind, memptr, alignment, size);
}

void hbw_free(void* ptr) {
    memkind_free(nullptr, ptr);
}

size_t hbw_malloc_usable_size(void* ptr) {
    return memkind_malloc_usable_size(nullptr, ptr);
}

}  // extern "C"
#pragma GCC visibility pop
