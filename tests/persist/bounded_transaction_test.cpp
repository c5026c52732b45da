// Transactions in a pool whose pages are dropped all the time: uncommitted bytes never reach the file, aborts
// bring back what was, commits stay whole, also when the process is killed in between or forks.
#include "tests/persist/bounded_support.hpp"

using namespace terrace::persist::testing;

namespace {

void touch(char* place) {
    auto* const word = reinterpret_cast<volatile uint64_t*>(place);
    *word = *word + 1;
}

class BoundedTransaction : public BoundedTest {
  protected:
    // Makes private pages elsewhere, so that the sweep goes on whatever else happens.
    void churn(Crew& crew, char* memory, uint64_t bytes) {
        crew.hire([memory, bytes, at = uint64_t{0}]() mutable {
            for (int i = 0; i < 64; ++i, at = (at + 4096) % bytes)
                touch(memory + at);
        });
    }
};
TERRACE_BOTH_GRANULARITIES(BoundedTransaction);

TEST_P(BoundedTransaction, KeepsItsUncommittedBytesOutOfTheFile) {
    SKIP_UNLESS_BOUNDED(64_MiB);
    constexpr uint64_t kBytes = 1_MiB;
    char* const data = allocate(kBytes);
    char* const elsewhere = allocate(24_MiB);
    ASSERT_NE(elsewhere, nullptr);
    const std::string mark = "uncommitted bytes of a transaction";
    Crew crew;
    churn(crew, elsewhere, 24_MiB);
    TX_BEGIN(pool_) {
        for (uint64_t at = 0; at < kBytes; at += 4096) {
            pmemobj_tx_add_range_direct(data + at, mark.size());
            memcpy(data + at, mark.data(), mark.size());
        }
        wait_for_drops(20000);
        EXPECT_EQ(read_file(path_).find(mark), std::string::npos);
        for (uint64_t at = 0; at < kBytes; at += 4096)
            EXPECT_EQ(memcmp(data + at, mark.data(), mark.size()), 0) << at;
        pmemobj_tx_abort(ECANCELED);
    }
    TX_END
    wait_for_drops(20000);
    for (uint64_t at = 0; at < kBytes; ++at)
        ASSERT_EQ(data[at], 0) << at;
}

TEST_P(BoundedTransaction, CommitsAndAbortsWhileItsPagesAreDropped) {
    SKIP_UNLESS_BOUNDED(64_MiB);
    constexpr uint64_t kBytes = 24_MiB;
    char* const data = allocate(kBytes);
    char* const elsewhere = allocate(16_MiB);
    ASSERT_NE(elsewhere, nullptr);
    const uint64_t offset = engine().offset_of(data);
    std::vector<Slots> slots;
    for (unsigned t = 0; t < 2; ++t)
        slots.emplace_back(data, kBytes, 2, t);
    {
        Crew crew;
        churn(crew, elsewhere, 16_MiB);
        for (unsigned t = 0; t < 2; ++t) {
            crew.hire([&, t, random = std::mt19937_64(test_seed() + t)]() mutable {
                Slots& mine = slots[t];
                uint64_t chosen[8];
                for (uint64_t& slot : chosen)
                    slot = random() % mine.count();
                const bool commits = random() % 3 != 0;
                TX_BEGIN(pool_) {
                    for (uint64_t slot : chosen) {
                        pmemobj_tx_add_range_direct(const_cast<uint64_t*>(mine.at(slot)), 8 + slot % 3 * 8);
                        *mine.at(slot) = *mine.at(slot) + 1;
                    }
                    if (!commits)
                        pmemobj_tx_abort(ECANCELED);
                }
                TX_END
                if (commits) {
                    for (uint64_t slot : chosen)
                        ++mine.expected(slot);
                }
                for (uint64_t slot : chosen)
                    EXPECT_EQ(*mine.at(slot), mine.expected(slot)) << "slot " << slot;
            });
        }
        std::this_thread::sleep_for(stress_time());
    }
    EXPECT_EQ(slots[0].wrong() + slots[1].wrong(), 0u);
    crash_and_open();
    for (unsigned t = 0; t < 2; ++t) {
        Slots again(reinterpret_cast<char*>(pool_) + offset, kBytes, 2, t);
        for (uint64_t i = 0; i < again.count(); ++i)
            ASSERT_EQ(*again.at(i), slots[t].expected(i)) << "slot " << i;
    }
}

TEST_P(BoundedTransaction, WithAllocationsIsWholeAfterTheProcessIsKilled) {
    SKIP_UNLESS_BOUNDED(64_MiB);
    const uint64_t seed = test_seed();
    auto* bank = root<Bank>();
    open_accounts(pool_, bank);
    close();
    for (int round = 0; round < 6; ++round) {
        int ready[2];
        ASSERT_EQ(pipe(ready), 0);
        const pid_t child = fork();
        if (child == 0) {
            PMEMobjpool* const pool = pmemobj_open(path_.c_str(), "test");
            if (pool == nullptr)
                _exit(1);
            auto* const mine = static_cast<Bank*>(pmemobj_direct(pmemobj_root(pool, sizeof(Bank))));
            pobj_action action;
            auto* const elsewhere =
                static_cast<char*>(pmemobj_direct(pmemobj_reserve(pool, &action, 24_MiB, 1)));
            std::thread([elsewhere] {
                for (uint64_t at = 0;; at = (at + 4096) % 24_MiB)
                    touch(elsewhere + at);
            }).detach();
            std::mt19937_64 random(seed + static_cast<uint64_t>(round));
            for (uint64_t i = 0;; ++i) {
                transfer(pool, mine, random());
                if (i == 50 && write(ready[1], "x", 1) != 1)
                    _exit(1);
            }
        }
        char byte;
        ::close(ready[1]);
        EXPECT_EQ(read(ready[0], &byte, 1), 1) << "the child could not work";
        ::close(ready[0]);
        usleep(static_cast<useconds_t>(seed % 977 * 100 + 20000));
        kill(child, SIGKILL);
        int status;
        waitpid(child, &status, 0);
        ASSERT_EQ(pmemobj_check(path_.c_str(), "test"), 1) << pmemobj_errormsg();
        open();
        bank = root<Bank>();
        EXPECT_EQ(sum_of(bank), Bank::kAccounts * Bank::kStart);
        EXPECT_EQ(count_objects(), static_cast<size_t>(Bank::kAccounts));
        close();
    }
}

TEST_P(BoundedTransaction, AForkFindsEveryPageWithItsContent) {
    SKIP_UNLESS_BOUNDED(64_MiB);
    constexpr uint64_t kBytes = 24_MiB;
    char* const data = allocate(kBytes);
    char* const elsewhere = allocate(16_MiB);
    ASSERT_NE(elsewhere, nullptr);
    for (uint64_t at = 0; at < kBytes; at += 4096)
        *reinterpret_cast<uint64_t*>(data + at) = at + 1;
    pmemobj_persist(pool_, data, kBytes);
    Crew crew;
    churn(crew, elsewhere, 16_MiB);
    const uint64_t before = dropped();
    for (int round = 0; round < 40; ++round) {
        *reinterpret_cast<volatile uint64_t*>(data + 8) = static_cast<uint64_t>(round);
        const int status = in_child([&] {
            for (uint64_t at = 0; at < kBytes; at += 4096) {
                if (*reinterpret_cast<volatile uint64_t*>(data + at) != at + 1)
                    _exit(1);
            }
            if (*reinterpret_cast<volatile uint64_t*>(data + 8) != static_cast<uint64_t>(round))
                _exit(2);
            for (uint64_t at = 0; at < kBytes; at += 4096)
                *reinterpret_cast<volatile uint64_t*>(data + at) = 0;  // its own copy
        });
        ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
        for (uint64_t at = 0; at < kBytes; at += 4096)
            ASSERT_EQ(*reinterpret_cast<volatile uint64_t*>(data + at), at + 1);
    }
    EXPECT_GT(dropped(), before);
}

TEST_P(BoundedTransaction, APoolOfSeveralTimesTheLimitIsFilledAndRead) {
    SKIP_UNLESS_BOUNDED(192_MiB);
    const uint64_t before = anonymous_bytes();
    uint64_t most = 0;
    struct Node {
        PMEMoid next;
        uint64_t number;
        char bytes[4000];
    };
    struct Root {
        PMEMoid head;
        uint64_t count;
    };
    auto* const top = root<Root>();
    constexpr uint64_t kNodes = 24000;  // 96 MiB
    for (uint64_t i = 0; i < kNodes; ++i) {
        TX_BEGIN(pool_) {
            const PMEMoid oid = pmemobj_tx_alloc(sizeof(Node), 5);
            auto* const node = static_cast<Node*>(pmemobj_direct(oid));
            node->next = top->head;
            node->number = i;
            memset(node->bytes, static_cast<int>(i % 251), sizeof node->bytes);
            pmemobj_tx_add_range_direct(top, sizeof *top);
            top->head = oid;
            top->count = i + 1;
        }
        TX_ONABORT {
            FAIL() << pmemobj_errormsg();
        }
        TX_END
        if (i % 64 == 0)
            most = std::max(most, anonymous_bytes());
    }
    if (kFiguresMeanSomething) {
        EXPECT_LT(most, before + kLimit + 24_MiB);
    }
    const auto verify = [&] {
        uint64_t expected = kNodes;
        for (PMEMoid oid = root<Root>()->head; oid.off != 0;) {
            const auto* const node = static_cast<Node*>(pmemobj_direct(oid));
            ASSERT_EQ(node->number, --expected);
            for (char byte : node->bytes)
                ASSERT_EQ(static_cast<uint8_t>(byte), expected % 251);
            oid = node->next;
        }
        EXPECT_EQ(expected, 0u);
    };
    verify();
    crash_and_open();
    verify();
}

TEST_P(BoundedTransaction, ActionsAndAtomicListsOfValuesKeepTheirValues) {
    SKIP_UNLESS_BOUNDED(64_MiB);
    constexpr uint64_t kBytes = 16_MiB;
    char* const data = allocate(kBytes);
    char* const elsewhere = allocate(16_MiB);
    ASSERT_NE(elsewhere, nullptr);
    const uint64_t offset = engine().offset_of(data);
    Slots slots(data, kBytes, 1, 0);
    {
        Crew crew;
        churn(crew, elsewhere, 16_MiB);
        std::mt19937_64 random(test_seed());
        for (const auto until = std::chrono::steady_clock::now() + stress_time();
             std::chrono::steady_clock::now() < until;) {
            const uint64_t slot = random() % slots.count();
            pobj_action action;
            const uint64_t value = random();
            pmemobj_set_value(pool_, &action, const_cast<uint64_t*>(slots.at(slot)), value);
            ASSERT_EQ(pmemobj_publish(pool_, &action, 1), 0);
            slots.expected(slot) = value;
            ASSERT_TRUE(slots.is_right(slot));
        }
    }
    EXPECT_EQ(slots.wrong(), 0u);
    crash_and_open();
    Slots again(reinterpret_cast<char*>(pool_) + offset, kBytes, 1, 0);
    for (uint64_t i = 0; i < slots.count(); ++i)
        ASSERT_EQ(*again.at(i), slots.expected(i));
}

}  // namespace
