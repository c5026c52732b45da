/* SPDX-License-Identifier: BSD-2-Clause
 *
 * memkind_allocator.h: a C++ allocator over the kinds that are always there.
 *
 *     libmemkind::static_kind::allocator<int> fast(libmemkind::kinds::HBW_PREFERRED);
 *     std::vector<int, libmemkind::static_kind::allocator<int>> numbers(fast);
 *
 * C++11 and later, compatible with memkind 1.14's; needs only the functions of memkind.h. For any other kind
 * see memkind_pmr.h. Different from memkind: room for more objects than there are addresses is
 * std::bad_array_new_length instead of too little memory; alignas() of T is honoured; a container that is
 * moved or swapped takes its memory, kind and all, along (memkind copied the elements, and swapping
 * containers of different kinds was undefined).
 */
#ifndef MEMKIND_ALLOCATOR_H
#define MEMKIND_ALLOCATOR_H

#include <cstddef>
#include <new>
#include <stdexcept>

#include "memkind.h"
#include "memkind_cxx.h"

namespace libmemkind {

enum class kinds {
    DEFAULT = 0,
    HUGETLB = 1,
    INTERLEAVE = 2,
    HBW = 3,
    HBW_ALL = 4,
    HBW_HUGETLB = 5,
    HBW_ALL_HUGETLB = 6,
    HBW_PREFERRED = 7,
    HBW_PREFERRED_HUGETLB = 8,
    HBW_INTERLEAVE = 9,
    REGULAR = 10,
    DAX_KMEM = 11,
    DAX_KMEM_ALL = 12,
    DAX_KMEM_PREFERRED = 13,
    DAX_KMEM_INTERLEAVE = 14,
    HIGHEST_CAPACITY = 15,
    HIGHEST_CAPACITY_PREFERRED = 16,
    HIGHEST_CAPACITY_LOCAL = 17,
    HIGHEST_CAPACITY_LOCAL_PREFERRED = 18,
    LOWEST_LATENCY_LOCAL = 19,
    LOWEST_LATENCY_LOCAL_PREFERRED = 20,
    HIGHEST_BANDWIDTH_LOCAL = 21,
    HIGHEST_BANDWIDTH_LOCAL_PREFERRED = 22
};

namespace static_kind {

// The memkind_t of that name. Throws std::runtime_error when there is no such one.
inline memkind_t kind_named(libmemkind::kinds name) {
    switch (name) {
        case kinds::DEFAULT:
            return MEMKIND_DEFAULT;
        case kinds::HUGETLB:
            return MEMKIND_HUGETLB;
        case kinds::INTERLEAVE:
            return MEMKIND_INTERLEAVE;
        case kinds::HBW:
            return MEMKIND_HBW;
        case kinds::HBW_ALL:
            return MEMKIND_HBW_ALL;
        case kinds::HBW_HUGETLB:
            return MEMKIND_HBW_HUGETLB;
        case kinds::HBW_ALL_HUGETLB:
            return MEMKIND_HBW_ALL_HUGETLB;
        case kinds::HBW_PREFERRED:
            return MEMKIND_HBW_PREFERRED;
        case kinds::HBW_PREFERRED_HUGETLB:
            return MEMKIND_HBW_PREFERRED_HUGETLB;
        case kinds::HBW_INTERLEAVE:
            return MEMKIND_HBW_INTERLEAVE;
        case kinds::REGULAR:
            return MEMKIND_REGULAR;
        case kinds::DAX_KMEM:
            return MEMKIND_DAX_KMEM;
        case kinds::DAX_KMEM_ALL:
            return MEMKIND_DAX_KMEM_ALL;
        case kinds::DAX_KMEM_PREFERRED:
            return MEMKIND_DAX_KMEM_PREFERRED;
        case kinds::DAX_KMEM_INTERLEAVE:
            return MEMKIND_DAX_KMEM_INTERLEAVE;
        case kinds::HIGHEST_CAPACITY:
            return MEMKIND_HIGHEST_CAPACITY;
        case kinds::HIGHEST_CAPACITY_PREFERRED:
            return MEMKIND_HIGHEST_CAPACITY_PREFERRED;
        case kinds::HIGHEST_CAPACITY_LOCAL:
            return MEMKIND_HIGHEST_CAPACITY_LOCAL;
        case kinds::HIGHEST_CAPACITY_LOCAL_PREFERRED:
            return MEMKIND_HIGHEST_CAPACITY_LOCAL_PREFERRED;
        case kinds::LOWEST_LATENCY_LOCAL:
            return MEMKIND_LOWEST_LATENCY_LOCAL;
        case kinds::LOWEST_LATENCY_LOCAL_PREFERRED:
            return MEMKIND_LOWEST_LATENCY_LOCAL_PREFERRED;
        case kinds::HIGHEST_BANDWIDTH_LOCAL:
            return MEMKIND_HIGHEST_BANDWIDTH_LOCAL;
        case kinds::HIGHEST_BANDWIDTH_LOCAL_PREFERRED:
            return MEMKIND_HIGHEST_BANDWIDTH_LOCAL_PREFERRED;
    }
    throw std::runtime_error("libmemkind::kinds: no kind has this number");
}

// Meets the standard's requirements of an allocator. One pointer; copying costs nothing. Two are equal when
// they are of the same kind.
template <typename T>
class allocator : public detail::allocator_functions<allocator, T> {
  public:
    explicit allocator(libmemkind::kinds name) : kind_(kind_named(name)) {}
    allocator(const allocator& other) noexcept = default;
    template <typename U>
    allocator(const allocator<U>& other) noexcept : kind_(other.kind()) {}
    allocator& operator=(const allocator& other) noexcept = default;
    template <typename U>
    allocator& operator=(const allocator<U>& other) noexcept {
        kind_ = other.kind();
        return *this;
    }

    // Terrace's own.
    memkind_t kind() const noexcept { return kind_; }

  private:
    memkind_t kind_;
};

}  // namespace static_kind
}  // namespace libmemkind

#endif
