// Transactions: all or nothing, nested, aborted from any depth; what ranges they take and what errors they
// give. Written against libpmemobj.h only.
#include "tests/persist/api_transaction.hpp"

namespace terrace::persist::test {
namespace {

TEST_P(ATransaction, CommittedIsDurable) {
    TX_BEGIN(pool) {
        add(&data->word[0], 8);
        data->word[0] = 1;
        add(&data->word[100], 16);
        data->word[100] = 2;
        data->word[101] = 3;
    }
    TX_ONABORT {
        ADD_FAILURE() << pmemobj_errormsg();
    }
    TX_END
    EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_NONE);
    EXPECT_EQ(pmemobj_tx_errno(), 0);
    reopen();
    EXPECT_EQ(data->word[0], 1U);
    EXPECT_EQ(data->word[100], 2U);
    EXPECT_EQ(data->word[101], 3U);
}

TEST_P(ATransaction, AbortedLeavesNothingBehind) {
    data->word[0] = 10;
    pmemobj_persist(pool, &data->word[0], 8);
    volatile bool aborted = false;
    TX_BEGIN(pool) {
        add(&data->word[0], 24);
        data->word[0] = 1;
        data->word[1] = 2;
        pmemobj_tx_abort(EBUSY);
    }
    TX_ONCOMMIT {
        ADD_FAILURE() << "committed";
    }
    TX_ONABORT {
        aborted = true;
        EXPECT_EQ(errno, EBUSY);
        EXPECT_EQ(pmemobj_tx_errno(), EBUSY);
        EXPECT_EQ(data->word[0], 10U) << "restored before ONABORT";
    }
    TX_END
    EXPECT_TRUE(aborted);
    EXPECT_EQ(errno, EBUSY);
    EXPECT_EQ(pmemobj_tx_errno(), EBUSY);
    EXPECT_EQ(data->word[0], 10U);
    EXPECT_EQ(data->word[1], 0U);
    reopen();
    EXPECT_EQ(data->word[0], 10U);
    EXPECT_EQ(data->word[1], 0U);
}

TEST_P(ATransaction, AbortedWithoutAReasonIsCancelled) {
    TX_BEGIN(pool) {
        pmemobj_tx_abort(0);
    }
    TX_END
    EXPECT_EQ(errno, ECANCELED);
}

TEST_P(ATransaction, WithNothingInItCommits) {
    for (int i = 0; i < 100; ++i) {
        TX_BEGIN(pool) {}
        TX_ONABORT {
            ADD_FAILURE();
        }
        TX_END
    }
}

TEST_P(ATransaction, PassesItsStagesInOrder) {
    static std::vector<int> stages;
    stages.clear();
    TX_BEGIN(pool) {
        stages.push_back(pmemobj_tx_stage());
    }
    TX_ONCOMMIT {
        stages.push_back(pmemobj_tx_stage());
    }
    TX_ONABORT {
        stages.push_back(pmemobj_tx_stage());
    }
    TX_FINALLY {
        stages.push_back(pmemobj_tx_stage());
    }
    TX_END
    TX_BEGIN(pool) {
        stages.push_back(pmemobj_tx_stage());
        pmemobj_tx_abort(EINVAL);
    }
    TX_ONCOMMIT {
        stages.push_back(pmemobj_tx_stage());
    }
    TX_ONABORT {
        stages.push_back(pmemobj_tx_stage());
    }
    TX_FINALLY {
        stages.push_back(pmemobj_tx_stage());
    }
    TX_END
    EXPECT_EQ(stages, (std::vector<int>{TX_STAGE_WORK, TX_STAGE_ONCOMMIT, TX_STAGE_FINALLY, TX_STAGE_WORK,
                                        TX_STAGE_ONABORT, TX_STAGE_FINALLY}));
}

void abort_at_depth(int depth) {
    if (depth > 0)
        abort_at_depth(depth - 1);
    else
        pmemobj_tx_abort(ENOMSG);
}

TEST_P(ATransaction, IsAbortedFromDeepFrames) {
    volatile int after = 0;
    TX_BEGIN(pool) {
        add(&data->word[3], 8);
        data->word[3] = 99;
        abort_at_depth(200);
        after = 1;
    }
    TX_ONABORT {
        EXPECT_EQ(errno, ENOMSG);
    }
    TX_END
    EXPECT_EQ(after, 0) << "abort returned";
    EXPECT_EQ(data->word[3], 0U);
}

TEST_P(ATransaction, RestoresTheContentBeforeTheFirstOfOverlappingRanges) {
    for (std::uint64_t i = 0; i < 64; ++i)
        data->word[i] = i;
    pmemobj_persist(pool, data->word, sizeof data->word);
    TX_BEGIN(pool) {
        add(&data->word[10], 10 * 8);
        for (int i = 10; i < 20; ++i)
            data->word[i] = 1000;
        add(&data->word[15], 10 * 8);  // half of it was changed already
        for (int i = 15; i < 25; ++i)
            data->word[i] = 2000;
        add(&data->word[0], 64 * 8);  // all of it, and around
        for (int i = 0; i < 64; ++i)
            data->word[i] = 3000;
        add(&data->word[12], 8);
        data->word[12] = 4000;
        pmemobj_tx_abort(EINVAL);
    }
    TX_END
    for (std::uint64_t i = 0; i < 64; ++i)
        EXPECT_EQ(data->word[i], i);
}

TEST_P(ATransaction, CommitsTheLastOfOverlappingStores) {
    TX_BEGIN(pool) {
        add(&data->word[10], 10 * 8);
        for (int i = 10; i < 20; ++i)
            data->word[i] = 1;
        add(&data->word[15], 10 * 8);
        for (int i = 15; i < 25; ++i)
            data->word[i] = 2;
        data->word[16] = 3;  // after the last add_range
    }
    TX_END
    reopen();
    EXPECT_EQ(data->word[14], 1U);
    EXPECT_EQ(data->word[15], 2U);
    EXPECT_EQ(data->word[16], 3U);
    EXPECT_EQ(data->word[24], 2U);
    EXPECT_EQ(data->word[25], 0U);
}

TEST_P(ATransaction, TakesRangesOfAnyAlignment) {
    char* const bytes = reinterpret_cast<char*>(data->word);
    TX_BEGIN(pool) {
        for (int i = 0; i < 100; ++i) {
            add(bytes + 13 * i, static_cast<std::size_t>(1 + i % 11));
            memset(bytes + 13 * i, 1 + i % 100, static_cast<std::size_t>(1 + i % 11));
        }
    }
    TX_END
    reopen();
    const char* const now = reinterpret_cast<const char*>(data->word);
    for (int i = 0; i < 100; ++i)
        for (int j = 0; j < 13; ++j)
            ASSERT_EQ(now[13 * i + j], j < 1 + i % 11 ? 1 + i % 100 : 0) << i << ", " << j;
}

TEST_P(ATransaction, OfOneThousandRangesIsStillAllOrNothing) {
    PMEMoid oid;
    ASSERT_EQ(pmemobj_zalloc(pool, &oid, 1000 * 64, 1), 0);
    for (const bool commits : {false, true}) {
        char* const at = static_cast<char*>(pmemobj_direct(oid));
        TX_BEGIN(pool) {
            for (int i = 0; i < 1000; ++i) {
                add(at + 64 * i, 8);
                memset(at + 64 * i, 'x', 8);
            }
            if (!commits)
                pmemobj_tx_abort(EINVAL);
        }
        TX_END
        reopen();
        const char* const now = static_cast<const char*>(pmemobj_direct(oid));
        for (int i = 0; i < 1000; ++i)
            ASSERT_EQ(now[64 * i + 7], commits ? 'x' : '\0') << i;
    }
}

TEST_P(ATransaction, OfManyMegabytesIsStillAllOrNothing) {
    constexpr std::size_t kSize = 6 << 20;
    PMEMoid oid;
    ASSERT_EQ(pmemobj_zalloc(pool, &oid, kSize, 1), 0) << pmemobj_errormsg();
    for (const bool commits : {false, true}) {
        char* const at = static_cast<char*>(pmemobj_direct(oid));
        TX_BEGIN(pool) {
            add(at, kSize);
            memset(at, 'x', kSize);
            if (!commits)
                pmemobj_tx_abort(EINVAL);
        }
        TX_ONABORT {
            EXPECT_FALSE(commits) << pmemobj_errormsg();
        }
        TX_END
        reopen();
        const char* const now = static_cast<const char*>(pmemobj_direct(oid));
        for (std::size_t i = 0; i < kSize; i += 1000)
            ASSERT_EQ(now[i], commits ? 'x' : '\0') << i;
    }
}

TEST_P(ATransaction, RefusesRangesOutsideItsPool) {
    static std::uint64_t not_in_a_pool = 5;
    PoolFile other_file{GetParam()};
    PMEMobjpool* const other = pmemobj_create(other_file.path(), "other", PMEMOBJ_MIN_POOL, 0600);
    ASSERT_NE(other, nullptr) << pmemobj_errormsg();
    const void* const ranges[] = {&not_in_a_pool, pmemobj_direct(pmemobj_root(other, 64)),
                                  reinterpret_cast<char*>(pool) + kPoolSize};
    for (const void* const range : ranges) {
        volatile bool aborted = false;
        TX_BEGIN(pool) {
            pmemobj_tx_add_range_direct(range, 8);
            ADD_FAILURE() << "add_range did not abort";
        }
        TX_ONABORT {
            aborted = true;
        }
        TX_END
        EXPECT_TRUE(aborted);
        EXPECT_EQ(errno, EINVAL);
    }
    TX_BEGIN(pool) {
        pmemobj_tx_add_range(pmemobj_root(other, 64), 0, 8);
        ADD_FAILURE() << "add_range of another pool's object did not abort";
    }
    TX_END
    EXPECT_EQ(errno, EINVAL);
    pmemobj_close(other);
}

TEST_P(ATransaction, RefusesRangesLongerThanItsPool) {
    for (const std::size_t size : {SIZE_MAX, SIZE_MAX / 2, 2 * kPoolSize}) {
        TX_BEGIN(pool) {
            pmemobj_tx_add_range_direct(data->word, size);
            ADD_FAILURE() << "add_range of " << size << " bytes did not abort";
        }
        TX_END
        EXPECT_EQ(errno, EINVAL) << size;
    }
}

TEST_P(ATransaction, GoesOnAfterAFailureThatItAskedToBeReturned) {
    static std::uint64_t not_in_a_pool = 5;
    TX_BEGIN(pool) {
        EXPECT_EQ(pmemobj_tx_xadd_range_direct(&not_in_a_pool, 8, POBJ_XADD_NO_ABORT), EINVAL);
        EXPECT_TRUE(OID_IS_NULL(pmemobj_tx_xalloc(SIZE_MAX, 1, POBJ_XALLOC_NO_ABORT)));
        EXPECT_EQ(errno, ENOMEM);
        EXPECT_EQ(pmemobj_tx_get_failure_behavior(), POBJ_TX_FAILURE_ABORT);
        pmemobj_tx_set_failure_behavior(POBJ_TX_FAILURE_RETURN);
        EXPECT_EQ(pmemobj_tx_get_failure_behavior(), POBJ_TX_FAILURE_RETURN);
        EXPECT_EQ(pmemobj_tx_add_range_direct(&not_in_a_pool, 8), EINVAL);
        EXPECT_TRUE(OID_IS_NULL(pmemobj_tx_alloc(0, 1)));
        EXPECT_EQ(errno, EINVAL);
        add(&data->word[0], 8);
        data->word[0] = 1;
    }
    TX_ONABORT {
        ADD_FAILURE();
    }
    TX_END
    EXPECT_EQ(data->word[0], 1U);
}

TEST_P(ATransaction, WithNoSnapshotIsDurableWhenCommitted) {
    TX_BEGIN(pool) {
        EXPECT_EQ(pmemobj_tx_xadd_range_direct(&data->word[0], 64, POBJ_XADD_NO_SNAPSHOT), 0);
        for (int i = 0; i < 8; ++i)
            data->word[i] = 5;
    }
    TX_END
    reopen();
    EXPECT_EQ(data->word[0], 5U);
    EXPECT_EQ(data->word[7], 5U);
}

TEST_P(ATransaction, NestedIsAPartOfTheOuterOne) {
    volatile int inner_committed = 0;
    TX_BEGIN(pool) {
        add(&data->word[0], 8);
        data->word[0] = 1;
        [&] {
            TX_BEGIN(pool) {
                add(&data->word[1], 8);
                data->word[1] = 2;
            }
            TX_ONCOMMIT {
                inner_committed = 1;
            }
            TX_END
        }();
        EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_WORK);
        add(&data->word[2], 8);
        data->word[2] = 3;
        pmemobj_tx_abort(EINVAL);
    }
    TX_END
    EXPECT_EQ(inner_committed, 1);
    EXPECT_EQ(data->word[0], 0U);
    EXPECT_EQ(data->word[1], 0U) << "the inner transaction ended, but the outer one did not commit";
    EXPECT_EQ(data->word[2], 0U);
}

TEST_P(ATransaction, IsAbortedByTheAbortOfANestedOne) {
    volatile int inner_aborted = 0;
    volatile int outer_aborted = 0;
    volatile int went_on = 0;
    TX_BEGIN(pool) {
        add(&data->word[0], 8);
        data->word[0] = 1;
        [&] {
            TX_BEGIN(pool) {
                add(&data->word[1], 8);
                data->word[1] = 2;
                pmemobj_tx_abort(ERANGE);
            }
            TX_ONABORT {
                inner_aborted = 1;
            }
            TX_END
        }();
        went_on = 1;
    }
    TX_ONABORT {
        outer_aborted = 1;
    }
    TX_END
    EXPECT_EQ(inner_aborted, 1);
    EXPECT_EQ(went_on, 0) << "the end of an aborted inner transaction aborts the outer one";
    EXPECT_EQ(outer_aborted, 1);
    EXPECT_EQ(errno, ERANGE);
    EXPECT_EQ(data->word[0], 0U);
    EXPECT_EQ(data->word[1], 0U);
    EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_NONE);
}

TEST_P(ATransaction, InTheOnCommitBlockOfAnotherIsItsOwn) {
    TX_BEGIN(pool) {
        add(&data->word[0], 8);
        data->word[0] = 1;
    }
    TX_END
    TX_BEGIN(pool) {
        add(&data->word[1], 8);
        data->word[1] = 1;
    }
    TX_END
    reopen();
    EXPECT_EQ(data->word[0] + data->word[1], 2U);
}

TEST_P(ATransaction, OnAnotherPoolCannotBeNested) {
    PoolFile other_file{GetParam()};
    PMEMobjpool* const other = pmemobj_create(other_file.path(), "other", PMEMOBJ_MIN_POOL, 0600);
    ASSERT_NE(other, nullptr) << pmemobj_errormsg();
    volatile int outer_aborted = 0;
    TX_BEGIN(pool) {
        [&] {
            TX_BEGIN(other) {
                ADD_FAILURE() << "begun";
            }
            TX_END
        }();
    }
    TX_ONABORT {
        outer_aborted = 1;
    }
    TX_END
    EXPECT_EQ(outer_aborted, 1);
    EXPECT_EQ(errno, EINVAL);
    pmemobj_close(other);
}

TEST_P(ATransaction, OnEitherOfTwoPoolsWorks) {
    PoolFile other_file{GetParam()};
    PMEMobjpool* const other = pmemobj_create(other_file.path(), "other", PMEMOBJ_MIN_POOL, 0600);
    ASSERT_NE(other, nullptr) << pmemobj_errormsg();
    Data* const there = static_cast<Data*>(pmemobj_direct(pmemobj_root(other, sizeof(Data))));
    for (std::uint64_t i = 1; i <= 20; ++i) {
        TX_BEGIN(pool) {
            add(&data->word[0], 8);
            data->word[0] = i;
        }
        TX_END
        TX_BEGIN(other) {
            add(&there->word[0], 8);
            there->word[0] = 100 + i;
            if (i == 20)
                pmemobj_tx_abort(EINVAL);
        }
        TX_END
    }
    EXPECT_EQ(data->word[0], 20U);
    EXPECT_EQ(there->word[0], 119U);
    pmemobj_close(other);
}

struct Calls {
    PMEMobjpool* pool;
    int count[MAX_TX_STAGE];
};

void count_stage(PMEMobjpool* pool, pobj_tx_stage stage, void* argument) {
    Calls* const calls = static_cast<Calls*>(argument);
    if (stage != TX_STAGE_NONE) {  // the transaction is over by then
        EXPECT_EQ(pool, calls->pool);
    }
    ++calls->count[stage];
}

TEST_P(ATransaction, TellsItsCallbackEachStage) {
    Calls calls = {pool, {}};
    TX_BEGIN_CB(pool, count_stage, &calls) {}
    TX_END
    EXPECT_EQ(calls.count[TX_STAGE_ONCOMMIT], 1);
    EXPECT_EQ(calls.count[TX_STAGE_ONABORT], 0);
    EXPECT_EQ(calls.count[TX_STAGE_FINALLY], 1);
    EXPECT_EQ(calls.count[TX_STAGE_NONE], 1);
    calls = {pool, {}};
    TX_BEGIN_PARAM(pool, TX_PARAM_CB, count_stage, &calls) {
        pmemobj_tx_abort(EINVAL);
    }
    TX_END
    EXPECT_EQ(calls.count[TX_STAGE_ONCOMMIT], 0);
    EXPECT_EQ(calls.count[TX_STAGE_ONABORT], 1);
    EXPECT_EQ(calls.count[TX_STAGE_FINALLY], 1);
    EXPECT_EQ(calls.count[TX_STAGE_NONE], 1);
}

void abort_at_work(PMEMobjpool* pool, pobj_tx_stage stage, void* argument) {
    count_stage(pool, stage, argument);
    if (stage == TX_STAGE_WORK)
        pmemobj_tx_abort(EINVAL);
}

TEST_P(ATransaction, IsNotCommittedWhenItsCallbackAborts) {
    Calls calls = {pool, {}};
    // Without an environment to jump to, as C++ bindings begin it.
    ASSERT_EQ(pmemobj_tx_begin(pool, nullptr, TX_PARAM_CB, abort_at_work, &calls, TX_PARAM_NONE), 0);
    add(&data->word[0], sizeof data->word[0]);
    data->word[0] = 77;
    pmemobj_tx_commit();
    EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_ONABORT);
    EXPECT_EQ(pmemobj_tx_end(), EINVAL);
    EXPECT_EQ(calls.count[TX_STAGE_ONCOMMIT], 0);
    EXPECT_EQ(calls.count[TX_STAGE_ONABORT], 1);
    EXPECT_EQ(data->word[0], 0U);
}

TEST_P(ATransaction, CarriesOnePointerForItsUser) {
    int mine = 0;
    TX_BEGIN(pool) {
        EXPECT_EQ(pmemobj_tx_get_user_data(), nullptr);
        pmemobj_tx_set_user_data(&mine);
        [&] {
            TX_BEGIN(pool) {
                EXPECT_EQ(pmemobj_tx_get_user_data(), &mine);
            }
            TX_END
        }();
    }
    TX_FINALLY {
        EXPECT_EQ(pmemobj_tx_get_user_data(), &mine);
    }
    TX_END
    TX_BEGIN(pool) {
        EXPECT_EQ(pmemobj_tx_get_user_data(), nullptr);
    }
    TX_END
}

// As C++ bindings do it: no jmp_buf, no macros.
TEST_P(ATransaction, WithoutAJumpBufferReturnsItsErrors) {
    ASSERT_EQ(pmemobj_tx_begin(pool, nullptr, TX_PARAM_NONE), 0);
    EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_WORK);
    add(&data->word[0], 8);
    data->word[0] = 4;
    pmemobj_tx_commit();
    EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_ONCOMMIT);
    EXPECT_EQ(pmemobj_tx_end(), 0);
    EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_NONE);

    ASSERT_EQ(pmemobj_tx_begin(pool, nullptr, TX_PARAM_NONE), 0);
    add(&data->word[0], 8);
    data->word[0] = 5;
    EXPECT_TRUE(OID_IS_NULL(pmemobj_tx_alloc(SIZE_MAX, 1)));
    EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_ONABORT);
    EXPECT_EQ(pmemobj_tx_errno(), ENOMEM);
    EXPECT_EQ(pmemobj_tx_end(), ENOMEM);
    EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_NONE);
    EXPECT_EQ(data->word[0], 4U);
    reopen();
    EXPECT_EQ(data->word[0], 4U);
}

TEST_P(ATransaction, HelpersAddWhatTheyWrite) {
    const std::uint64_t source[4] = {1, 2, 3, 4};
    TX_BEGIN(pool) {
        TX_MEMCPY(&data->word[0], source, sizeof source);
        TX_MEMSET(&data->word[10], 0xFF, 16);
    }
    TX_END
    TX_BEGIN(pool) {
        TX_MEMSET(&data->word[0], 0, sizeof source);
        TX_SET_DIRECT(data, word[10], 0);
        pmemobj_tx_abort(EINVAL);
    }
    TX_END
    reopen();
    EXPECT_EQ(data->word[3], 4U);
    EXPECT_EQ(data->word[10], UINT64_MAX);
}

TEST_IN_BOTH_PLACES(ATransaction);

}  // namespace
}  // namespace terrace::persist::test
