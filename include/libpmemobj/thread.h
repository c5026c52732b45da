/*
 * Locks that live in a pool, inside the objects that they guard. A lock filled with zeroes is an unlocked
 * one, and every lock is unlocked when its pool is opened, whoever held it when the program ended.
 * A transaction can hold them: TX_BEGIN_PARAM(pop, TX_PARAM_MUTEX, &lock, ...), pmemobj_tx_lock.
 *
 * The functions are those of pthreads for locks with default attributes: they return 0 or its error numbers
 * (EBUSY for a lock that try… did not get, ETIMEDOUT, EDEADLK, EAGAIN, EINVAL; ENOMEM), and what is undefined there is
 * undefined here. pop is the pool that the lock lies in. abs_timeout is a time of CLOCK_REALTIME. A lock must
 * not be unlocked in another run of the program than it was locked in: it is unlocked then.
 */
#ifndef LIBPMEMOBJ_THREAD_H
#define LIBPMEMOBJ_THREAD_H 1

#include <libpmemobj/base.h>
#include <time.h>

#define _POBJ_CL_SIZE 64

/* 64 bytes each, so that a lock fills one cache line; the content is the library's. */
typedef union {
    long long align;
    char padding[_POBJ_CL_SIZE];
} PMEMmutex;

typedef union {
    long long align;
    char padding[_POBJ_CL_SIZE];
} PMEMrwlock;

typedef union {
    long long align;
    char padding[_POBJ_CL_SIZE];
} PMEMcond;

#ifdef __cplusplus
extern "C" {
#endif
_POBJ_EXACT_SIZE(PMEMmutex, 64);
_POBJ_EXACT_SIZE(PMEMrwlock, 64);
_POBJ_EXACT_SIZE(PMEMcond, 64);

/* The …_zero functions make an unlocked lock of memory with any content, durably. Nobody may be using it. They are
 * needed only where the memory is not known to be zeroes. */

/* ---- mutexes ---- */

void pmemobj_mutex_zero(PMEMobjpool* pop, PMEMmutex* mutexp);
int pmemobj_mutex_lock(PMEMobjpool* pop, PMEMmutex* mutexp);
int pmemobj_mutex_timedlock(PMEMobjpool* pop, PMEMmutex* __restrict mutexp,
                            const struct timespec* __restrict abs_timeout);
int pmemobj_mutex_trylock(PMEMobjpool* pop, PMEMmutex* mutexp);
int pmemobj_mutex_unlock(PMEMobjpool* pop, PMEMmutex* mutexp);

/* ---- read-write locks ---- */

void pmemobj_rwlock_zero(PMEMobjpool* pop, PMEMrwlock* rwlockp);
int pmemobj_rwlock_rdlock(PMEMobjpool* pop, PMEMrwlock* rwlockp);
int pmemobj_rwlock_wrlock(PMEMobjpool* pop, PMEMrwlock* rwlockp);
int pmemobj_rwlock_timedrdlock(PMEMobjpool* pop, PMEMrwlock* __restrict rwlockp,
                               const struct timespec* __restrict abs_timeout);
int pmemobj_rwlock_timedwrlock(PMEMobjpool* pop, PMEMrwlock* __restrict rwlockp,
                               const struct timespec* __restrict abs_timeout);
int pmemobj_rwlock_tryrdlock(PMEMobjpool* pop, PMEMrwlock* rwlockp);
int pmemobj_rwlock_trywrlock(PMEMobjpool* pop, PMEMrwlock* rwlockp);
int pmemobj_rwlock_unlock(PMEMobjpool* pop, PMEMrwlock* rwlockp);

/* ---- conditions: waiting for another thread, with a mutex that the caller holds ---- */

void pmemobj_cond_zero(PMEMobjpool* pop, PMEMcond* condp);
int pmemobj_cond_broadcast(PMEMobjpool* pop, PMEMcond* condp);
int pmemobj_cond_signal(PMEMobjpool* pop, PMEMcond* condp);
int pmemobj_cond_timedwait(PMEMobjpool* pop, PMEMcond* __restrict condp, PMEMmutex* __restrict mutexp,
                           const struct timespec* __restrict abs_timeout);
int pmemobj_cond_wait(PMEMobjpool* pop, PMEMcond* condp, PMEMmutex* __restrict mutexp);
#ifdef __cplusplus
}
#endif
#endif
