// Commits that do not wait: tickets, and what becomes of them when the medium fails.
#include <errno.h>

#include <atomic>
#include <thread>

#include "tests/persist/beyond.hpp"

namespace terrace::persist::testing {
namespace {

uint64_t add_without_waiting(PMEMobjpool* pool, uint64_t* word) {
    volatile uint64_t ticket = UINT64_MAX;
    TX_BEGIN(pool) {
        TX_ADD_DIRECT(word);
        ++*word;
        ticket = pmemobj_tx_commit_async();
    }
    TX_ONABORT {
        ticket = UINT64_MAX;
    }
    TX_END
    return ticket;
}

std::atomic<int> g_syncs, g_failure;

TEST_P(Beyond, ManyCommitsShareOneSync) {
    create();
    auto* word = root<uint64_t>();
    g_failure = 0;
    static const FileObserver counting{
        [](void*, int, const void*, size_t, uint64_t) { return g_failure.load(); },
        [](void*, int) {
            ++g_syncs;
            return g_failure.load();
        },
        nullptr};
    observe_files(&counting);
    g_syncs = 0;
    uint64_t last = 0;
    for (int i = 0; i < 100; ++i)
        last = add_without_waiting(pool_, word);
    EXPECT_EQ(*word, 100u);
    EXPECT_EQ(g_syncs, 0);
    if (is_page_granularity()) {
        EXPECT_NE(last, 0u);
        EXPECT_FALSE(pmemobj_is_durable(pool_, last));
    } else {
        EXPECT_EQ(last, 0u);
    }
    ASSERT_EQ(pmemobj_wait_durable(pool_, last), 0) << pmemobj_errormsg();
    EXPECT_TRUE(pmemobj_is_durable(pool_, last));
    EXPECT_EQ(g_syncs, is_page_granularity() ? 1 : 0);
    crash_and_open();
    EXPECT_EQ(*root<uint64_t>(), 100u);
    EXPECT_EQ(pmemobj_wait_durable(pool_, UINT64_MAX / 2), -1);
    EXPECT_EQ(errno, EINVAL);
}

TEST_P(Beyond, ACommitThatWaitsMakesTheEarlierOnesDurable) {
    create();
    auto* word = root<uint64_t>();
    PMEMoid object = allocate(1000);
    // Memory that is freed without waiting may be used at once: whatever uses it comes later in the log.
    volatile uint64_t ticket = 0;
    TX_BEGIN(pool_) {
        pmemobj_tx_free(object);
        ticket = pmemobj_tx_commit_async();
    }
    TX_END
    for (int i = 0; i < 50; ++i)
        add_without_waiting(pool_, word);
    object = allocate(1000);
    EXPECT_TRUE(pmemobj_is_durable(pool_, ticket));
    crash_and_open();
    EXPECT_EQ(*root<uint64_t>(), 50u);
    EXPECT_EQ(count_objects(), 1u);
    for (int i = 0; i < 50; ++i)
        add_without_waiting(pool_, root<uint64_t>());
    close();
    open();
    EXPECT_EQ(*root<uint64_t>(), 100u);
}

TEST_P(Beyond, ANestedOrEmptyTransactionHasNoTicket) {
    create();
    auto* word = root<uint64_t>();
    volatile uint64_t inner = 1;
    TX_BEGIN(pool_) {
        EXPECT_EQ(pmemobj_tx_commit_async(), 0u);
    }
    TX_END
    TX_BEGIN(pool_) {
        inner = add_without_waiting(pool_, word);
    }
    TX_END
    EXPECT_EQ(inner, 0u);
    crash_and_open();
    EXPECT_EQ(*root<uint64_t>(), 1u);
}

TEST_P(Beyond, AMediumThatFailsLosesWhatWasNotWaitedForAndSaysSo) {
    if (!is_page_granularity())
        GTEST_SKIP() << "stores to a mapped home do not fail";
    create();
    auto* word = root<uint64_t>();
    ASSERT_EQ(pmemobj_wait_durable(pool_, add_without_waiting(pool_, word)), 0);
    g_failure = 0;
    static const FileObserver failing{
        [](void*, int, const void*, size_t, uint64_t) { return g_failure.load(); },
        [](void*, int) { return g_failure.load(); }, nullptr};
    observe_files(&failing);
    const uint64_t ticket = add_without_waiting(pool_, word);
    g_failure = EIO;
    EXPECT_EQ(pmemobj_wait_durable(pool_, ticket), -1);
    EXPECT_EQ(errno, EIO);
    g_failure = 0;
    EXPECT_EQ(add_without_waiting(pool_, word), UINT64_MAX);
    EXPECT_EQ(pmemobj_wait_durable(pool_, ticket), -1);
    EXPECT_EQ(allocate(10).off, 0u);
    observe_files(nullptr);
    close();
    expect_sound();
    open();
    EXPECT_EQ(*root<uint64_t>(), 1u);
}

TEST_P(Beyond, ThreadsCommitWithAndWithoutWaiting) {
    create();
    auto* words = root<uint64_t[4][8]>();
    std::vector<std::thread> threads;
    for (size_t t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            uint64_t ticket = 0;
            for (int i = 0; i < 2000; ++i) {
                ticket = add_without_waiting(pool_, (*words)[t]);
                if (i % 50 == 0) {
                    ASSERT_EQ(pmemobj_wait_durable(pool_, ticket), 0);
                }
                if (i % 70 == 0) {
                    TX_BEGIN(pool_) {
                        TX_ADD_DIRECT(&(*words)[t][1]);
                        ++(*words)[t][1];
                    }
                    TX_END
                }
            }
            ASSERT_EQ(pmemobj_wait_durable(pool_, ticket), 0);
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    crash_and_open();
    words = root<uint64_t[4][8]>();
    for (size_t t = 0; t < 4; ++t) {
        EXPECT_EQ((*words)[t][0], 2000u);
        EXPECT_EQ((*words)[t][1], 29u);
    }
}

}  // namespace
}  // namespace terrace::persist::testing
