// libpmemobj.h: locks that live in a pool. Each is {the run it was initialised in, a pthread object}; zeroes,
// and whatever an earlier run left, count as not initialised. What the pthread functions return is returned.
// Thread safety: see the header.
#include "persist/pool/api/exported.hpp"

#include "persist/pool/api/locks.hpp"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <atomic>
#include <cstddef>

#include "persist/pool/direct_store.hpp"
#include "persist/pool/error_message.hpp"
#include "src/log.hpp"

namespace terrace::persist {
namespace {

static_assert(offsetof(PersistentLock, mutex) == 8);

enum class LockKind { kMutex, kRwlock, kCondition };

int initialise(const Pool& pool, PersistentLock& lock, LockKind kind) {
    return initialise_once(lock.run, pool.run_id, [&] {
        switch (kind) {
            case LockKind::kMutex:
                return pthread_mutex_init(&lock.mutex, nullptr);
            case LockKind::kRwlock:
                return pthread_rwlock_init(&lock.rwlock, nullptr);
            case LockKind::kCondition:
                return pthread_cond_init(&lock.condition, nullptr);
        }
        return EINVAL;
    });
}

int with_mutex(PMEMobjpool* pop, PMEMmutex* mutex, int (*act)(pthread_mutex_t*)) {
    auto& lock = *reinterpret_cast<PersistentLock*>(mutex);
    const int error = initialise(pool_of(pop), lock, LockKind::kMutex);
    return error != 0 ? error : act(&lock.mutex);
}

int with_rwlock(PMEMobjpool* pop, PMEMrwlock* rwlock, int (*act)(pthread_rwlock_t*)) {
    auto& lock = *reinterpret_cast<PersistentLock*>(rwlock);
    const int error = initialise(pool_of(pop), lock, LockKind::kRwlock);
    return error != 0 ? error : act(&lock.rwlock);
}

int with_condition(PMEMobjpool* pop, PMEMcond* condition, int (*act)(pthread_cond_t*)) {
    auto& lock = *reinterpret_cast<PersistentLock*>(condition);
    const int error = initialise(pool_of(pop), lock, LockKind::kCondition);
    return error != 0 ? error : act(&lock.condition);
}

// Makes it a lock that was never used, durably.
void reset(PMEMobjpool* pop, void* address, const char* function) {
    auto& lock = *static_cast<PersistentLock*>(address);
    lock.run.store(0, std::memory_order_release);
    Pool& pool = pool_of(pop);
    if (pool.contains(address) && persist_range(pool, pool.offset_of(address), sizeof lock.run) != 0)
        log_error("%s: %s", function, last_error_message());
}

}  // namespace

int lock_persistent(const Pool& pool, pobj_tx_param type, void* address) {
    auto& lock = *static_cast<PersistentLock*>(address);
    const bool is_mutex = type == TX_PARAM_MUTEX;
    if (const int error = initialise(pool, lock, is_mutex ? LockKind::kMutex : LockKind::kRwlock))
        return error;
    return is_mutex ? pthread_mutex_lock(&lock.mutex) : pthread_rwlock_wrlock(&lock.rwlock);
}

void unlock_persistent(const Pool&, pobj_tx_param type, void* address) {
    auto& lock = *static_cast<PersistentLock*>(address);
    if (type == TX_PARAM_MUTEX)
        pthread_mutex_unlock(&lock.mutex);
    else
        pthread_rwlock_unlock(&lock.rwlock);
}

}  // namespace terrace::persist

using namespace terrace::persist;

#pragma GCC visibility push(default)

// ---- mutexes ----

void pmemobj_mutex_zero(PMEMobjpool* pop, PMEMmutex* mutexp) {
    reset(pop, mutexp, "pmemobj_mutex_zero");
}

int pmemobj_mutex_lock(PMEMobjpool* pop, PMEMmutex* mutexp) {
    return with_mutex(pop, mutexp, pthread_mutex_lock);
}

int pmemobj_mutex_timedlock(PMEMobjpool* pop, PMEMmutex* __restrict mutexp,
                            const struct timespec* __restrict abs_timeout) {
    auto& lock = *reinterpret_cast<PersistentLock*>(mutexp);
    const int error = initialise(pool_of(pop), lock, LockKind::kMutex);
    return error != 0 ? error : pthread_mutex_timedlock(&lock.mutex, abs_timeout);
}

int pmemobj_mutex_trylock(PMEMobjpool* pop, PMEMmutex* mutexp) {
    return with_mutex(pop, mutexp, pthread_mutex_trylock);
}

int pmemobj_mutex_unlock(PMEMobjpool* pop, PMEMmutex* mutexp) {
    return with_mutex(pop, mutexp, pthread_mutex_unlock);
}

// ---- read-write locks ----

void pmemobj_rwlock_zero(PMEMobjpool* pop, PMEMrwlock* rwlockp) {
    reset(pop, rwlockp, "pmemobj_rwlock_zero");
}

int pmemobj_rwlock_rdlock(PMEMobjpool* pop, PMEMrwlock* rwlockp) {
    return with_rwlock(pop, rwlockp, pthread_rwlock_rdlock);
}

int pmemobj_rwlock_wrlock(PMEMobjpool* pop, PMEMrwlock* rwlockp) {
    return with_rwlock(pop, rwlockp, pthread_rwlock_wrlock);
}

int pmemobj_rwlock_timedrdlock(PMEMobjpool* pop, PMEMrwlock* __restrict rwlockp,
                               const struct timespec* __restrict abs_timeout) {
    auto& lock = *reinterpret_cast<PersistentLock*>(rwlockp);
    const int error = initialise(pool_of(pop), lock, LockKind::kRwlock);
    return error != 0 ? error : pthread_rwlock_timedrdlock(&lock.rwlock, abs_timeout);
}

int pmemobj_rwlock_timedwrlock(PMEMobjpool* pop, PMEMrwlock* __restrict rwlockp,
                               const struct timespec* __restrict abs_timeout) {
    auto& lock = *reinterpret_cast<PersistentLock*>(rwlockp);
    const int error = initialise(pool_of(pop), lock, LockKind::kRwlock);
    return error != 0 ? error : pthread_rwlock_timedwrlock(&lock.rwlock, abs_timeout);
}

int pmemobj_rwlock_tryrdlock(PMEMobjpool* pop, PMEMrwlock* rwlockp) {
    return with_rwlock(pop, rwlockp, pthread_rwlock_tryrdlock);
}

int pmemobj_rwlock_trywrlock(PMEMobjpool* pop, PMEMrwlock* rwlockp) {
    return with_rwlock(pop, rwlockp, pthread_rwlock_trywrlock);
}

int pmemobj_rwlock_unlock(PMEMobjpool* pop, PMEMrwlock* rwlockp) {
    return with_rwlock(pop, rwlockp, pthread_rwlock_unlock);
}

// ---- conditions ----

void pmemobj_cond_zero(PMEMobjpool* pop, PMEMcond* condp) {
    reset(pop, condp, "pmemobj_cond_zero");
}

int pmemobj_cond_broadcast(PMEMobjpool* pop, PMEMcond* condp) {
    return with_condition(pop, condp, pthread_cond_broadcast);
}

int pmemobj_cond_signal(PMEMobjpool* pop, PMEMcond* condp) {
    return with_condition(pop, condp, pthread_cond_signal);
}

int pmemobj_cond_timedwait(PMEMobjpool* pop, PMEMcond* __restrict condp, PMEMmutex* __restrict mutexp,
                           const struct timespec* __restrict abs_timeout) {
    auto& condition = *reinterpret_cast<PersistentLock*>(condp);
    auto& mutex = *reinterpret_cast<PersistentLock*>(mutexp);
    int error = initialise(pool_of(pop), condition, LockKind::kCondition);
    if (error == 0)
        error = initialise(pool_of(pop), mutex, LockKind::kMutex);
    return error != 0 ? error : pthread_cond_timedwait(&condition.condition, &mutex.mutex, abs_timeout);
}

int pmemobj_cond_wait(PMEMobjpool* pop, PMEMcond* condp, PMEMmutex* __restrict mutexp) {
    auto& condition = *reinterpret_cast<PersistentLock*>(condp);
    auto& mutex = *reinterpret_cast<PersistentLock*>(mutexp);
    int error = initialise(pool_of(pop), condition, LockKind::kCondition);
    if (error == 0)
        error = initialise(pool_of(pop), mutex, LockKind::kMutex);
    return error != 0 ? error : pthread_cond_wait(&condition.condition, &mutex.mutex);
}

#pragma GCC visibility pop
