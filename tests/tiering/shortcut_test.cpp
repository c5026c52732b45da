// The shortcut of libmemtier.so takes the decisions of the memtier functions, counts as they do, and steps aside
// where it must not decide.
#include "tiering/shortcut.hpp"

#include <gtest/gtest.h>
#include <memkind_memtier.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/temporary_directory.hpp"

namespace {

using terrace::tests::TemporaryDirectory;
namespace shortcut = terrace::tiering::shortcut;

constexpr size_t kLimit = 16u << 20;

// Kinds of files in a ratio, and a memory over them.
class Tiers {
  public:
    explicit Tiers(std::vector<unsigned> ratios, size_t limit = 0,
                   memtier_policy_t policy = MEMTIER_POLICY_STATIC_RATIO) {
        memtier_builder* builder = memtier_builder_new(policy);
        for (const unsigned ratio : ratios) {
            memkind_t kind = nullptr;
            EXPECT_EQ(memkind_create_pmem(directory_.path(), limit, &kind), MEMKIND_SUCCESS);
            EXPECT_EQ(memtier_builder_add_tier(builder, kind, ratio), 0);
            kinds.push_back(kind);
        }
        memory = memtier_builder_construct_memtier_memory(builder);
        memtier_builder_delete(builder);
    }
    ~Tiers() {
        memtier_delete_memtier_memory(memory);
        for (memkind_t kind : kinds)
            memkind_destroy_kind(kind);
    }

    [[nodiscard]] size_t tier_of(void* block) const {
        size_t tier = 0;
        while (kinds[tier] != memkind_detect_kind(block))
            ++tier;
        return tier;
    }
    [[nodiscard]] memtier_tier_statistics statistics(unsigned tier) const {
        memtier_tier_statistics its = {};
        EXPECT_EQ(memtier_get_tier_statistics(memory, tier, &its), 0);
        return its;
    }

    [[nodiscard]] size_t allocated() const {
        size_t bytes = 0;
        for (unsigned tier = 0; tier < kinds.size(); ++tier)
            bytes += statistics(tier).allocated;
        return bytes;
    }

    std::vector<memkind_t> kinds;
    memtier_memory* memory = nullptr;

  private:
    TemporaryDirectory directory_;
};

// As libmemtier.so's malloc and free do; how often by the shortcut, in the last argument.
void* allocate(memtier_memory* memory, size_t size, size_t* short_cuts) {
    if (void* const block = shortcut::take(size)) {
        ++*short_cuts;
        return block;
    }
    terrace_preload_3_renew(memory);
    return memtier_malloc(memory, size);
}

void release(void* block, size_t* short_cuts) {
    if (shortcut::put(block))
        ++*short_cuts;
    else
        memtier_free(block);
}

// A block by one of the other functions, which count by themselves.
void* allocate_otherwise(memtier_memory* memory, size_t size) {
    if (size % 3 == 0)
        return memtier_calloc(memory, 1, size);
    if (size % 3 == 1)
        return memtier_realloc(memory, memtier_calloc(memory, 1, 2 * size), size);
    void* block = nullptr;
    EXPECT_EQ(memtier_posix_memalign(memory, &block, 256, size), 0);
    return block;
}

// `between` is called between two steps.
template <class Between>
void choose_alike(const std::vector<unsigned>& ratios, Between between) {
    const Tiers by_shortcut(ratios);
    const Tiers by_functions(ratios);
    std::mt19937 random(1);
    std::vector<std::array<void*, 2>> live;
    size_t short_cuts = 0;
    constexpr int kSteps = 50000;
    for (int step = 0; step < kSteps; ++step) {
        if (live.size() > 2000 || (!live.empty() && random() % 3 == 0)) {
            std::array<void*, 2>& last = live[random() % live.size()];
            release(last[0], &short_cuts);
            memtier_free(last[1]);
            last = live.back();
            live.pop_back();
        } else {
            const size_t size = 16 + random() % (random() % 8 == 0 ? 6000 : 500);
            if (random() % 8 == 0)
                live.push_back({allocate_otherwise(by_shortcut.memory, size),
                                allocate_otherwise(by_functions.memory, size)});
            else
                live.push_back({allocate(by_shortcut.memory, size, &short_cuts),
                                memtier_malloc(by_functions.memory, size)});
            ASSERT_EQ(by_shortcut.tier_of(live.back()[0]), by_functions.tier_of(live.back()[1]))
                << "allocation " << step << " of " << size << " bytes";
        }
        between();
        if (step % 500 != 0)
            continue;
        for (unsigned tier = 0; tier < ratios.size(); ++tier) {
            const memtier_tier_statistics ours = by_shortcut.statistics(tier);
            const memtier_tier_statistics theirs = by_functions.statistics(tier);
            ASSERT_EQ(ours.allocated, theirs.allocated) << "step " << step << ", tier " << tier;
            ASSERT_EQ(ours.allocations, theirs.allocations) << "step " << step << ", tier " << tier;
            ASSERT_LE(ours.allocated, ours.peak);
        }
    }
    EXPECT_GT(short_cuts, kSteps / 10U * 7) << "it was hardly taken";
    for (const auto& pair : live) {
        release(pair[0], &short_cuts);
        memtier_free(pair[1]);
    }
    for (unsigned tier = 0; tier < ratios.size(); ++tier)
        EXPECT_EQ(by_shortcut.statistics(tier).allocated, 0u);
}

void choose_alike(const std::vector<unsigned>& ratios) {
    choose_alike(ratios, [] {});
}

TEST(Shortcut, CountsOneTierAsTheFunctionsDo) {
    choose_alike({1});
}

TEST(Shortcut, ChoosesAndCountsAsTheFunctionsDo) {
    choose_alike({1, 4});
    choose_alike({30, 10});
    choose_alike({1, 30000});
}

TEST(Shortcut, ChoosesAmongAFewTiersAsTheFunctionsDo) {
    choose_alike({1, 1, 1});
    choose_alike({1, 4, 2});
    choose_alike({6, 300, 3});
    choose_alike({8192, 1, 8191});
    choose_alike({700, 1, 30});
}

// The same block again and again, between others: there the tier is not chosen anew each time.
void choose_alike_again_and_again(const std::vector<unsigned>& ratios) {
    const Tiers by_shortcut(ratios);
    const Tiers by_functions(ratios);
    std::mt19937 random(1);
    std::vector<std::array<void*, 2>> live;
    size_t short_cuts = 0;
    for (int step = 0; step < 5000; ++step) {
        const size_t size = 16 + random() % 100;
        const size_t times = random() % 6;
        for (size_t time = 0; time <= times; ++time) {
            void* const one = allocate(by_shortcut.memory, size, &short_cuts);
            void* const other = memtier_malloc(by_functions.memory, size);
            ASSERT_EQ(by_shortcut.tier_of(one), by_functions.tier_of(other))
                << "step " << step << ", time " << time;
            if (time == times) {
                live.push_back({one, other});
                break;
            }
            release(one, &short_cuts);
            memtier_free(other);
        }
    }
    EXPECT_GT(short_cuts, 15000u) << "it was hardly taken";
    for (const auto& pair : live) {
        release(pair[0], &short_cuts);
        memtier_free(pair[1]);
    }
}

TEST(Shortcut, ChoosesAlikeWhereAThreadRepeatsItself) {
    choose_alike_again_and_again({1, 4});
    choose_alike_again_and_again({1, 4, 2});
}

TEST(Shortcut, ChoosesAlikeFarFromTheRatio) {
    for (const unsigned emptied : {0U, 1U, 2U}) {
        const std::vector<unsigned> ratios = {1000, 4001, 2003};
        const Tiers by_shortcut(ratios);
        const Tiers by_functions(ratios);
        std::vector<std::array<void*, 2>> live;
        size_t short_cuts = 0;
        const auto allocate_many = [&] {
            for (int i = 0; i < 5000; ++i) {
                live.push_back({allocate(by_shortcut.memory, 1000, &short_cuts),
                                memtier_malloc(by_functions.memory, 1000)});
                ASSERT_EQ(by_shortcut.tier_of(live.back()[0]), by_functions.tier_of(live.back()[1]))
                    << "allocation " << i << ", tier " << emptied << " emptied";
            }
        };
        const auto free_all_of = [&](auto is_wanted) {
            for (auto& pair : live)
                if (pair[0] != nullptr && is_wanted(by_shortcut.tier_of(pair[0]))) {
                    release(pair[0], &short_cuts);
                    memtier_free(pair[1]);
                    pair = {};
                }
        };
        allocate_many();
        free_all_of([&](size_t tier) { return tier == emptied; });
        allocate_many();
        EXPECT_GT(short_cuts, 7000u);
        free_all_of([](size_t) { return true; });
        EXPECT_EQ(by_shortcut.allocated(), 0u);
    }
}

TEST(Shortcut, ComparesTheTiersOfItsMemoryAndNoOthers) {
    const Tiers earlier({3, 1});
    size_t short_cuts = 0;
    for (int i = 0; i < 200; ++i)
        release(allocate(earlier.memory, 64, &short_cuts), &short_cuts);
    EXPECT_GT(short_cuts, 200u);
    void* block = nullptr;
    unsigned turn = 0;
    choose_alike({1, 4}, [&] {
        memtier_free(block);
        block = memtier_kind_malloc(earlier.kinds[turn++ % 2], 1000);
    });
    memtier_free(block);
}

TEST(Shortcut, IsNotTakenWhereTheChoiceIsNotSimple) {
    size_t short_cuts = 0;
    const auto try_it = [&short_cuts](const Tiers& tiers) {
        std::vector<void*> blocks;
        for (int i = 0; i < 300; ++i)
            blocks.push_back(allocate(tiers.memory, 64, &short_cuts));
        for (void* block : blocks)
            memtier_free(block);
    };
    try_it(Tiers({1, 1, 1, 1}));
    try_it(Tiers({1, 4000000000}));
    try_it(Tiers({1, 8193, 3}));
    try_it(Tiers({1, 1, 4000000000}));
    try_it(Tiers({1, 1}, 0, MEMTIER_POLICY_DYNAMIC_THRESHOLD));
    EXPECT_EQ(short_cuts, 0u);
}

// A loop of pairs stays in the first tier; the others are on the shortcut all the same, as soon as they can be.
TEST(Shortcut, IsTakenThoughATierWasNeverUsed) {
    if (memkind_check_available(MEMKIND_REGULAR) != MEMKIND_SUCCESS)
        GTEST_SKIP() << "MEMKIND_REGULAR is not available here";
    memtier_builder* builder = memtier_builder_new(MEMTIER_POLICY_STATIC_RATIO);
    ASSERT_EQ(memtier_builder_add_tier(builder, MEMKIND_DEFAULT, 1), 0);
    ASSERT_EQ(memtier_builder_add_tier(builder, MEMKIND_REGULAR, 4), 0);
    memtier_memory* const memory = memtier_builder_construct_memtier_memory(builder);
    memtier_builder_delete(builder);
    size_t short_cuts = 0;
    for (int i = 0; i < 300; ++i)
        release(allocate(memory, 64, &short_cuts), &short_cuts);
    EXPECT_GT(short_cuts, 300u);
    memtier_delete_memtier_memory(memory);
}

TEST(Shortcut, GivesAtLeastWhatMallocGives) {
    const Tiers tiers({1});
    size_t short_cuts = 0;
    for (int round = 0; round < 8; ++round)
        for (size_t size = 0; size <= 4096; ++size) {
            void* const block = shortcut::take(size);
            void* const other =
                block != nullptr ? block : allocate(tiers.memory, size < 16 ? 16 : size, &short_cuts);
            ASSERT_GE(memtier_usable_size(other), size < 16 ? 16 : size);
            ASSERT_EQ(reinterpret_cast<uintptr_t>(other) % 16, 0u);
            release(other, &short_cuts);
        }
    EXPECT_EQ(shortcut::take(4097), nullptr);
}

TEST(Shortcut, LeavesWhatIsNotOurs) {
    const Tiers tiers({1});
    size_t short_cuts = 0;
    release(allocate(tiers.memory, 64, &short_cuts), &short_cuts);
    int here = 0;
    EXPECT_FALSE(shortcut::put(nullptr));
    EXPECT_FALSE(shortcut::put(&here));
    EXPECT_FALSE(shortcut::put(reinterpret_cast<void*>(~uintptr_t{0} - 4095)));
    EXPECT_FALSE(shortcut::put(reinterpret_cast<void*>(uintptr_t{1} << 47)));
}

TEST(Shortcut, EndsWithItsKinds) {
    size_t short_cuts = 0;
    {
        const Tiers tiers({1, 1});
        std::vector<void*> blocks;
        for (int i = 0; i < 100; ++i)
            blocks.push_back(allocate(tiers.memory, 64, &short_cuts));
        for (void* block : blocks)
            release(block, &short_cuts);
        EXPECT_GT(short_cuts, 100u);
    }
    EXPECT_EQ(shortcut::take(64), nullptr);
}

// All of a full tier's allocations go elsewhere, those of the shortcut too.
TEST(Shortcut, LeavesAFullTierAndComesBack) {
    const Tiers tiers({1, 1}, kLimit);
    std::vector<void*> blocks;
    size_t short_cuts = 0;
    while (void* const block = allocate(tiers.memory, 1024, &short_cuts))
        blocks.push_back(block);
    EXPECT_GT(tiers.statistics(0).refusals, 0u);
    EXPECT_GT(tiers.statistics(1).refusals, 0u);
    EXPECT_GT(tiers.allocated(), kLimit);
    EXPECT_EQ(tiers.allocated(), blocks.size() * 1024);
    for (void* block : blocks)
        release(block, &short_cuts);
    EXPECT_EQ(tiers.allocated(), 0u);
    void* const again = allocate(tiers.memory, 1024, &short_cuts);
    EXPECT_NE(again, nullptr);
    release(again, &short_cuts);
}

// The first of tiers in order, until it refuses; then the functions find where room is.
TEST(Shortcut, FillsTheFirstTierInOrder) {
    const Tiers tiers({1, 1, 1, 1, 1, 1}, kLimit, MEMTIER_POLICY_CAPACITY_ORDER);
    std::vector<void*> blocks;
    size_t short_cuts = 0;
    while (tiers.statistics(1).allocated == 0)
        blocks.push_back(allocate(tiers.memory, 1024, &short_cuts));
    EXPECT_GT(short_cuts, blocks.size() / 2);
    EXPECT_GT(tiers.statistics(0).allocated, kLimit / 2);
    EXPECT_EQ(tiers.statistics(0).refusals, 1u);
    short_cuts = 0;
    for (int i = 0; i < 100; ++i) {
        blocks.push_back(allocate(tiers.memory, 1024, &short_cuts));
        EXPECT_EQ(tiers.tier_of(blocks.back()), 1u);
    }
    EXPECT_EQ(short_cuts, 0u);
    EXPECT_EQ(tiers.statistics(0).passed_on, tiers.statistics(1).allocations);
    for (void* block : blocks)
        release(block, &short_cuts);
    EXPECT_EQ(tiers.allocated(), 0u);
}

// Blocks that one thread allocates and others free, while threads come and go.
void count_exactly_whatever_thread_frees(const std::vector<unsigned>& ratios) {
    const Tiers tiers(ratios);
    std::mutex lock;
    std::vector<void*> passed_on;
    std::atomic<size_t> bytes{0};
    std::atomic<size_t> allocations{0};
    std::atomic<size_t> all_short_cuts{0};
    const auto work = [&](unsigned seed) {
        std::mt19937 random(seed);
        size_t short_cuts = 0;
        for (int i = 0; i < 20000; ++i) {
            void* const block = allocate(tiers.memory, 16 + random() % 1000, &short_cuts);
            bytes += memtier_usable_size(block);
            ++allocations;
            void* other = nullptr;
            {
                const std::lock_guard guard(lock);
                passed_on.push_back(block);
                if (passed_on.size() > 3000)
                    std::swap(other, passed_on[random() % passed_on.size()]);
                if (other != nullptr) {
                    passed_on.erase(std::find(passed_on.begin(), passed_on.end(), nullptr));
                    bytes -= memtier_usable_size(other);
                }
            }
            if (other != nullptr)
                release(other, &short_cuts);
        }
        all_short_cuts += short_cuts;
    };
    for (unsigned round = 0; round < 2; ++round) {
        std::vector<std::thread> threads;
        for (unsigned t = 0; t < 4; ++t)
            threads.emplace_back(work, round * 4 + t);
        for (std::thread& thread : threads)
            thread.join();
        EXPECT_EQ(tiers.allocated(), bytes);
        size_t counted = 0;
        const auto first = static_cast<double>(tiers.statistics(0).allocated);
        for (unsigned tier = 0; tier < ratios.size(); ++tier) {
            counted += tiers.statistics(tier).allocations;
            EXPECT_NEAR(static_cast<double>(tiers.statistics(tier).allocated), ratios[tier] * first,
                        4 * (ratios[tier] + 1) * 16384.0);
        }
        EXPECT_EQ(counted, allocations);
    }
    EXPECT_GT(all_short_cuts, allocations);
    size_t short_cuts = 0;
    for (void* block : passed_on)
        release(block, &short_cuts);
    EXPECT_EQ(tiers.allocated(), 0u);
}

TEST(Shortcut, CountsExactlyWhateverThreadFrees) {
    count_exactly_whatever_thread_frees({1, 3});
    count_exactly_whatever_thread_frees({1, 3, 2});
}

}  // namespace
