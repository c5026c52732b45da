/* SPDX-License-Identifier: BSD-2-Clause
 *
 * memkind_pmr.h: any kind in C++ containers. Terrace's own.
 *
 *     terrace::allocator<int> there(kind);      // any memkind_t: static, file, fixed, on nodes, persistent, ...
 *     std::vector<int, terrace::allocator<int>> numbers(there);
 *
 *     terrace::memory_resource resource(kind);  // C++17
 *     std::pmr::vector<int> more(&resource);
 *
 * Both refer to the kind and do not own it: whoever made it destroys it, after the containers. Both use
 * nothing but the functions of memkind.h. The allocator needs C++11, the memory resource a standard library
 * with <memory_resource>.
 */
#ifndef MEMKIND_PMR_H
#define MEMKIND_PMR_H

#include <cstddef>
#include <type_traits>

#include "memkind.h"
#include "memkind_cxx.h"

#if __cplusplus >= 201703L && defined(__has_include)
#if __has_include(<memory_resource>)
#include <memory_resource>
#endif
#endif

namespace terrace {

// Meets the standard's requirements of an allocator. One pointer: copying and moving cost nothing. Two are
// equal when they are of the same kind. Containers that are assigned, moved or swapped take the kind along.
template <typename T>
class allocator {
  public:
    using value_type = T;
    using propagate_on_container_copy_assignment = std::true_type;
    using propagate_on_container_move_assignment = std::true_type;
    using propagate_on_container_swap = std::true_type;
    using is_always_equal = std::false_type;

    // Ordinary memory: MEMKIND_DEFAULT.
    allocator() noexcept : kind_(MEMKIND_DEFAULT) {}
    // Not explicit: a container's constructor takes the kind itself, as it takes a
    // std::pmr::memory_resource*.
    allocator(memkind_t kind) noexcept : kind_(kind) {}
    template <typename U>
    allocator(const allocator<U>& other) noexcept : kind_(other.kind()) {}

    // Room for n objects, aligned as T asks. Throws std::bad_alloc, or std::bad_array_new_length.
    T* allocate(std::size_t n) const { return libmemkind::detail::allocate_objects<T>(kind_, n); }
    void deallocate(T* memory, std::size_t) const noexcept { memkind_free(kind_, memory); }

    memkind_t kind() const noexcept { return kind_; }

  private:
    memkind_t kind_;
};

template <typename T, typename U>
bool operator==(const allocator<T>& left, const allocator<U>& right) noexcept {
    return left.kind() == right.kind();
}
template <typename T, typename U>
bool operator!=(const allocator<T>& left, const allocator<U>& right) noexcept {
    return !(left == right);
}

#if __cplusplus >= 201703L
// `terrace::allocator there(kind)`: containers rebind it to what they hold.
allocator(memkind_t)->allocator<std::byte>;
allocator()->allocator<std::byte>;
#endif

#ifdef __cpp_lib_memory_resource
// A kind as a std::pmr::memory_resource. Two are equal when they are of the same kind. Any thread may use it.
class memory_resource : public std::pmr::memory_resource {
  public:
    explicit memory_resource(memkind_t kind) noexcept : kind_(kind) {}

    memkind_t kind() const noexcept { return kind_; }

  protected:
    // Throws std::bad_alloc.
    void* do_allocate(std::size_t bytes, std::size_t alignment) override {
        return libmemkind::detail::allocate_bytes(kind_, bytes, alignment);
    }
    void do_deallocate(void* memory, std::size_t, std::size_t) override { memkind_free(kind_, memory); }
    bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
        if (this == &other)
            return true;
#ifdef __cpp_rtti
        const memory_resource* const like_us = dynamic_cast<const memory_resource*>(&other);
        return like_us != nullptr && like_us->kind_ == kind_;
#else
        return false;
#endif
    }

  private:
    memkind_t kind_;
};
#endif

}  // namespace terrace

#endif
