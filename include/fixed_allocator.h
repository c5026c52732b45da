/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fixed_allocator.h: a C++ allocator over memory that the caller has (memkind_create_fixed). The kind exists
 * as long as one of the allocators that were copied from each other, those inside containers included; the
 * memory is the caller's and must be there until then.
 *
 *     static char buffer[1 << 20];
 *     libmemkind::fixed::allocator<int> in_buffer(buffer, sizeof buffer);
 *     std::vector<int, libmemkind::fixed::allocator<int>> numbers(in_buffer);
 *
 * C++11 and later, compatible with memkind 1.14's; needs only the functions of memkind.h. What differs from
 * memkind is told in pmem_allocator.h.
 */
#ifndef FIXED_ALLOCATOR_H
#define FIXED_ALLOCATOR_H

#include <cstddef>
#include <new>

#include "memkind.h"
#include "memkind_cxx.h"

namespace libmemkind {
namespace fixed {
// An allocator here is one pointer, memkind's is two: the names must differ for the linker, so that object
// files made with either header do not mix unnoticed.
inline namespace one_pointer {

// A new fixed kind. Throws std::invalid_argument or std::runtime_error.
inline memkind_t create_kind(void* address, std::size_t size) {
    memkind_t kind = nullptr;
    const int error = memkind_create_fixed(address, size, &kind);
    if (error != MEMKIND_SUCCESS)
        detail::throw_creation_error("libmemkind::fixed::allocator", error);
    return kind;
}

// Meets the standard's requirements of an allocator. One pointer; a copy is counted in a cache line of the
// copying thread's own. Two are equal when they share the kind.
template <typename T>
class allocator : public detail::owning_allocator<allocator, T> {
    using shared = detail::owning_allocator<allocator, T>;

  public:
    using size_type = std::size_t;

    // Makes the kind; arguments and errors as memkind_create_fixed(). Throws std::invalid_argument when an
    // argument is bad, else std::runtime_error or std::bad_alloc.
    explicit allocator(void* address, size_type size) : shared(create_kind(address, size)) {}

    template <typename U>
    allocator(const allocator<U>& other) noexcept : shared(other) {}
};

}  // namespace one_pointer
}  // namespace fixed
}  // namespace libmemkind

#endif
