// The registry: which kinds there are, by slot. A slot is a small number that a kind has while it lives; the
// address table of windows names kinds by it. Thread safety: looking up takes no lock; adding and removing
// do.
#pragma once

#include "kinds/kind.hpp"

namespace terrace::kinds {

extern memkind* slots[kMaxKinds];

inline memkind* kind_in_slot(unsigned slot) {
    return __atomic_load_n(&slots[slot], __ATOMIC_ACQUIRE);
}

// Whose window this address lies in; nullptr for foreign addresses. 2 loads, no lock.
inline memkind* kind_at(const void* address) {
    const windows::Owner owner = windows::owner_of(address);
    return owner == windows::kNobody ? nullptr : kind_in_slot(owner - 1U);
}

// Prepares the process: fork handlers, and jemalloc between them. Cheap to call again.
void initialise();

// How many arenas a kind gets when memory is no concern: one for each CPU the process may use.
unsigned default_shard_count();

// What a new kind is to be.
struct KindDescription {
    const char* name;                 // kept, not copied
    ExtentSource* source;             // the kind takes it over; nullptr for a foreign heap
    const ForeignHeap* foreign_heap;  // nullptr for a jemalloc heap
    void* foreign_state;
    unsigned shard_count;
    std::size_t first_window;         // bytes
    bool gives_back_at_once = false;  // MEMKIND_MEM_USAGE_POLICY_CONSERVATIVE: free memory does not wait
};

// Makes a kind and gives it a slot and a serial number. Returns 0 or a MEMKIND_ERROR_* number; `kind` and the
// description's source are left alone then.
[[nodiscard]] int add_kind(const KindDescription& description, memkind** kind);

// Takes the kind out and frees everything of it. MEMKIND_ERROR_INVALID when it is not a kind; static kinds
// stay.
[[nodiscard]] int remove_kind(memkind* kind);

}  // namespace terrace::kinds
