/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hbw_allocator.h: a C++ allocator over hbwmalloc.h.
 *
 *     std::vector<double, hbw::allocator<double> > field(1000);
 *
 * C++98 and later, compatible with memkind 1.14's; needs only the functions of hbwmalloc.h. It has no state,
 * and all are equal. Different from memkind: room for more objects than there are addresses is
 * std::bad_array_new_length (before C++11 std::bad_alloc, as there); alignas() of T is honoured; objects that
 * can only be moved can be in a container.
 */
#ifndef HBW_ALLOCATOR_H
#define HBW_ALLOCATOR_H

#include <hbwmalloc.h>
#include <stddef.h>

#include <new>
#if __cplusplus >= 201103L
#include <type_traits>
#include <utility>
#define TERRACE_HBW_NOEXCEPT noexcept
#else
#define TERRACE_HBW_NOEXCEPT throw()
#endif

namespace hbw {

template <class T>
class allocator {
  public:
    typedef size_t size_type;
    typedef ptrdiff_t difference_type;
    typedef T* pointer;
    typedef const T* const_pointer;
    typedef T& reference;
    typedef const T& const_reference;
    typedef T value_type;
#if __cplusplus >= 201103L
    typedef std::true_type is_always_equal;
    typedef std::true_type propagate_on_container_move_assignment;
#endif

    template <class U>
    struct rebind {
        typedef hbw::allocator<U> other;
    };

    allocator() TERRACE_HBW_NOEXCEPT {}
    template <class U>
    allocator(const allocator<U>&) TERRACE_HBW_NOEXCEPT {}

    pointer address(reference object) const {
        return &object;
    }
    const_pointer address(const_reference object) const {
        return &object;
    }
    size_type max_size() const TERRACE_HBW_NOEXCEPT {
        return static_cast<size_type>(-1) / sizeof(T);
    }

    // Room for n objects, from hbw_malloc() or hbw_posix_memalign(). Throws std::bad_alloc, or
    // std::bad_array_new_length.
    pointer allocate(size_type n, const void* = 0) {
        if (n > max_size()) {
#if __cplusplus >= 201103L
            throw std::bad_array_new_length();
#else
            throw std::bad_alloc();
#endif
        }
        const size_type size = n == 0 ? 1 : n * sizeof(T);
        void* memory = 0;
        if (__alignof__(T) <= 16)
            memory = hbw_malloc(size);
        else if (hbw_posix_memalign(&memory, __alignof__(T), size) != 0)
            memory = 0;
        if (memory == 0)
            throw std::bad_alloc();
        return static_cast<pointer>(memory);
    }
    void deallocate(pointer memory, size_type) {
        hbw_free(memory);
    }

#if __cplusplus >= 201103L
    template <class U, class... Arguments>
    void construct(U* object, Arguments&&... arguments) {
        ::new (static_cast<void*>(object)) U(std::forward<Arguments>(arguments)...);
    }
#else
    void construct(pointer object, const_reference value) {
        ::new (static_cast<void*>(object)) value_type(value);
    }
#endif
    void destroy(pointer object) {
        object->~T();
    }
};

template <class T, class U>
bool operator==(const allocator<T>&, const allocator<U>&) TERRACE_HBW_NOEXCEPT {
    return true;
}
template <class T, class U>
bool operator!=(const allocator<T>&, const allocator<U>&) TERRACE_HBW_NOEXCEPT {
    return false;
}

}  // namespace hbw

#undef TERRACE_HBW_NOEXCEPT
#endif
