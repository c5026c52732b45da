/* SPDX-License-Identifier: BSD-2-Clause
 *
 * memkind_cxx.h: what the C++ allocators over kinds share; programs include memkind_allocator.h,
 * pmem_allocator.h, fixed_allocator.h or memkind_pmr.h. C++11 and later, nothing but this header and the
 * functions of memkind.h.
 */
#ifndef MEMKIND_CXX_H
#define MEMKIND_CXX_H

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "memkind.h"

namespace libmemkind {
namespace detail {

// `bytes` of `kind` at a multiple of `alignment`, a power of two. A block of its own for 0 bytes too. Throws
// std::bad_alloc when there are none.
inline void* allocate_bytes(memkind_t kind, std::size_t bytes, std::size_t alignment) {
    // What memkind_malloc() promises of itself.
    const std::size_t alignment_for_free = bytes <= 8 ? 8 : 16;
    void* memory = nullptr;
    if (alignment <= alignment_for_free)
        memory = memkind_malloc(kind, bytes == 0 ? 1 : bytes);
    else if (memkind_posix_memalign(kind, &memory, alignment, bytes == 0 ? 1 : bytes) != 0)
        memory = nullptr;
    if (memory == nullptr)
        throw std::bad_alloc();
    return memory;
}

// Room for `count` objects, suitably aligned whatever T asks for. Throws std::bad_array_new_length when no
// address space could hold so many.
template <typename T>
T* allocate_objects(memkind_t kind, std::size_t count) {
    if (count > SIZE_MAX / sizeof(T))
        throw std::bad_array_new_length();
    return static_cast<T*>(allocate_bytes(kind, count * sizeof(T), alignof(T)));
}

// What every allocator of memkind's C++ headers has but its constructors: Allocator<T> adds these and kind(), the kind
// that it allocates from. Two allocators are equal when they are of the same kind. Copying a container's contents into
// another (operator=) leaves that one in its kind; moving and swapping take the kind along.
template <template <typename> class Allocator, typename T>
class allocator_functions {
  public:
    using value_type = T;
    using pointer = value_type*;
    using const_pointer = const value_type*;
    using reference = value_type&;
    using const_reference = const value_type&;
    using size_type = std::size_t;
    using difference_type = std::ptrdiff_t;
    using propagate_on_container_copy_assignment = std::false_type;
    using propagate_on_container_move_assignment = std::true_type;
    using propagate_on_container_swap = std::true_type;
    using is_always_equal = std::false_type;

    template <class U>
    struct rebind {
        using other = Allocator<U>;
    };

    // Room for n objects. Throws std::bad_alloc, or std::bad_array_new_length.
    pointer allocate(size_type n) const { return allocate_objects<T>(its_kind(), n); }
    void deallocate(pointer memory, size_type) const noexcept { memkind_free(its_kind(), memory); }

    template <class U, class... Arguments>
    void construct(U* object, Arguments&&... arguments) const {
        ::new (static_cast<void*>(object)) U(std::forward<Arguments>(arguments)...);
    }
    void destroy(pointer object) const { object->~value_type(); }

  private:
    memkind_t its_kind() const noexcept { return static_cast<const Allocator<T>*>(this)->kind(); }
};

template <template <typename> class Allocator, typename T, typename U>
bool operator==(const allocator_functions<Allocator, T>& left,
                const allocator_functions<Allocator, U>& right) noexcept {
    return static_cast<const Allocator<T>&>(left).kind() == static_cast<const Allocator<U>&>(right).kind();
}
template <template <typename> class Allocator, typename T, typename U>
bool operator!=(const allocator_functions<Allocator, T>& left,
                const allocator_functions<Allocator, U>& right) noexcept {
    return !(left == right);
}

// What a failed memkind_create_* throws: std::invalid_argument or std::runtime_error.
[[noreturn]] inline void throw_creation_error(const char* what, int error) {
    char reason[MEMKIND_ERROR_MESSAGE_SIZE];
    memkind_error_message(error, reason, sizeof reason);
    const std::string text = std::string(what) + ": " + reason + " (" + std::to_string(error) + ")";
    if (error == MEMKIND_ERROR_INVALID)
        throw std::invalid_argument(text);
    throw std::runtime_error(text);
}

// A kind that lives as long as somebody shares it: the last shared_kind destroys it. Never empty: moving is
// copying, so that whoever was moved from can still be used.
//
// Containers copy their allocators all the time (every string in a vector of strings has one), and one
// counter for all of them would travel from CPU to CPU. Therefore the count is spread over slots, each in
// cache lines of its own: a thread counts its copies in its slot, and a copy remembers the slot it is counted
// in, wherever it is destroyed. While the first object lives, the one that was given the kind, nobody needs
// the sum. Its end closes the slots: from now on the kind counts the slots in use, and a slot tells when it
// comes into use or falls empty (a scalable nonzero indicator; Ellen, Lev, Luchangco, Moir, PODC 2007).
// Whoever copies holds a share in a slot in use, so the number of those cannot become 0 meanwhile.
//
// Thread safety: as a number's; different objects may be used by different threads at the same time.
class shared_kind {
  public:
    // Takes `kind` over, also when it throws std::bad_alloc.
    explicit shared_kind(memkind_t kind) : share_(own(kind)) {}

    shared_kind(const shared_kind& other) noexcept : share_(other.owner()->add_share()) {}
    shared_kind& operator=(const shared_kind& other) noexcept {
        if (owner() != other.owner()) {
            const std::uintptr_t left = share_;
            share_ = other.owner()->add_share();
            give_up(left);
        }
        return *this;
    }
    ~shared_kind() { give_up(share_); }

    memkind_t get() const noexcept { return owner()->kind; }

  private:
    struct owner_record;

    struct slot {
        std::atomic<std::size_t> shares;  // their number, and `closed`
        owner_record* owner;
        // Two cache lines, because CPUs fetch them in pairs.
        char padding[128 - sizeof(std::atomic<std::size_t>) - sizeof(owner_record*)];
    };

    struct owner_record {
        enum : std::size_t { slot_count = 32, closed = ~(SIZE_MAX >> 1) };
        memkind_t kind;
        slot slots[slot_count];
        // Slots in use, and the first object. As long as slots are open they are all taken to be in use.
        std::atomic<std::size_t> users;

        explicit owner_record(memkind_t its_kind) noexcept : kind(its_kind), users(slot_count + 1) {
            for (slot& each : slots) {
                each.shares.store(0, std::memory_order_relaxed);
                each.owner = this;
            }
        }

        std::uintptr_t add_share() noexcept {
            slot& mine = slots[number_of_this_thread() % slot_count];
            if (mine.shares.fetch_add(1, std::memory_order_relaxed) == closed)
                users.fetch_add(1, std::memory_order_relaxed);
            return reinterpret_cast<std::uintptr_t>(&mine);
        }
        void remove_share(slot& from) noexcept {
            if (from.shares.fetch_sub(1, std::memory_order_acq_rel) == closed + 1)
                remove_user();
        }
        void remove_first() noexcept {
            for (slot& each : slots)
                if (each.shares.fetch_or(closed, std::memory_order_acq_rel) == 0)
                    remove_user();
            remove_user();
        }
        void remove_user() noexcept {
            if (users.fetch_sub(1, std::memory_order_acq_rel) == 1) {
                memkind_destroy_kind(kind);
                delete this;
            }
        }
    };

    // Threads get numbers in turn.
    static unsigned number_of_this_thread() noexcept {
        static std::atomic<unsigned> last_number(0);
        static thread_local unsigned number = 0;
        if (number == 0)
            number = last_number.fetch_add(1, std::memory_order_relaxed) | 1U << 31;
        return number;
    }

    static std::uintptr_t own(memkind_t kind) {
        owner_record* const owner = new (std::nothrow) owner_record(kind);
        if (owner == nullptr) {
            memkind_destroy_kind(kind);
            throw std::bad_alloc();
        }
        return reinterpret_cast<std::uintptr_t>(&owner->slots[0]) | first;
    }

    static slot* slot_of(std::uintptr_t share) noexcept {
        return reinterpret_cast<slot*>(share & ~std::uintptr_t{first});
    }
    static void give_up(std::uintptr_t share) noexcept {
        slot* const its_slot = slot_of(share);
        if ((share & first) != 0)
            its_slot->owner->remove_first();
        else
            its_slot->owner->remove_share(*its_slot);
    }
    owner_record* owner() const noexcept { return slot_of(share_)->owner; }

    enum : std::uintptr_t { first = 1 };
    // The address of the slot that counts this object; or, with the lowest bit set, of any slot: the object
    // is the first.
    std::uintptr_t share_;
};

// An allocator whose copies share a kind of their own, which goes with the last of them. Allocator<T> adds the constructors
// that make the kind. What was moved from shares it as before.
template <template <typename> class Allocator, typename T>
class owning_allocator : public allocator_functions<Allocator, T> {
  public:
    // Terrace's own. Exists as long as an allocator that shares it.
    memkind_t kind() const noexcept { return kind_.get(); }

  protected:
    // Takes `kind` over, also when it throws std::bad_alloc.
    explicit owning_allocator(memkind_t kind) : kind_(kind) {}
    template <typename U>
    explicit owning_allocator(const owning_allocator<Allocator, U>& other) noexcept : kind_(other.kind_) {}

  private:
    template <template <typename> class, typename>
    friend class owning_allocator;

    shared_kind kind_;
};

}  // namespace detail
}  // namespace libmemkind

#endif
