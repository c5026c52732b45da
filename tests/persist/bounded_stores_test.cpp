// Threads and the kernel store into a pool whose pages are dropped under them all the time: no store is lost or
// unseen, not even for a moment, and no system call sees EFAULT. The limit is 4 MiB, the pool many times as large.
#include <memory>

#include "tests/persist/bounded_support.hpp"

using namespace terrace::persist::testing;

namespace {

class BoundedStores : public BoundedTest {};
TERRACE_BOTH_GRANULARITIES(BoundedStores);

// Ten stores of a thread into its slots, most of them into a small part. True when all was as it should be.
class Storer {
  public:
    Storer(char* base, uint64_t bytes, unsigned owners, unsigned owner)
        : slots_(base, bytes, owners, owner), random_(test_seed() + owner) {}

    bool store_some(bool by_kernel) {
        for (int i = 0; i < 10; ++i) {
            const uint64_t slot =
                random_() % 8 == 0 ? random_() % slots_.count() : random_() % (slots_.count() / 16);
            if (!slots_.is_right(slot)) {
                ADD_FAILURE() << "slot " << slot << " has " << *slots_.at(slot) << ", "
                              << slots_.expected(slot) << " was stored";
                return false;
            }
            const uint64_t value = slots_.expected(slot) + 1;
            if (!by_kernel) {
                *slots_.at(slot) = value;
            } else if (!kernel_.write(slots_.at(slot), value, static_cast<unsigned>(random_()))) {
                ADD_FAILURE() << "the kernel could not store into slot " << slot << ": " << strerror(errno);
                return false;
            }
            slots_.expected(slot) = value;
            if (!slots_.is_right(slot)) {
                ADD_FAILURE() << "slot " << slot << " has lost its store at once";
                return false;
            }
        }
        return true;
    }
    uint64_t wrong() const { return slots_.wrong(); }

  private:
    Slots slots_;
    std::mt19937_64 random_;
    KernelWriter kernel_;
};

TEST_P(BoundedStores, OfThreadsAndOfTheKernelAreNeverLost) {
    SKIP_UNLESS_BOUNDED(64_MiB);
    constexpr uint64_t kBytes = 32_MiB;
    char* const memory = allocate(kBytes);
    ASSERT_NE(memory, nullptr);
    std::vector<std::unique_ptr<Storer>> storers;
    for (unsigned i = 0; i < 4; ++i)
        storers.push_back(std::make_unique<Storer>(memory, kBytes, 4, i));
    Crew crew;
    for (unsigned i = 0; i < 4; ++i)
        crew.hire([&storer = *storers[i], by_kernel = i % 2 == 1] { storer.store_some(by_kernel); });
    const uint64_t before = dropped();
    std::this_thread::sleep_for(stress_time());
    crew.stop();
    EXPECT_GT(dropped(), before + 1000) << "nothing was dropped, so nothing was tested";
    for (const auto& storer : storers)
        EXPECT_EQ(storer->wrong(), 0u);
}

// A signal that arrives while a system call waits for its page must not become EFAULT.
TEST_P(BoundedStores, OfTheKernelSurviveSignals) {
    SKIP_UNLESS_BOUNDED(64_MiB);
    constexpr uint64_t kBytes = 32_MiB;
    char* const memory = allocate(kBytes);
    ASSERT_NE(memory, nullptr);
    struct sigaction action = {};
    struct sigaction action_before;
    action.sa_handler = [](int) {};
    sigaction(SIGALRM, &action, &action_before);  // without SA_RESTART
    const itimerval often = {{0, 300}, {0, 300}};
    setitimer(ITIMER_REAL, &often, nullptr);
    Storer first(memory, kBytes, 2, 0);
    Storer second(memory, kBytes, 2, 1);
    {
        Crew crew;
        crew.hire([&] { first.store_some(true); });
        crew.hire([&] { second.store_some(true); });
        std::this_thread::sleep_for(stress_time());
        for (const auto until = std::chrono::steady_clock::now() + stress_time();
             std::chrono::steady_clock::now() < until;)
            usleep(10000);
    }
    const itimerval never = {};
    setitimer(ITIMER_REAL, &never, nullptr);
    sigaction(SIGALRM, &action_before, nullptr);
    EXPECT_EQ(first.wrong() + second.wrong(), 0u);
}

TEST_P(BoundedStores, WithoutAnyCommitStayWithinTheLimit) {
    SKIP_UNLESS_BOUNDED(256_MiB);
    constexpr uint64_t kBytes = 160_MiB;
    auto* const memory = reinterpret_cast<uint64_t*>(reserve(kBytes));
    ASSERT_NE(memory, nullptr);
    const uint64_t before = anonymous_bytes();
    uint64_t most = 0;
    for (uint64_t at = 0; at < kBytes / 8; ++at) {
        memory[at] = at * 0x9E3779B97F4A7C15u;
        if (at % (64_MiB / 1024) == 0)
            most = std::max(most, anonymous_bytes());
    }
    if (kFiguresMeanSomething) {
        EXPECT_LT(most, before + 3 * kLimit);
    }
    EXPECT_GT(dropped(), (kBytes - 3 * kLimit) / 4096);
    for (uint64_t at = 0; at < kBytes / 8; ++at)
        ASSERT_EQ(memory[at], at * 0x9E3779B97F4A7C15u) << at * 8;
    RecordProperty("most_mib", static_cast<int>((most - before) >> 20));
}

TEST_P(BoundedStores, AreSeenByEachOtherThreadAtOnce) {
    SKIP_UNLESS_BOUNDED(64_MiB);
    constexpr uint64_t kBytes = 32_MiB;
    char* const memory = allocate(kBytes);
    ASSERT_NE(memory, nullptr);
    // Two threads pass a number back and forth through changing places of the pool.
    std::atomic<uint64_t> turn{0};
    constexpr uint64_t kPlaces = kBytes / 4096;
    const auto place = [&](uint64_t number) {
        return reinterpret_cast<std::atomic<uint64_t>*>(memory + number * 7919 % kPlaces * 4096);
    };
    std::vector<uint64_t> last(kPlaces, 0);
    std::atomic<uint64_t> wrong{0};
    Crew crew;
    for (uint64_t me = 0; me < 2; ++me) {
        crew.hire([&, me] {
            const uint64_t number = turn.load(std::memory_order_acquire);
            if (number % 2 != me) {
                sched_yield();
                return;
            }
            const uint64_t index = number * 7919 % kPlaces;
            wrong += place(number)->load(std::memory_order_relaxed) != last[index];
            place(number)->store(number, std::memory_order_relaxed);
            last[index] = number;
            turn.store(number + 1, std::memory_order_release);
        });
    }
    std::this_thread::sleep_for(stress_time());
    crew.stop();
    EXPECT_EQ(wrong, 0u);
    EXPECT_GT(turn, 2u);
}

// Lock-free code persists what it has just exchanged: the larger value must survive, whatever is dropped meanwhile.
TEST_P(BoundedStores, PersistedByTwoThreadsAtTheSamePlaceKeepTheirOrder) {
    SKIP_UNLESS_BOUNDED(64_MiB);
    constexpr uint64_t kBytes = 32_MiB;
    char* const memory = allocate(kBytes);
    ASSERT_NE(memory, nullptr);
    constexpr uint64_t kCounters = 512;
    const auto counter = [&](uint64_t i) {
        return reinterpret_cast<std::atomic<uint64_t>*>(memory + i * (kBytes / kCounters));
    };
    std::atomic<uint64_t> added{0};
    {
        Crew crew;
        for (unsigned t = 0; t < 3; ++t) {
            crew.hire([&, random = std::mt19937_64(test_seed() + t)]() mutable {
                auto* const one = counter(random() % kCounters);
                one->fetch_add(1);
                ++added;
                if (random() % 4 == 0) {  // and back to what home may have
                    one->fetch_sub(1);
                    one->fetch_add(1);
                }
                pmemobj_persist(pool_, one, 8);
            });
        }
        crew.hire([&, at = uint64_t{0}]() mutable {  // more private pages, in other lines
            memory[64 + at] = static_cast<char>(memory[64 + at] + 1);
            at = (at + 4096) % kBytes;
        });
        std::this_thread::sleep_for(stress_time());
    }
    uint64_t sum = 0;
    for (uint64_t i = 0; i < kCounters; ++i)
        sum += *counter(i);
    EXPECT_EQ(sum, added);
    const uint64_t offset = engine().offset_of(memory);
    crash_and_open();
    sum = 0;
    for (uint64_t i = 0; i < kCounters; ++i)
        sum +=
            *reinterpret_cast<uint64_t*>(reinterpret_cast<char*>(pool_) + offset + i * (kBytes / kCounters));
    EXPECT_EQ(sum, added);
}

// A large range is written to the file straight from the working copy. The kernel holds the file's lock then, which the
// sweeper needs to make room: a range of closed blocks must not wait for room there.
TEST_P(BoundedStores, GoOnWhileLargeRangesArePersisted) {
    SKIP_UNLESS_BOUNDED(96_MiB);
    constexpr uint64_t kBytes = 32_MiB;
    char* const large = allocate(kBytes);
    char* const elsewhere = allocate(kBytes);
    ASSERT_NE(elsewhere, nullptr);
    const uint64_t offset = engine().offset_of(large);
    Crew crew;
    for (unsigned i = 0; i < 2; ++i) {
        crew.hire([part = elsewhere + i * (kBytes / 2), at = uint64_t{0}]() mutable {
            for (int page = 0; page < 64; ++page, at = (at + 4096) % (kBytes / 2)) {
                auto* const word = reinterpret_cast<volatile uint64_t*>(part + at);
                *word = *word + 1;
            }
        });
    }
    constexpr uint64_t kRounds = 4;
    for (uint64_t round = 1; round <= kRounds; ++round) {
        for (uint64_t at = 0; at < kBytes; at += 1_MiB)
            *reinterpret_cast<volatile uint64_t*>(large + at) = round + at;
        wait_for_drops(10000);
        pmemobj_persist(pool_, large, kBytes);
    }
    crew.stop();
    crash_and_open();
    for (uint64_t at = 0; at < kBytes; at += 1_MiB)
        ASSERT_EQ(*reinterpret_cast<uint64_t*>(reinterpret_cast<char*>(pool_) + offset + at), kRounds + at);
}

TEST_P(BoundedStores, SurviveACleanClose) {
    SKIP_UNLESS_BOUNDED(64_MiB);
    constexpr uint64_t kBytes = 32_MiB;
    char* const memory = allocate(kBytes);
    ASSERT_NE(memory, nullptr);
    const uint64_t offset = engine().offset_of(memory);
    for (uint64_t at = 0; at < kBytes; at += 4096)
        memory[at + at / 4096 % 4096] = static_cast<char>(at / 4096 + 1);
    close();
    open();
    const char* const again = reinterpret_cast<char*>(pool_) + offset;
    for (uint64_t at = 0; at < kBytes; at += 4096)
        ASSERT_EQ(again[at + at / 4096 % 4096], static_cast<char>(at / 4096 + 1)) << at;
}

}  // namespace
