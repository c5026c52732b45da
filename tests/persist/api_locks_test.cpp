// Locks that live in a pool: mutexes, read-write locks, conditions, and those that transactions hold.
// Written against libpmemobj.h only.
#include <atomic>
#include <chrono>
#include <ctime>
#include <thread>

#include "tests/persist/api_pool.hpp"

namespace terrace::persist::test {
namespace {

struct Locks {
    PMEMmutex mutex;
    PMEMrwlock rwlock;
    PMEMcond cond;
    int ready;
    std::uint64_t count;
};

timespec in_milliseconds(long milliseconds) {
    timespec time = {};
    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_nsec += milliseconds * 1000000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

class PersistentLocks : public OpenPool {
  protected:
    void SetUp() override {
        OpenPool::SetUp();
        if (pool != nullptr)
            locks = root<Locks>();
    }
    void reopen() {
        OpenPool::reopen();
        locks = root<Locks>();
    }
    // Another thread's view.
    template <typename Function>
    static int elsewhere(Function function) {
        int result = -1;
        std::thread([&] { result = function(); }).join();
        return result;
    }
    Locks* locks = nullptr;
};
TEST_IN_BOTH_PLACES(PersistentLocks);

TEST_P(PersistentLocks, AMutexIsHeldByOne) {
    EXPECT_EQ(pmemobj_mutex_lock(pool, &locks->mutex), 0);
    EXPECT_EQ(elsewhere([&] { return pmemobj_mutex_trylock(pool, &locks->mutex); }), EBUSY);
    EXPECT_EQ(elsewhere([&] {
                  const timespec soon = in_milliseconds(20);
                  return pmemobj_mutex_timedlock(pool, &locks->mutex, &soon);
              }),
              ETIMEDOUT);
    EXPECT_EQ(pmemobj_mutex_unlock(pool, &locks->mutex), 0);
    EXPECT_EQ(pmemobj_mutex_trylock(pool, &locks->mutex), 0);
    EXPECT_EQ(pmemobj_mutex_unlock(pool, &locks->mutex), 0);
    const timespec later = in_milliseconds(10000);
    EXPECT_EQ(pmemobj_mutex_timedlock(pool, &locks->mutex, &later), 0);
    EXPECT_EQ(pmemobj_mutex_unlock(pool, &locks->mutex), 0);
}

TEST_P(PersistentLocks, AReadWriteLockHasManyReadersOrOneWriter) {
    PMEMrwlock* const lock = &locks->rwlock;
    const auto unlock = [&] { return pmemobj_rwlock_unlock(pool, lock); };
    EXPECT_EQ(pmemobj_rwlock_rdlock(pool, lock), 0);
    EXPECT_EQ(elsewhere([&] { return pmemobj_rwlock_tryrdlock(pool, lock) + unlock(); }), 0);
    EXPECT_EQ(elsewhere([&] {
                  const timespec later = in_milliseconds(10000);
                  return pmemobj_rwlock_timedrdlock(pool, lock, &later) + unlock();
              }),
              0);
    EXPECT_EQ(elsewhere([&] { return pmemobj_rwlock_trywrlock(pool, lock); }), EBUSY);
    EXPECT_EQ(elsewhere([&] {
                  const timespec soon = in_milliseconds(20);
                  return pmemobj_rwlock_timedwrlock(pool, lock, &soon);
              }),
              ETIMEDOUT);
    EXPECT_EQ(unlock(), 0);
    EXPECT_EQ(pmemobj_rwlock_wrlock(pool, lock), 0);
    EXPECT_EQ(elsewhere([&] { return pmemobj_rwlock_tryrdlock(pool, lock); }), EBUSY);
    EXPECT_EQ(elsewhere([&] {
                  const timespec soon = in_milliseconds(20);
                  return pmemobj_rwlock_timedrdlock(pool, lock, &soon);
              }),
              ETIMEDOUT);
    EXPECT_EQ(unlock(), 0);
    const timespec later = in_milliseconds(10000);
    EXPECT_EQ(pmemobj_rwlock_timedwrlock(pool, lock, &later), 0);
    EXPECT_EQ(unlock(), 0);
    EXPECT_EQ(pmemobj_rwlock_trywrlock(pool, lock), 0);
    EXPECT_EQ(unlock(), 0);
}

TEST_P(PersistentLocks, ACondIsSignalled) {
    for (const bool broadcast : {false, true}) {
        locks->ready = 0;
        std::thread waiter([&] {
            EXPECT_EQ(pmemobj_mutex_lock(pool, &locks->mutex), 0);
            while (locks->ready == 0)
                EXPECT_EQ(pmemobj_cond_wait(pool, &locks->cond, &locks->mutex), 0);
            EXPECT_EQ(pmemobj_mutex_unlock(pool, &locks->mutex), 0);
        });
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        EXPECT_EQ(pmemobj_mutex_lock(pool, &locks->mutex), 0);
        locks->ready = 1;
        EXPECT_EQ(
            broadcast ? pmemobj_cond_broadcast(pool, &locks->cond) : pmemobj_cond_signal(pool, &locks->cond),
            0);
        EXPECT_EQ(pmemobj_mutex_unlock(pool, &locks->mutex), 0);
        waiter.join();
    }
    EXPECT_EQ(pmemobj_mutex_lock(pool, &locks->mutex), 0);
    const timespec soon = in_milliseconds(20);
    EXPECT_EQ(pmemobj_cond_timedwait(pool, &locks->cond, &locks->mutex, &soon), ETIMEDOUT);
    EXPECT_EQ(pmemobj_mutex_unlock(pool, &locks->mutex), 0);
}

TEST_P(PersistentLocks, EveryLockIsUnlockedAfterOpening) {
    EXPECT_EQ(pmemobj_mutex_lock(pool, &locks->mutex), 0);
    EXPECT_EQ(pmemobj_rwlock_wrlock(pool, &locks->rwlock), 0);
    pmemobj_persist(pool, locks, sizeof *locks);  // as a transaction that covers the object would
    reopen();
    EXPECT_EQ(pmemobj_mutex_trylock(pool, &locks->mutex), 0);
    EXPECT_EQ(pmemobj_rwlock_trywrlock(pool, &locks->rwlock), 0);
    EXPECT_EQ(pmemobj_mutex_unlock(pool, &locks->mutex), 0);
    EXPECT_EQ(pmemobj_rwlock_unlock(pool, &locks->rwlock), 0);
}

TEST_P(PersistentLocks, AnyMemoryBecomesALockWhenZeroed) {
    memset(static_cast<void*>(locks), 0xa5, sizeof *locks);
    pmemobj_mutex_zero(pool, &locks->mutex);
    pmemobj_rwlock_zero(pool, &locks->rwlock);
    pmemobj_cond_zero(pool, &locks->cond);
    EXPECT_EQ(pmemobj_mutex_trylock(pool, &locks->mutex), 0);
    EXPECT_EQ(pmemobj_mutex_unlock(pool, &locks->mutex), 0);
    EXPECT_EQ(pmemobj_rwlock_tryrdlock(pool, &locks->rwlock), 0);
    EXPECT_EQ(pmemobj_rwlock_unlock(pool, &locks->rwlock), 0);
    EXPECT_EQ(pmemobj_cond_signal(pool, &locks->cond), 0);
}

TEST_P(PersistentLocks, ThreadsThatUseALockForTheFirstTimeTogetherExcludeEachOther) {
    for (int round = 0; round < 20; ++round) {
        pmemobj_mutex_zero(pool, &locks->mutex);
        locks->count = 0;
        std::atomic<int> waiting{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                ++waiting;
                while (waiting < 4) {
                }
                for (int i = 0; i < 100; ++i) {
                    pmemobj_mutex_lock(pool, &locks->mutex);
                    ++locks->count;
                    pmemobj_mutex_unlock(pool, &locks->mutex);
                }
            });
        }
        for (std::thread& thread : threads)
            thread.join();
        ASSERT_EQ(locks->count, 400U);
    }
}

TEST_P(PersistentLocks, ATransactionHoldsThemToItsOutermostEnd) {
    const auto is_free = [&] {
        return elsewhere([&] {
            const int error = pmemobj_mutex_trylock(pool, &locks->mutex);
            return error != 0 ? error : pmemobj_mutex_unlock(pool, &locks->mutex);
        });
    };
    TX_BEGIN(pool) {
        TX_BEGIN(pool) {
            EXPECT_EQ(pmemobj_tx_lock(TX_PARAM_MUTEX, &locks->mutex), 0);
            EXPECT_EQ(pmemobj_tx_lock(TX_PARAM_MUTEX, &locks->mutex), 0) << "held already";
            EXPECT_EQ(pmemobj_tx_xlock(TX_PARAM_RWLOCK, &locks->rwlock, POBJ_XLOCK_NO_ABORT), 0);
        }
        TX_END
        EXPECT_EQ(is_free(), EBUSY);
        EXPECT_EQ(elsewhere([&] { return pmemobj_rwlock_tryrdlock(pool, &locks->rwlock); }), EBUSY);
    }
    TX_END
    EXPECT_EQ(is_free(), 0);
    TX_BEGIN(pool) {
        EXPECT_EQ(pmemobj_tx_lock(TX_PARAM_MUTEX, &locks->mutex), 0);
        pmemobj_tx_abort(EAGAIN);
    }
    TX_END
    EXPECT_EQ(is_free(), 0) << "after an abort too";
}

TEST_P(PersistentLocks, AnAbortLeavesAHeldLockAlone) {
    TX_BEGIN(pool) {
        EXPECT_EQ(pmemobj_tx_lock(TX_PARAM_MUTEX, &locks->mutex), 0);
        EXPECT_EQ(pmemobj_tx_add_range_direct(locks, sizeof *locks), 0);
        locks->count = 5;
        pmemobj_tx_abort(EAGAIN);
    }
    TX_END
    EXPECT_EQ(locks->count, 0U);
    EXPECT_EQ(pmemobj_mutex_trylock(pool, &locks->mutex), 0);
    EXPECT_EQ(pmemobj_mutex_unlock(pool, &locks->mutex), 0);
}

TEST_P(PersistentLocks, ATransactionRefusesLocksOfOtherTypesAndFlags) {
    TX_BEGIN(pool) {
        EXPECT_EQ(pmemobj_tx_xlock(TX_PARAM_MUTEX, &locks->mutex, POBJ_XLOCK_NO_ABORT | 1), EINVAL);
        EXPECT_EQ(pmemobj_tx_xlock(TX_PARAM_CB, &locks->mutex, POBJ_XLOCK_NO_ABORT), EINVAL);
        EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_WORK);
    }
    TX_ONABORT {
        ADD_FAILURE() << pmemobj_errormsg();
    }
    TX_END
    volatile int error = 0;
    TX_BEGIN(pool) {
        pmemobj_tx_xlock(TX_PARAM_MUTEX, &locks->mutex, 1);
        ADD_FAILURE() << "not aborted";
    }
    TX_ONABORT {
        error = errno;
    }
    TX_END
    EXPECT_EQ(error, EINVAL);
}

}  // namespace
}  // namespace terrace::persist::test
