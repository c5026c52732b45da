// See api_locks.hpp. A lock is {the run it was initialised in, a pthread object}. The first to use it in a
// run sets the run to the odd number below while it initialises, so that nobody uses a half-made lock.
// Zeroes, and whatever an earlier run left, count as not initialised.
// Thread safety: see the header.
#include "persist/pool/api_locks.hpp"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <cstddef>

namespace terrace::persist {
namespace {

struct PersistentLock {
    std::atomic<uint64_t> run;
    union {
        pthread_mutex_t mutex;
        pthread_rwlock_t rwlock;
    };
};
static_assert(sizeof(PersistentLock) <= 64 && offsetof(PersistentLock, mutex) == 8);

int initialise(PersistentLock& lock, pobj_tx_param type, uint64_t run) {
    for (;;) {
        uint64_t seen = lock.run.load(std::memory_order_acquire);
        if (seen == run)
            return 0;
        if (seen == run - 1) {
            sched_yield();
            continue;
        }
        if (!lock.run.compare_exchange_strong(seen, run - 1, std::memory_order_acq_rel))
            continue;
        const int error = type == TX_PARAM_MUTEX ? pthread_mutex_init(&lock.mutex, nullptr)
                                                 : pthread_rwlock_init(&lock.rwlock, nullptr);
        lock.run.store(error == 0 ? run : 0, std::memory_order_release);
        return error;
    }
}

}  // namespace

int lock_persistent(const Pool& pool, pobj_tx_param type, void* address) {
    auto& lock = *static_cast<PersistentLock*>(address);
    if (const int error = initialise(lock, type, pool.run_id))
        return error;
    return type == TX_PARAM_MUTEX ? pthread_mutex_lock(&lock.mutex) : pthread_rwlock_wrlock(&lock.rwlock);
}

void unlock_persistent(const Pool&, pobj_tx_param type, void* address) {
    auto& lock = *static_cast<PersistentLock*>(address);
    if (type == TX_PARAM_MUTEX)
        pthread_mutex_unlock(&lock.mutex);
    else
        pthread_rwlock_unlock(&lock.rwlock);
}

}  // namespace terrace::persist
