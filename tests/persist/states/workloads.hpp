// The workloads that the explorer crashes: each does some operations of the library, one after the other, and says
// done() after each. Small on purpose: every event of them is a point at which the power fails.
#pragma once

#include <functional>
#include <vector>

#include "tests/persist/states/world.hpp"

namespace terrace::persist::states {

struct Workload {
    const char* name;
    void (*run)(World&);                // with the pool open, every event recorded
    void (*prepare)(World&) = nullptr;  // before, with a new pool that has a root
    size_t parts = 1;                   // of the root that have states of their own
    bool makes_pool = false;            // there is no pool yet: run() begins with create()
};

std::vector<Workload> transaction_workloads();
std::vector<Workload> atomic_workloads();
std::vector<Workload> pool_workloads();
std::vector<Workload> thread_workloads();
std::vector<Workload> list_workloads();

// An outermost transaction that commits, or the test ends.
template <class Work>
void transact(World& world, Work work) {
    TX_BEGIN(world.pool) {
        work();
    }
    TX_ONABORT {
        world.open_or_create_failed("a transaction aborted");
    }
    TX_END
}

template <class T>
void add_range(T* what) {
    pmemobj_tx_add_range_direct(what, sizeof *what);
}

inline Object* object_of(const PMEMoid& oid) {
    return static_cast<Object*>(pmemobj_direct(oid));
}

// In a transaction: a filled object in a slot that the transaction has added.
inline void allocate_in(PMEMoid* slot, size_t bytes, uint64_t type, uint64_t tag) {
    *slot = pmemobj_tx_alloc(bytes, type);
    fill(object_of(*slot), bytes, tag);
}

}  // namespace terrace::persist::states
