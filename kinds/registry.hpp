// The registry: which kinds there are, by slot. A slot is a small number that a kind has while it lives; the
// address table of windows names kinds by it. Thread safety: looking up takes no lock; adding and removing do.
#pragma once

#include "kinds/kind.hpp"

namespace terrace::kinds {

struct Slots {
    memkind* kinds[kMaxKinds];
    // By owner number, the kind that users see: for a place of a kind, that kind. [0] is nobody's.
    memkind* shown[kMaxKinds + 1];
};
extern Slots slots;

// REQUIRES: owner <= kMaxKinds.
inline memkind* shown_kind_of_owner(unsigned owner) {
    return __atomic_load_n(&slots.shown[owner], __ATOMIC_RELAXED);
}

// REQUIRES: slot < kMaxKinds.
inline memkind* kind_in_slot(unsigned slot) {
    return __atomic_load_n(&slots.kinds[slot], __ATOMIC_ACQUIRE);
}

// Whose window this address lies in; nullptr for foreign addresses. 2 loads, no lock.
inline memkind* kind_at(const void* address) {
    const windows::Owner owner = windows::owner_of(address);
    return owner == windows::kNobody ? nullptr : kind_in_slot(owner - 1U);
}

// Prepares the process: fork handlers, and jemalloc between them. Cheap to call again.
void initialise();

// The kind over whose buffer this address lies; nullptr when there is none. For addresses in mixed granules.
memkind* kind_with_fixed_buffer_at(const void* address);

// How many shards a kind gets when memory is no concern: MEMKIND_ARENA_NUM_PER_KIND, or one for each CPU the
// process may use.
unsigned default_shard_count();

// 0, or MEMKIND_ERROR_ENVIRON when MEMKIND_ARENA_NUM_PER_KIND has no valid value; says so in the log, once.
int check_shard_count_variable();

// What a new kind is to be.
struct KindDescription {
    const char* name;                 // kept, not copied
    ExtentSource* source;             // the kind takes it over; nullptr for a foreign heap
    const ForeignHeap* foreign_heap;  // nullptr for a jemalloc heap
    void* foreign_state;
    unsigned shard_count;
    std::size_t first_window;         // bytes
    bool gives_back_at_once = false;  // MEMKIND_MEM_USAGE_POLICY_CONSERVATIVE: free memory does not wait
    windows::Window fixed = {};       // whole pages of a buffer of the user's, to be used instead of windows
    memkind* shown_as = nullptr;      // a place of this kind, which users see in its stead
    memkind** parts = nullptr;        // members of a fallback chain, in memory that the kind takes over
    unsigned part_count = 0;
};

// Makes a kind and gives it a slot and a serial number. Returns 0 or a MEMKIND_ERROR_* number; `kind` and the
// description's source are left alone then.
[[nodiscard]] int add_kind(const KindDescription& description, memkind** kind);

// The same, for a kind over the user's buffer [begin, end), whose whole pages the description has.
// MEMKIND_ERROR_INVALID when that overlaps another kind's memory.
[[nodiscard]] int add_kind_over_buffer(const KindDescription& description, std::uintptr_t begin,
                                       std::uintptr_t end, memkind** kind);

// Takes the kind out and frees everything of it. MEMKIND_ERROR_INVALID when it is not a kind; static kinds
// stay.
[[nodiscard]] int remove_kind(memkind* kind);

// Held while kinds come and go; whoever looks into kinds that others may destroy holds it. Comes before all
// locks but preparing_lock().
Mutex& registry_mutex();

// Calls action(kind) for every kind, the places of kinds included. Other threads may destroy kinds meanwhile:
// see registry_mutex().
template <typename Action>
void for_each_kind(Action action) {
    for (unsigned slot = 0; slot < kMaxKinds; ++slot)
        if (memkind* const kind = kind_in_slot(slot); kind != nullptr)
            action(kind);
}

// Whether `kind` is one; the registry's word may be out of date when it is given.
bool is_kind(const memkind* kind);

}  // namespace terrace::kinds
