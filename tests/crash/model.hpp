// What operation number n of a thread is, and what it does to that thread's state: pure functions of the
// seed. The worker does it to the pool, the driver to a model in memory, and after each kill both must agree.
// An operation never depends on another thread's state; balances only gain sums, in any order.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "tests/crash/layout.hpp"

namespace terrace::crash {

// A good hash of a few numbers (splitmix64's finaliser): the same in both programs.
std::uint64_t mix(std::uint64_t a, std::uint64_t b, std::uint64_t c = 0);

enum class Kind {
    kTransfer,     // one transaction moves money between two accounts
    kChangeWords,  // one transaction changes words here and there
    kChangeBulk,   // one transaction changes up to 64 KiB
    kChangeSlots,  // one transaction fills empty slots with new objects, and empties or resizes full ones
    kPublish,      // the same for one slot, by reservation and publication
    kAtomicSlot,   // the same for one slot, by atomic allocation and free
    kList,         // one step of the thread's list: an element inserted, moved, or removed and freed
    kDirectStore,  // pmemobj_persist of a word
};

struct Operation {
    unsigned thread;
    std::uint64_t number;
    std::uint64_t random;  // all choices come from here
    Kind kind;

    // Is it finished in one step with the thread's sequence? If not, a kill may come between the two.
    bool counts_itself() const {
        return kind != Kind::kAtomicSlot && kind != Kind::kList && kind != Kind::kDirectStore;
    }
    // Before it, does the thread do something that must leave no trace?
    bool begins_with_an_abort() const { return random % 5 == 0; }
    bool begins_with_a_cancel() const { return random % 7 == 0; }
    bool begins_with_an_abandoned_reservation() const { return random % 61 == 0; }

    unsigned account_from() const { return static_cast<unsigned>(mix(random, 1) % kAccounts); }
    unsigned account_to() const { return static_cast<unsigned>(mix(random, 2) % kAccounts); }
    std::int64_t amount() const { return static_cast<std::int64_t>(mix(random, 3) % 1000); }

    unsigned word_count() const { return 1 + static_cast<unsigned>(mix(random, 4) % 12); }
    unsigned word(unsigned i) const { return static_cast<unsigned>(mix(random, 5, i) % kWords); }
    std::uint64_t word_value(unsigned i) const { return mix(random, 6, i); }

    unsigned bulk_begin() const { return static_cast<unsigned>(mix(random, 7) % (kBulkWords / 2)); }
    unsigned bulk_size() const { return 1 + static_cast<unsigned>(mix(random, 8) % (kBulkWords / 2)); }
    std::uint64_t bulk_value(unsigned i) const { return random + i; }

    unsigned slot_count() const { return 1 + static_cast<unsigned>(mix(random, 9) % 3); }
    unsigned slot(unsigned i) const { return static_cast<unsigned>(mix(random, 10) + i) % kSlots; }
    bool resizes(unsigned i) const { return mix(random, 11, i) % 3 == 0; }  // a full slot: else it is emptied
    unsigned atomic_slot() const { return static_cast<unsigned>(mix(random, 12) % kAtomicSlots); }
    std::uint64_t object_size(unsigned i) const;

    enum class ListStep { kInsertFirst, kInsertLast, kMoveToLast, kRemove };
    ListStep list_step(std::size_t length) const;
    std::size_t list_place(std::size_t length) const { return mix(random, 18) % length; }

    unsigned direct_word() const { return static_cast<unsigned>(mix(random, 13) % kDirectWords); }
    std::uint64_t direct_value() const { return mix(random, 14); }
};

Operation operation(std::uint64_t seed, unsigned thread, std::uint64_t number);

// The object that operation `number` of `thread` makes: its type and its content.
std::uint64_t type_of_slot_object(unsigned thread);
std::uint64_t type_of_atomic_object(unsigned thread);
std::uint64_t type_of_list_node(unsigned thread);
void fill_object(void* memory, const ObjectHeader& header);
// Does the memory begin with that content?
bool has_content(const void* memory, const ObjectHeader& header);

struct ObjectModel {
    bool exists = false;
    ObjectHeader made = {};
    std::uint64_t least_size = 0;  // grown by resizing
};

struct ThreadModel {
    std::uint64_t sequence = 0;
    std::array<std::uint64_t, kWords> words = {};
    std::array<std::uint64_t, kDirectWords> direct = {};
    std::array<ObjectModel, kSlots> slots = {};
    std::array<ObjectModel, kAtomicSlots> atomic_slots = {};
    std::vector<std::uint64_t> list;  // which operation made each element
    std::vector<std::uint64_t> bulk = std::vector<std::uint64_t>(kBulkWords);
};

using Balances = std::array<std::int64_t, kAccounts>;

// Does the operation to the model, the sequence included.
void apply(const Operation& operation, ThreadModel* thread, Balances* balances);

}  // namespace terrace::crash
