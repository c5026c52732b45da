// Functions of transactions with x in their name, strings, and memory that is lent for logs.
// Written against libpmemobj.h only; sizes were held against Debian's libpmemobj.
#include <cwchar>

#include "tests/persist/api_transaction.hpp"

namespace terrace::persist::test {
namespace {

class TransactionFlags : public ATransaction {};
TEST_IN_BOTH_PLACES(TransactionFlags);

constexpr std::uint64_t kUnknown = 1ULL << 20;

TEST_P(TransactionFlags, StringsAreCopied) {
    TX_BEGIN(pool) {
        add(data->oid, sizeof data->oid);
        data->oid[0] = TX_STRDUP("one", 3);
        data->oid[1] = TX_XSTRDUP("two", 4, POBJ_XALLOC_ZERO);
        data->oid[2] = TX_WCSDUP(L"three", 5);
        data->oid[3] = TX_XWCSDUP(L"four", 6, POBJ_XALLOC_NO_FLUSH);
    }
    TX_ONABORT {
        ADD_FAILURE() << pmemobj_errormsg();
    }
    TX_END
    reopen();
    EXPECT_STREQ(static_cast<char*>(pmemobj_direct(data->oid[0])), "one");
    EXPECT_STREQ(static_cast<char*>(pmemobj_direct(data->oid[1])), "two");
    EXPECT_STREQ(static_cast<wchar_t*>(pmemobj_direct(data->oid[2])), L"three");
    EXPECT_STREQ(static_cast<wchar_t*>(pmemobj_direct(data->oid[3])), L"four");
    EXPECT_EQ(pmemobj_type_num(data->oid[3]), 6U);
}

TEST_P(TransactionFlags, WithoutAbortAnErrorIsReturned) {
    pobj_action none = {};
    TX_BEGIN(pool) {
        EXPECT_TRUE(OID_IS_NULL(pmemobj_tx_xstrdup(nullptr, 0, POBJ_XALLOC_NO_ABORT)));
        EXPECT_EQ(errno, EINVAL);
        EXPECT_TRUE(OID_IS_NULL(pmemobj_tx_xwcsdup(nullptr, 0, POBJ_XALLOC_NO_ABORT)));
        EXPECT_TRUE(OID_IS_NULL(pmemobj_tx_xstrdup("a", 0, POBJ_XALLOC_NO_ABORT | kUnknown)));
        EXPECT_EQ(errno, EINVAL);
        EXPECT_TRUE(OID_IS_NULL(pmemobj_tx_xwcsdup(L"a", 0, POBJ_XALLOC_NO_ABORT | kUnknown)));
        const PMEMoid nothing = {pmemobj_oid(data).pool_uuid_lo, 12345};
        EXPECT_EQ(pmemobj_tx_xfree(nothing, POBJ_XFREE_NO_ABORT), EINVAL);
        EXPECT_EQ(pmemobj_tx_xfree(OID_NULL, POBJ_XFREE_NO_ABORT), 0);
        EXPECT_EQ(pmemobj_tx_xfree(OID_NULL, POBJ_XFREE_NO_ABORT | kUnknown), EINVAL);
        EXPECT_EQ(pmemobj_tx_xpublish(&none, 1, POBJ_XPUBLISH_NO_ABORT), EINVAL);
        EXPECT_EQ(pmemobj_tx_xpublish(&none, 0, POBJ_XPUBLISH_NO_ABORT | kUnknown), EINVAL);
        EXPECT_EQ(pmemobj_tx_xlog_append_buffer(TX_LOG_TYPE_SNAPSHOT, &none, sizeof none,
                                                POBJ_XLOG_APPEND_BUFFER_NO_ABORT),
                  EINVAL);
        EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_WORK);
        add(&data->word[0], 8);
        data->word[0] = 1;
    }
    TX_ONABORT {
        ADD_FAILURE() << pmemobj_errormsg();
    }
    TX_END
    EXPECT_EQ(data->word[0], 1U);
}

TEST_P(TransactionFlags, WithItAnErrorAborts) {
    for (int which = 0; which < 5; ++which) {
        volatile int error = 0;
        TX_BEGIN(pool) {
            pobj_action none = {};
            switch (which) {
                case 0:
                    pmemobj_tx_xstrdup(nullptr, 0, 0);
                    break;
                case 1:
                    pmemobj_tx_wcsdup(nullptr, 0);
                    break;
                case 2:
                    pmemobj_tx_xfree(OID_NULL, kUnknown);
                    break;
                case 3:
                    pmemobj_tx_xpublish(&none, 1, 0);
                    break;
                default:
                    pmemobj_tx_log_append_buffer(TX_LOG_TYPE_INTENT, nullptr, 4096);
            }
            ADD_FAILURE() << "not aborted: " << which;
        }
        TX_ONABORT {
            error = errno;
        }
        TX_END
        EXPECT_EQ(error, EINVAL) << which;
    }
}

TEST_P(TransactionFlags, ObjectsAreFreedAndPublished) {
    pobj_action actions[2];
    PMEMoid old;
    ASSERT_EQ(pmemobj_alloc(pool, &old, 100, 1, nullptr, nullptr), 0);
    const PMEMoid reserved = pmemobj_reserve(pool, &actions[0], 100, 2);
    pmemobj_set_value(pool, &actions[1], &data->word[5], 55);
    TX_BEGIN(pool) {
        EXPECT_EQ(pmemobj_tx_xpublish(actions, 2, POBJ_XPUBLISH_NO_ABORT), 0);
        EXPECT_EQ(pmemobj_tx_xfree(old, 0), 0);
        EXPECT_EQ(pmemobj_tx_xfree(old, POBJ_XFREE_NO_ABORT), EINVAL) << "twice";
    }
    TX_END
    reopen();
    EXPECT_EQ(data->word[5], 55U);
    EXPECT_EQ(objects(), 1);
    EXPECT_TRUE(OID_EQUALS(pmemobj_first(pool), reserved));
}

TEST_P(TransactionFlags, MemoryForLogsIsChecked) {
    PMEMoid oid;
    ASSERT_EQ(pmemobj_alloc(pool, &oid, 100000, 0, nullptr, nullptr), 0);
    auto* memory = static_cast<char*>(pmemobj_direct(oid));
    memory += (64 - reinterpret_cast<std::uintptr_t>(memory) % 64) % 64;
    const auto append = [](void* address, std::size_t size) {
        return pmemobj_tx_xlog_append_buffer(TX_LOG_TYPE_SNAPSHOT, address, size,
                                             POBJ_XLOG_APPEND_BUFFER_NO_ABORT);
    };
    char outside[4096];
    TX_BEGIN(pool) {
        EXPECT_EQ(append(memory, 0), EINVAL);
        EXPECT_EQ(append(memory, 127), EINVAL);
        EXPECT_EQ(append(memory, 128), 0);
        EXPECT_EQ(append(memory + 1, 190), EINVAL) << "from the first whole line on";
        EXPECT_EQ(append(memory + 1, 191), 0);
        EXPECT_EQ(append(outside, sizeof outside), EINVAL);
        EXPECT_EQ(append(memory, SIZE_MAX), EINVAL);
        EXPECT_EQ(pmemobj_tx_log_append_buffer(TX_LOG_TYPE_INTENT, memory, 4096), 0);
        EXPECT_EQ(pmemobj_tx_log_auto_alloc(TX_LOG_TYPE_SNAPSHOT, 0), 0);
        EXPECT_EQ(pmemobj_tx_log_auto_alloc(TX_LOG_TYPE_INTENT, 1), 0);
        EXPECT_EQ(pmemobj_tx_xlog_append_buffer(TX_LOG_TYPE_SNAPSHOT, memory, 4096,
                                                POBJ_XLOG_APPEND_BUFFER_NO_ABORT | kUnknown),
                  EINVAL);
        add(data, sizeof data->word);
    }
    TX_ONABORT {
        ADD_FAILURE() << pmemobj_errormsg();
    }
    TX_END
}

TEST_P(TransactionFlags, MemoryForLogsIsLentOnceWhereThatIsVerified) {
    int on = 1;
    ASSERT_EQ(pmemobj_ctl_set(pool, "tx.debug.verify_user_buffers", &on), 0);
    PMEMoid oid;
    ASSERT_EQ(pmemobj_alloc(pool, &oid, 100000, 0, nullptr, nullptr), 0);
    auto* memory = static_cast<char*>(pmemobj_direct(oid));
    const auto append = [](void* address) {
        return pmemobj_tx_xlog_append_buffer(TX_LOG_TYPE_SNAPSHOT, address, 4096,
                                             POBJ_XLOG_APPEND_BUFFER_NO_ABORT);
    };
    for (int round = 0; round < 2; ++round) {
        TX_BEGIN(pool) {
            EXPECT_EQ(append(memory), 0) << "free again after the transaction";
            EXPECT_EQ(append(memory), EINVAL);
            EXPECT_EQ(append(memory + 4000), EINVAL) << "a part of it";
            EXPECT_EQ(append(memory + 4096), 0);
            if (round == 0)
                pmemobj_tx_abort(EAGAIN);
        }
        TX_END
    }
}

TEST_P(TransactionFlags, SizesOfLogsAreThoseOfPmdk) {
    for (const auto& [intents, bytes] :
         {std::pair<std::size_t, std::size_t>{0, 64}, {1, 128}, {4, 128}, {5, 192}, {1000, 16064}})
        EXPECT_EQ(pmemobj_tx_log_intents_max_size(intents), bytes) << intents;
    std::size_t sizes[] = {1, 8, 40, 41, 64, 65, 100, 1000, 0, 5000};
    const std::size_t alone[] = {128, 128, 128, 192, 192, 192, 192, 1088, 128, 5120};
    for (std::size_t i = 0; i < 10; ++i)
        EXPECT_EQ(pmemobj_tx_log_snapshots_max_size(&sizes[i], 1), alone[i]) << sizes[i];
    EXPECT_EQ(pmemobj_tx_log_snapshots_max_size(sizes, 0), 64U);
    EXPECT_EQ(pmemobj_tx_log_snapshots_max_size(sizes, 10), 6912U);
    errno = 0;
    EXPECT_EQ(pmemobj_tx_log_intents_max_size(SIZE_MAX), SIZE_MAX);
    EXPECT_EQ(errno, ERANGE);
    for (std::size_t size : {SIZE_MAX, SIZE_MAX - 24, SIZE_MAX - 100}) {
        errno = 0;
        EXPECT_EQ(pmemobj_tx_log_snapshots_max_size(&size, 1), SIZE_MAX) << size;
        EXPECT_EQ(errno, ERANGE);
    }
}

// ---- as language bindings use it: without a jump ----

TEST_P(TransactionFlags, WithoutAnEnvironmentNothingJumps) {
    EXPECT_EQ(pmemobj_tx_begin(pool, nullptr, TX_PARAM_NONE), 0);
    add(&data->word[0], 8);
    data->word[0] = 9;
    EXPECT_TRUE(OID_IS_NULL(pmemobj_tx_alloc(0, 0))) << "the failing function returns";
    EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_ONABORT);
    EXPECT_EQ(data->word[0], 0U);
    EXPECT_EQ(pmemobj_tx_errno(), EINVAL);
    EXPECT_EQ(pmemobj_tx_end(), EINVAL);
    EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_NONE);

    EXPECT_EQ(pmemobj_tx_begin(pool, nullptr, TX_PARAM_NONE), 0);
    pmemobj_tx_set_failure_behavior(POBJ_TX_FAILURE_RETURN);
    EXPECT_EQ(pmemobj_tx_begin(pool, nullptr, TX_PARAM_NONE), 0);
    EXPECT_EQ(pmemobj_tx_get_failure_behavior(), POBJ_TX_FAILURE_RETURN) << "inherited";
    EXPECT_TRUE(OID_IS_NULL(pmemobj_tx_alloc(0, 0)));
    EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_WORK);
    pmemobj_tx_commit();
    EXPECT_EQ(pmemobj_tx_end(), 0);
    add(&data->word[0], 8);
    data->word[0] = 10;
    pmemobj_tx_commit();
    EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_ONCOMMIT);
    EXPECT_EQ(pmemobj_tx_end(), 0);
    reopen();
    EXPECT_EQ(data->word[0], 10U);
}

TEST_P(TransactionFlags, AnInnerAbortReachesTheOuterEndWithoutAnEnvironment) {
    EXPECT_EQ(pmemobj_tx_begin(pool, nullptr, TX_PARAM_NONE), 0);
    add(&data->word[0], 8);
    data->word[0] = 9;
    EXPECT_EQ(pmemobj_tx_begin(pool, nullptr, TX_PARAM_NONE), 0);
    pmemobj_tx_abort(EBUSY);
    EXPECT_EQ(pmemobj_tx_end(), EBUSY);
    EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_ONABORT) << "the outer one's";
    EXPECT_EQ(pmemobj_tx_end(), EBUSY);
    EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_NONE);
    EXPECT_EQ(data->word[0], 0U);
}

}  // namespace
}  // namespace terrace::persist::test
