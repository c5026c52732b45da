// Transactions that allocate, free, resize and publish: the heap follows their fate.
// Written against libpmemobj.h only.
#include "tests/persist/api_transaction.hpp"

namespace terrace::persist::test {
namespace {

class ATransactionOnObjects : public ATransaction {};

TEST_P(ATransactionOnObjects, AllocatesWhenItCommits) {
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

TEST_P(ATransactionOnObjects, AllocatesNothingWhenItAborts) {
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

TEST_P(ATransactionOnObjects, FreesWhenItCommitsAndNotWhenItAborts) {
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

TEST_P(ATransactionOnObjects, FreesWhatItAllocatedItself) {
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

TEST_P(ATransactionOnObjects, RefusesToAllocateNothingOrTooMuch) {
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

TEST_P(ATransactionOnObjects, ResizesWhenItCommitsAndNotWhenItAborts) {
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

TEST_P(ATransactionOnObjects, PublishesReservationsWhenItCommits) {
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

TEST_IN_BOTH_PLACES(ATransactionOnObjects);

}  // namespace
}  // namespace terrace::persist::test
