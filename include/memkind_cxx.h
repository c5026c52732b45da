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
// counter for all of them would travel from CPU to CPU. Therefore the count is spread over slots, each in a
// cache line of its own: a thread counts its copies in its slot, and a copy remembers the slot it is counted
// in, wherever it is destroyed. The kind counts only the slots that are in use (a scalable nonzero indicator;
// Ellen, Lev, Luchangco, Moir, PODC 2007). Whoever copies holds a share in a slot that is in use, so the
// number of those cannot become 0 meanwhile.
//
// Thread safety: as a number's; different objects may be used by different threads at the same time.
class shared_kind {
  public:
    // Takes `kind` over, also when it throws std::bad_alloc.
    explicit shared_kind(memkind_t kind) : slot_(own(kind)) {}

    shared_kind(const shared_kind& other) noexcept : slot_(other.slot_->owner->slot_of_this_thread()) {
        slot_->add();
    }
    shared_kind& operator=(const shared_kind& other) noexcept {
        if (slot_->owner != other.slot_->owner) {
            slot* const left = slot_;
            slot_ = other.slot_->owner->slot_of_this_thread();
            slot_->add();
            left->remove();
        }
        return *this;
    }
    ~shared_kind() { slot_->remove(); }

    memkind_t get() const noexcept { return slot_->kind; }

  private:
    struct owner_record;

    struct slot {
        std::atomic<std::size_t> shares;
        memkind_t kind;
        owner_record* owner;
        // Two lines, because CPUs fetch them in pairs.
        char padding[128 - sizeof(std::atomic<std::size_t>) - sizeof(memkind_t) - sizeof(void*)];

        slot() noexcept : shares(0), kind(nullptr), owner(nullptr) {}
        void add() noexcept {
            if (shares.fetch_add(1, std::memory_order_relaxed) == 0)
                owner->used_slots.fetch_add(1, std::memory_order_relaxed);
        }
        void remove() noexcept {
            if (shares.fetch_sub(1, std::memory_order_acq_rel) == 1 &&
                owner->used_slots.fetch_sub(1, std::memory_order_acq_rel) == 1) {
                memkind_destroy_kind(kind);
                delete owner;
            }
        }
    };

    struct owner_record {
        enum : unsigned { slot_count = 32 };
        slot slots[slot_count];
        std::atomic<std::size_t> used_slots;

        explicit owner_record(memkind_t kind) noexcept : used_slots(0) {
            for (slot& each : slots) {
                each.kind = kind;
                each.owner = this;
            }
        }
        // Threads get the slots in turn.
        slot* slot_of_this_thread() noexcept {
            static std::atomic<unsigned> last_number(0);
            static thread_local unsigned number = 0;
            if (number == 0)
                number = last_number.fetch_add(1, std::memory_order_relaxed) % slot_count + 1;
            return &slots[number - 1];
        }
    };

    static slot* own(memkind_t kind) {
        owner_record* const owner = new (std::nothrow) owner_record(kind);
        if (owner == nullptr) {
            memkind_destroy_kind(kind);
            throw std::bad_alloc();
        }
        slot* const its_slot = owner->slot_of_this_thread();
        its_slot->add();
        return its_slot;
    }

    slot* slot_;
};

}  // namespace detail
}  // namespace libmemkind

#endif
