// Transactions of several threads at once, and the locks that they hold.
// Written against libpmemobj.h only.
#include <thread>

#include "tests/persist/api_transaction.hpp"

namespace terrace::persist::test {
namespace {

class ATransactionAmongThreads : public ATransaction {};

TEST_P(ATransactionAmongThreads, HoldsItsLocksToTheEndOfTheOutermost) {
    PMEMoid oid;
    ASSERT_EQ(pmemobj_zalloc(pool, &oid, sizeof(PMEMmutex) + sizeof(PMEMrwlock), 1), 0);
    for (int run = 0; run < 2; ++run) {  // in the second run the locks are there from the first
        std::uint64_t* const counter = &data->word[0];
        PMEMmutex* const mutex = static_cast<PMEMmutex*>(pmemobj_direct(oid));
        PMEMrwlock* const rwlock = reinterpret_cast<PMEMrwlock*>(mutex + 1);
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < 50; ++i) {
                    TX_BEGIN_PARAM(pool, TX_PARAM_MUTEX, mutex, TX_PARAM_RWLOCK, rwlock) {
                        [&] {
                            TX_BEGIN_PARAM(pool, TX_PARAM_MUTEX, mutex) {}  // held already
                            TX_END
                        }();
                        pmemobj_tx_add_range_direct(counter, sizeof *counter);
                        ++*counter;
                    }
                    TX_END
                }
            });
        }
        for (std::thread& thread : threads)
            thread.join();
        EXPECT_EQ(data->word[0], static_cast<std::uint64_t>(run + 1) * 200);
        reopen();
    }
}

// The bytes of a held lock change while others wait for it: an abort that put old ones back would lose a
// wake-up, and this test would hang.
TEST_P(ATransactionAmongThreads, LosesNoWaiterWhenItAbortsOverItsLocks) {
    struct Locked {
        std::uint64_t before;
        PMEMmutex mutex;
        PMEMrwlock rwlock;
        std::uint64_t after;
    };
    PMEMoid oid;
    ASSERT_EQ(pmemobj_zalloc(pool, &oid, sizeof(Locked), 1), 0);
    Locked* const locked = static_cast<Locked*>(pmemobj_direct(oid));
    constexpr int kThreads = 4;
    constexpr int kRounds = 60;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < kRounds; ++i) {
                TX_BEGIN_PARAM(pool, TX_PARAM_MUTEX, &locked->mutex, TX_PARAM_RWLOCK, &locked->rwlock) {
                    add(locked, sizeof *locked);
                    ++locked->before;
                    ++locked->after;
                    if ((i + t) % 3 == 0)
                        pmemobj_tx_abort(EINVAL);
                }
                TX_END
            }
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(locked->before, static_cast<std::uint64_t>(kThreads * kRounds) * 2 / 3);
    EXPECT_EQ(locked->after, locked->before);
}

TEST_P(ATransactionAmongThreads, KeepsItsLockWhenAnAbortRestoresTheObjectAroundIt) {
    struct Locked {
        std::uint64_t value;
        PMEMmutex mutex;
    };
    PMEMoid oid;
    ASSERT_EQ(pmemobj_zalloc(pool, &oid, sizeof(Locked), 1), 0);
    Locked* const locked = static_cast<Locked*>(pmemobj_direct(oid));
    for (int i = 0; i < 3; ++i) {
        TX_BEGIN_PARAM(pool, TX_PARAM_MUTEX, &locked->mutex) {
            add(locked, sizeof *locked);
            locked->value = 1;
            pmemobj_tx_abort(EINVAL);
        }
        TX_END
        EXPECT_EQ(locked->value, 0U);
    }
    std::thread([&] {
        TX_BEGIN_PARAM(pool, TX_PARAM_MUTEX, &locked->mutex) {}
        TX_ONABORT {
            ADD_FAILURE();
        }
        TX_END
    }).join();
}

TEST_P(ATransactionAmongThreads, RunsBesideThoseOfOtherThreads) {
    constexpr int kThreads = 4;
    constexpr int kRounds = 100;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([this, t] {
            std::uint64_t* const counter = &data->word[t];  // neighbours in one line, but each its own word
            PMEMoid* const mine = &data->oid[t];
            for (int i = 0; i < kRounds; ++i) {
                TX_BEGIN(pool) {
                    pmemobj_tx_add_range_direct(counter, sizeof *counter);
                    ++*counter;
                    pmemobj_tx_add_range_direct(mine, sizeof *mine);
                    pmemobj_tx_free(*mine);
                    *mine = pmemobj_tx_alloc(64 + static_cast<std::size_t>(i), 1);
                    if (i % 3 == 2)
                        pmemobj_tx_abort(EINVAL);
                }
                TX_END
                if (i % 5 == 0) {
                    PMEMoid oid;
                    EXPECT_EQ(pmemobj_alloc(pool, &oid, 100, 2, nullptr, nullptr), 0);
                    pmemobj_free(&oid);
                }
            }
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    reopen();
    EXPECT_EQ(objects(), kThreads);
    for (int t = 0; t < kThreads; ++t) {
        EXPECT_EQ(data->word[t], static_cast<std::uint64_t>(kRounds - kRounds / 3));
        EXPECT_GE(pmemobj_alloc_usable_size(data->oid[t]), 64U);
    }
    pmemobj_close(pool);
    pool = nullptr;
    EXPECT_EQ(pmemobj_check(file.path(), kLayout), 1) << pmemobj_errormsg();
}

TEST_IN_BOTH_PLACES(ATransactionAmongThreads);

}  // namespace
}  // namespace terrace::persist::test
