// Transactions: all or nothing, nested, aborted from any depth, on one thread and on several.
// Written against libpmemobj.h only. No object with a destructor lives across an abort.
#include <thread>

#include "tests/persist/api_pool.hpp"

namespace terrace::persist::test {
namespace {

struct Data {
    std::uint64_t word[512];
    PMEMoid oid[16];
};

class ATransaction : public OpenPool {
  protected:
    void SetUp() override {
        OpenPool::SetUp();
        if (pool != nullptr)
            data = root<Data>();
    }
    void reopen() {
        OpenPool::reopen();
        data = root<Data>();
    }
    void add(const void* address, std::size_t size) {
        EXPECT_EQ(pmemobj_tx_add_range_direct(address, size), 0);
    }
    Data* data = nullptr;
};

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

TEST_P(ATransaction, AllocatesWhenItCommits) {
    TX_BEGIN(pool) {
        add(data->oid, sizeof data->oid);
        data->oid[0] = pmemobj_tx_alloc(100, 1);
        data->oid[1] = pmemobj_tx_zalloc(100, 2);
        data->oid[2] = pmemobj_tx_xalloc(100000, 3, POBJ_XALLOC_ZERO);
        data->oid[3] = pmemobj_tx_strdup("kept", 4);
        memset(pmemobj_direct(data->oid[0]), 'c', 100);  // no add_range needed
    }
    TX_ONABORT {
        ADD_FAILURE() << pmemobj_errormsg();
    }
    TX_END
    EXPECT_EQ(objects(), 4);
    reopen();
    EXPECT_EQ(objects(), 4);
    EXPECT_EQ(static_cast<char*>(pmemobj_direct(data->oid[0]))[99], 'c');
    EXPECT_EQ(static_cast<char*>(pmemobj_direct(data->oid[1]))[99], 0);
    EXPECT_EQ(static_cast<char*>(pmemobj_direct(data->oid[2]))[99999], 0);
    EXPECT_STREQ(static_cast<char*>(pmemobj_direct(data->oid[3])), "kept");
    EXPECT_EQ(pmemobj_type_num(data->oid[2]), 3U);
}

TEST_P(ATransaction, AllocatesNothingWhenItAborts) {
    for (int i = 0; i < 50; ++i) {
        TX_BEGIN(pool) {
            for (int j = 0; j < 4; ++j)
                pmemobj_tx_alloc(1000000, 1);
            pmemobj_tx_abort(EINVAL);
        }
        TX_END
        ASSERT_EQ(errno, EINVAL) << "round " << i
                                 << ": the memory of aborted transactions was not given back";
    }
    EXPECT_EQ(objects(), 0);
    reopen();
    EXPECT_EQ(objects(), 0);
}

TEST_P(ATransaction, FreesWhenItCommitsAndNotWhenItAborts) {
    TX_BEGIN(pool) {
        add(data->oid, sizeof data->oid);
        data->oid[0] = pmemobj_tx_zalloc(100, 1);
        data->oid[1] = pmemobj_tx_zalloc(100, 2);
    }
    TX_END
    TX_BEGIN(pool) {
        pmemobj_tx_free(data->oid[0]);
        pmemobj_tx_abort(EINVAL);
    }
    TX_END
    EXPECT_EQ(objects(), 2);
    EXPECT_EQ(pmemobj_type_num(data->oid[0]), 1U);
    TX_BEGIN(pool) {
        EXPECT_EQ(pmemobj_tx_free(data->oid[1]), 0);
        EXPECT_EQ(pmemobj_tx_free(OID_NULL), 0);
        add(&data->oid[1], sizeof(PMEMoid));
        data->oid[1] = OID_NULL;
    }
    TX_ONABORT {
        ADD_FAILURE() << pmemobj_errormsg();
    }
    TX_END
    EXPECT_EQ(objects(), 1);
    reopen();
    EXPECT_EQ(objects(), 1);
    EXPECT_TRUE(OID_IS_NULL(data->oid[1]));
}

TEST_P(ATransaction, FreesWhatItAllocatedItself) {
    for (int i = 0; i < 100; ++i) {
        TX_BEGIN(pool) {
            for (int j = 0; j < 3; ++j) {
                const PMEMoid oid = pmemobj_tx_alloc(2000000, 1);
                memset(pmemobj_direct(oid), 'f', 100);
                pmemobj_tx_free(oid);
            }
        }
        TX_ONABORT {
            ADD_FAILURE() << pmemobj_errormsg();
        }
        TX_END
    }
    EXPECT_EQ(objects(), 0);
}

TEST_P(ATransaction, RefusesToAllocateNothingOrTooMuch) {
    struct {
        std::size_t size;
        int error;
    } const cases[] = {{0, EINVAL}, {SIZE_MAX, ENOMEM}, {2 * kPoolSize, ENOMEM}};
    for (const auto& wrong : cases) {
        TX_BEGIN(pool) {
            pmemobj_tx_alloc(wrong.size, 1);
            ADD_FAILURE() << "allocating " << wrong.size << " bytes did not abort";
        }
        TX_END
        EXPECT_EQ(errno, wrong.error) << wrong.size;
        TX_BEGIN(pool) {
            pmemobj_tx_zalloc(wrong.size, 1);
            ADD_FAILURE() << "allocating " << wrong.size << " bytes did not abort";
        }
        TX_END
        EXPECT_EQ(errno, wrong.error) << wrong.size;
    }
    TX_BEGIN(pool) {
        pmemobj_tx_strdup(nullptr, 1);
        ADD_FAILURE();
    }
    TX_END
    EXPECT_EQ(errno, EINVAL);
}

TEST_P(ATransaction, ResizesWhenItCommitsAndNotWhenItAborts) {
    ASSERT_EQ(pmemobj_zalloc(pool, &data->oid[0], 100, 1), 0);
    memset(pmemobj_direct(data->oid[0]), 'r', 100);
    pmemobj_persist(pool, pmemobj_direct(data->oid[0]), 100);
    const PMEMoid before = data->oid[0];
    for (const bool commits : {false, true}) {
        TX_BEGIN(pool) {
            add(&data->oid[0], sizeof(PMEMoid));
            data->oid[0] = pmemobj_tx_zrealloc(data->oid[0], 50000, 2);
            if (!commits)
                pmemobj_tx_abort(EINVAL);
        }
        TX_END
        EXPECT_EQ(objects(), 1);
        EXPECT_EQ(static_cast<char*>(pmemobj_direct(data->oid[0]))[99], 'r');
        EXPECT_EQ(OID_EQUALS(data->oid[0], before), !commits);
    }
    EXPECT_GE(pmemobj_alloc_usable_size(data->oid[0]), 50000U);
    EXPECT_EQ(static_cast<char*>(pmemobj_direct(data->oid[0]))[49999], '\0');
    TX_BEGIN(pool) {
        EXPECT_TRUE(OID_IS_NULL(pmemobj_tx_realloc(data->oid[0], 0, 2))) << "size 0 frees";
        add(&data->oid[0], sizeof(PMEMoid));
        data->oid[0] = pmemobj_tx_realloc(OID_NULL, 10, 3);  // OID_NULL allocates
    }
    TX_END
    EXPECT_EQ(objects(), 1);
    EXPECT_EQ(pmemobj_type_num(data->oid[0]), 3U);
}

TEST_P(ATransaction, PublishesReservationsWhenItCommits) {
    pobj_action kept[2];
    pobj_action dropped[2];
    const PMEMoid oid = pmemobj_reserve(pool, &kept[0], 64, 1);
    pmemobj_set_value(pool, &kept[1], &data->word[0], 9);
    pmemobj_reserve(pool, &dropped[0], 64, 2);
    pmemobj_set_value(pool, &dropped[1], &data->word[1], 9);
    TX_BEGIN(pool) {
        EXPECT_EQ(pmemobj_tx_publish(dropped, 2), 0);
        pmemobj_tx_abort(EINVAL);
    }
    TX_END
    EXPECT_EQ(objects(), 0);
    TX_BEGIN(pool) {
        EXPECT_EQ(pmemobj_tx_publish(kept, 2), 0);
        add(&data->oid[0], sizeof(PMEMoid));
        data->oid[0] = oid;
    }
    TX_END
    reopen();
    EXPECT_EQ(objects(), 1);
    EXPECT_EQ(pmemobj_type_num(data->oid[0]), 1U);
    EXPECT_EQ(data->word[0], 9U);
    EXPECT_EQ(data->word[1], 0U);
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

TEST_P(ATransaction, HoldsItsLocksToTheEndOfTheOutermost) {
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

TEST_P(ATransaction, KeepsItsLockWhenAnAbortRestoresTheObjectAroundIt) {
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

TEST_P(ATransaction, RunsBesideThoseOfOtherThreads) {
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

TEST_IN_BOTH_PLACES(ATransaction);

}  // namespace
}  // namespace terrace::persist::test
