// The ledger by itself: sums that are exact, whoever allocates and whoever frees, and estimates within their bound.
#include "tiering/ledger.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <barrier>
#include <thread>
#include <vector>

namespace terrace::tiering {
namespace {

// Each test has a slot of its own, for the ledger is the process's.
unsigned fresh_slot() {
    static unsigned next = 0;
    ensure_tenant(next, 1);
    return next++;
}

TEST(Ledger, StartsAtZeroAndCountsWhatOneThreadDoes) {
    const unsigned slot = fresh_slot();
    EXPECT_EQ(allocated_bytes(slot), 0u);
    account(slot, 100);
    account(slot, 23);
    account(slot, -100);
    EXPECT_EQ(allocated_bytes(slot), 23u);
    EXPECT_EQ(estimated_bytes(slot), 23u) << "for a single thread the estimate is exact";
}

TEST(Ledger, KeepsSlotsApart) {
    const unsigned one = fresh_slot();
    const unsigned other = fresh_slot();
    account(one, 5);
    account(other, 7);
    EXPECT_EQ(allocated_bytes(one), 5u);
    EXPECT_EQ(allocated_bytes(other), 7u);
}

TEST(Ledger, EstimateStaysExactForOneThreadAcrossManyPublications) {
    const unsigned slot = fresh_slot();
    for (std::int64_t i = 1; i <= 2000; ++i) {
        account(slot, 777);
        ASSERT_EQ(estimated_bytes(slot), static_cast<std::uint64_t>(i * 777));
    }
    for (std::int64_t i = 1999; i >= 0; --i) {
        account(slot, -777);
        ASSERT_EQ(estimated_bytes(slot), static_cast<std::uint64_t>(i * 777));
    }
    EXPECT_EQ(allocated_bytes(slot), 0u);
}

TEST(Ledger, IsNeverNegative) {
    const unsigned slot = fresh_slot();
    account(slot, -1000000);
    EXPECT_EQ(allocated_bytes(slot), 0u);
    EXPECT_EQ(estimated_bytes(slot), 0u);
    EXPECT_EQ(peak_bytes(slot), 0u);
}

TEST(Ledger, SumIsExactWhileThreadsLiveAndAfterTheyEnded) {
    const unsigned slot = fresh_slot();
    constexpr int kThreads = 16;
    constexpr int kRounds = 20000;
    std::barrier worked(kThreads + 1);
    std::barrier looked(kThreads + 1);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < kRounds; ++i) {
                account(slot, 64 + t);
                if (i % 4 == 0)
                    account(slot, -(64 + t));
            }
            worked.arrive_and_wait();
            looked.arrive_and_wait();
        });
    }
    worked.arrive_and_wait();
    std::uint64_t expected = 0;
    for (int t = 0; t < kThreads; ++t)
        expected += static_cast<std::uint64_t>(kRounds - kRounds / 4) * static_cast<std::uint64_t>(64 + t);
    const std::uint64_t while_alive = allocated_bytes(slot);
    const std::uint64_t estimate = estimated_bytes(slot);
    looked.arrive_and_wait();
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(while_alive, expected);
    EXPECT_NEAR(static_cast<double>(estimate), static_cast<double>(expected),
                double{kThreads} * kPublishBytes);
    EXPECT_EQ(allocated_bytes(slot), expected) << "nothing is lost with a thread";
    EXPECT_EQ(estimated_bytes(slot), expected) << "threads that ended have told everything";
}

TEST(Ledger, OneThreadMayFreeWhatAnotherAllocated) {
    const unsigned slot = fresh_slot();
    std::thread([&] { account(slot, 1000000); }).join();
    EXPECT_EQ(allocated_bytes(slot), 1000000u);
    std::thread([&] { account(slot, -999999); }).join();
    EXPECT_EQ(allocated_bytes(slot), 1u);
    EXPECT_EQ(estimated_bytes(slot), 1u);
}

TEST(Ledger, PagesPassFromThreadToThreadWithoutLoss) {
    const unsigned slot = fresh_slot();
    for (int i = 0; i < 500; ++i)
        std::thread([&] { account(slot, 3); }).join();
    EXPECT_EQ(allocated_bytes(slot), 1500u);
    EXPECT_EQ(estimated_bytes(slot), 1500u);
}

// Its destructor runs after the ledger's own exit hook has had its first turn, or before: both must count.
struct FreesAtThreadExit {
    unsigned slot;
    ~FreesAtThreadExit() { account(slot, -10); }
};

TEST(Ledger, CountsWhatThreadLocalDestructorsFree) {
    const unsigned slot = fresh_slot();
    std::thread([&] {
        thread_local FreesAtThreadExit late{slot};
        account(slot, 10 + 5 * static_cast<std::int64_t>(late.slot == slot));
    }).join();
    EXPECT_EQ(allocated_bytes(slot), 5u);
}

pthread_key_t rearming_key;
struct Rearming {
    unsigned slot;
    std::atomic<int> rounds;  // sanitizers do not see that exit hooks happen before join
};
void rearm(void* argument) {
    auto* rearming = static_cast<Rearming*>(argument);
    account(rearming->slot, -1);
    if (--rearming->rounds > 0)
        pthread_setspecific(rearming_key, rearming);
}

TEST(Ledger, CountsInEveryRoundOfThreadExitHooks) {
    const unsigned slot = fresh_slot();
    Rearming rearming{slot, PTHREAD_DESTRUCTOR_ITERATIONS};
    ASSERT_EQ(pthread_key_create(&rearming_key, rearm), 0);
    account(slot, 100);
    std::thread([&] { pthread_setspecific(rearming_key, &rearming); }).join();
    EXPECT_EQ(rearming.rounds.load(), 0);
    EXPECT_EQ(allocated_bytes(slot), 100u - PTHREAD_DESTRUCTOR_ITERATIONS);
    pthread_key_delete(rearming_key);
}

TEST(Ledger, RemembersThePeak) {
    const unsigned slot = fresh_slot();
    account(slot, 10 * kPublishBytes);
    account(slot, -9 * kPublishBytes);
    EXPECT_EQ(peak_bytes(slot), static_cast<std::uint64_t>(10 * kPublishBytes));
    account(slot, 1);
    EXPECT_EQ(allocated_bytes(slot), static_cast<std::uint64_t>(kPublishBytes + 1));
}

TEST(Ledger, ANewTenantOfASlotStartsAtZero) {
    const unsigned slot = fresh_slot();
    ensure_tenant(slot, 1001);
    account(slot, 500);
    std::thread([&] { account(slot, 50000); }).join();
    ensure_tenant(slot, 1002);
    EXPECT_EQ(allocated_bytes(slot), 0u);
    EXPECT_EQ(estimated_bytes(slot), 0u);
    EXPECT_EQ(peak_bytes(slot), 0u);
    account(slot, 30);
    ensure_tenant(slot, 1002);
    EXPECT_EQ(allocated_bytes(slot), 30u);
    EXPECT_EQ(estimated_bytes(slot), 30u);
}

TEST(Ledger, AForkedChildInheritsTheCountsAndGoesItsOwnWay) {
    const unsigned slot = fresh_slot();
    std::barrier counted(2);
    std::barrier forked(2);
    std::thread other([&] {
        account(slot, 1000);  // below the step of publication: only this thread's page knows
        counted.arrive_and_wait();
        forked.arrive_and_wait();
    });
    counted.arrive_and_wait();
    account(slot, 23);
    const pid_t child = fork();
    if (child == 0) {
        bool good = allocated_bytes(slot) == 1023 && estimated_bytes(slot) == 1023;
        account(slot, -1000);
        good = good && allocated_bytes(slot) == 23;
        _exit(good ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    forked.arrive_and_wait();
    other.join();
    EXPECT_EQ(status, 0) << "the child counts differently";
    EXPECT_EQ(allocated_bytes(slot), 1023u) << "the child's frees are not the parent's";
}

}  // namespace
}  // namespace terrace::tiering
