// Locks that live in a pool: PMEMmutex, PMEMrwlock, PMEMcond.
// A lock's bytes may come from an earlier run of the program; a number in it tells for which opening of the
// pool it is valid. Thread safety: any number of threads on the same lock.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>

#include "include/libpmemobj/tx_base.h"
#include "persist/pool/pool.hpp"

namespace terrace::persist {

struct PersistentLock {
    std::atomic<uint64_t> run;
    union {
        pthread_mutex_t mutex;
        pthread_rwlock_t rwlock;
        pthread_cond_t condition;
    };
};
static_assert(sizeof(PersistentLock) <= 64);

// 0 or the errno of the pthread function. REQUIRES: type is TX_PARAM_MUTEX or TX_PARAM_RWLOCK (taken for writing).
[[nodiscard]] int lock_persistent(const Pool& pool, pobj_tx_param type, void* lock);
void unlock_persistent(const Pool& pool, pobj_tx_param type, void* lock);

// Something that belongs to one run of the program is made anew by the first who needs it in a run. `run` is odd while
// that happens, so that nobody uses it half-made; others wait. 0, or what `initialise` returned.
template <class Initialise>
[[nodiscard]] int initialise_once(std::atomic<uint64_t>& run, uint64_t current, Initialise initialise) {
    for (;;) {
        uint64_t seen = run.load(std::memory_order_acquire);
        if (seen == current) [[likely]]
            return 0;
        if (seen == current - 1) {
            sched_yield();
            continue;
        }
        if (!run.compare_exchange_strong(seen, current - 1, std::memory_order_acq_rel))
            continue;
        const int error = initialise();
        run.store(error == 0 ? current : 0, std::memory_order_release);
        return error;
    }
}

}  // namespace terrace::persist
