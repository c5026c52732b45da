// Every function of memkind.h on a persistent kind, one by one.
#include <memkind_memtier.h>
#include <memkind_pmr.h>

#include <cerrno>
#include <cstdint>
#include <set>
#include <thread>
#include <vector>

#include "tests/persist/persistent_kind.hpp"

namespace {

using namespace terrace::tests;
using PersistentKindFunctions = PersistentKind;

std::size_t statistic(memkind_t kind, memkind_stat_type which) {
    std::size_t value = 0;
    EXPECT_EQ(memkind_update_cached_stats(), MEMKIND_SUCCESS);
    EXPECT_EQ(memkind_get_stat(kind, which, &value), MEMKIND_SUCCESS);
    return value;
}

// Until there is no more; the blocks.
std::vector<void*> fill(memkind_t kind, std::size_t size) {
    std::vector<void*> blocks;
    while (void* const block = memkind_malloc(kind, size))
        blocks.push_back(block);
    return blocks;
}

TEST_P(PersistentKindFunctions, MallocGivesBlocksOfEverySizeAndFreeTakesThemBack) {
    for (const std::size_t size : {1UL, 8UL, 100UL, 5'000UL, 16'384UL, 100'000UL, 4UL << 20}) {
        auto* const block = static_cast<char*>(memkind_malloc(kind_, size));
        ASSERT_NE(block, nullptr) << size;
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % 16, 0U) << size;
        EXPECT_GE(memkind_malloc_usable_size(kind_, block), size);
        std::memset(block, 1, memkind_malloc_usable_size(nullptr, block));
        memkind_free(kind_, block);
    }
    memkind_free(kind_, nullptr);
    memkind_free(nullptr, nullptr);
}

TEST_P(PersistentKindFunctions, FreeFindsTheKindAndKeepsErrno) {
    const std::size_t before = statistic(kind_, MEMKIND_STAT_TYPE_ALLOCATED);
    void* const block = memkind_malloc(kind_, 100);
    errno = ENOTTY;
    memkind_free(MEMKIND_DEFAULT, block);
    EXPECT_EQ(errno, ENOTTY);
    EXPECT_EQ(statistic(kind_, MEMKIND_STAT_TYPE_ALLOCATED), before);
}

TEST_P(PersistentKindFunctions, CallocZeroesAlsoMemoryThatWasUsed) {
    void* const used = memkind_malloc(kind_, 1000);
    std::memset(used, 0xff, 1000);
    memkind_free(kind_, used);
    const auto* const zeroed = static_cast<const unsigned char*>(memkind_calloc(kind_, 10, 100));
    ASSERT_NE(zeroed, nullptr);
    for (int i = 0; i < 1000; ++i)
        ASSERT_EQ(zeroed[i], 0) << i;
    errno = 0;
    EXPECT_EQ(memkind_calloc(kind_, SIZE_MAX, 2), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_EQ(memkind_calloc(kind_, 0, 2), nullptr);
}

TEST_P(PersistentKindFunctions, PosixMemalignGivesEveryAlignment) {
    for (std::size_t alignment = sizeof(void*); alignment <= 1UL << 20; alignment *= 2) {
        for (const std::size_t size : {1UL, 100UL, 10'000UL, 100'000UL}) {
            void* block = nullptr;
            ASSERT_EQ(memkind_posix_memalign(kind_, &block, alignment, size), 0) << alignment << ' ' << size;
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignment, 0U) << alignment << ' ' << size;
            EXPECT_GE(memkind_malloc_usable_size(kind_, block), size);
            EXPECT_EQ(memkind_publish(kind_, nullptr, block), MEMKIND_SUCCESS);
            memkind_free(kind_, block);
        }
    }
    void* block = this;
    EXPECT_EQ(memkind_posix_memalign(kind_, &block, 3, 100), EINVAL);
    EXPECT_EQ(block, nullptr);
    EXPECT_EQ(memkind_posix_memalign(kind_, &block, 4096, 10 * kPoolSize), ENOMEM);
    EXPECT_EQ(memkind_posix_memalign(kind_, &block, 4096, 0), 0);
    EXPECT_EQ(block, nullptr);
}

TEST_P(PersistentKindFunctions, ReallocKeepsTheContentsOfAReservedBlock) {
    auto* block = static_cast<char*>(memkind_realloc(kind_, nullptr, 10));
    ASSERT_NE(block, nullptr);
    std::strcpy(block, "contents");
    for (const std::size_t size : {1000UL, 100'000UL, 1UL << 20, 50UL, 9UL}) {
        block = static_cast<char*>(memkind_realloc(size % 2 == 0 ? kind_ : nullptr, block, size));
        ASSERT_NE(block, nullptr) << size;
        EXPECT_STREQ(block, "contents") << size;
        EXPECT_EQ(memkind_detect_kind(block), kind_);
    }
    EXPECT_EQ(memkind_realloc(kind_, block, 10 * kPoolSize), nullptr);
    EXPECT_STREQ(block, "contents") << "a failure leaves the block as it was";
    EXPECT_EQ(memkind_realloc(kind_, block, 0), nullptr);
    EXPECT_EQ(memkind_malloc_usable_size(kind_, block), 0U) << "it was not freed";
}

TEST_P(PersistentKindFunctions, ReallocToNothingFreesAPublishedBlockDurably) {
    char* const block = text("published");
    ASSERT_EQ(memkind_publish(kind_, nullptr, block), MEMKIND_SUCCESS);
    ASSERT_EQ(objects(), 1U);
    EXPECT_EQ(memkind_realloc(kind_, block, 0), nullptr);
    reopen();
    EXPECT_EQ(objects(), 0U);
}

TEST_P(PersistentKindFunctions, UsableBytesOfAPublishedBlockAreAllDurable) {
    auto* const block = static_cast<char*>(memkind_malloc(kind_, 100));
    const std::size_t usable = memkind_malloc_usable_size(kind_, block);
    std::memset(block, 'x', usable);
    ASSERT_EQ(memkind_publish(kind_, &root_->newest, block), MEMKIND_SUCCESS);
    reopen();
    const auto* const again = static_cast<const char*>(pmemobj_direct(root_->newest));
    EXPECT_EQ(memkind_malloc_usable_size(kind_, const_cast<char*>(again)), usable);
    EXPECT_EQ(pmemobj_alloc_usable_size(root_->newest), usable);
    for (std::size_t i = 0; i < usable; ++i)
        ASSERT_EQ(again[i], 'x') << i;
}

TEST_P(PersistentKindFunctions, DetectKindKnowsItsBlocksAndNoOthers) {
    auto* const block = static_cast<char*>(memkind_malloc(kind_, 100'000));
    EXPECT_EQ(memkind_detect_kind(block), kind_);
    EXPECT_EQ(memkind_detect_kind(block + 50'000), kind_);
    EXPECT_EQ(memkind_detect_kind(root_), kind_);
    EXPECT_EQ(memkind_detect_kind(this), nullptr);
    EXPECT_EQ(memkind_detect_kind(reinterpret_cast<char*>(pool_) + kPoolSize), nullptr) << "behind the pool";
}

TEST_P(PersistentKindFunctions, FindBlockTellsTheBlockAroundAnAddress) {
    for (const std::size_t size : {100UL, 10'000UL, 1UL << 20}) {
        auto* const block = static_cast<char*>(memkind_malloc(kind_, size));
        for (const std::size_t at : {std::size_t{0}, size / 2, size - 1}) {
            memkind_block found = {};
            ASSERT_EQ(memkind_find_block(block + at, &found), MEMKIND_SUCCESS);
            EXPECT_EQ(found.kind, kind_);
            EXPECT_EQ(found.start, block) << size << " at " << at;
            EXPECT_EQ(found.size, memkind_malloc_usable_size(kind_, block));
        }
        memkind_free(kind_, block);
        memkind_block found = {};
        EXPECT_EQ(memkind_find_block(block, &found), MEMKIND_SUCCESS);
        EXPECT_EQ(found.start, nullptr) << size << ": it was freed";
    }
    memkind_block found = {};
    EXPECT_EQ(memkind_find_block(pool_, &found), MEMKIND_SUCCESS);
    EXPECT_EQ(found.kind, kind_);
    EXPECT_EQ(found.start, nullptr) << "a pool begins with no block";
}

TEST_P(PersistentKindFunctions, CapacityIsWhatThePoolHasForBlocks) {
    const ssize_t capacity = memkind_get_capacity(kind_);
    EXPECT_GT(capacity, static_cast<ssize_t>(kPoolSize * 8 / 10));
    EXPECT_LT(capacity, static_cast<ssize_t>(kPoolSize));
    std::size_t held = 0;
    for (void* const block : fill(kind_, 4096))
        held += memkind_malloc_usable_size(kind_, block);
    EXPECT_LE(held, static_cast<std::size_t>(capacity));
    EXPECT_GT(held, static_cast<std::size_t>(capacity) * 9 / 10);
}

TEST_P(PersistentKindFunctions, StatisticsCountReservedAndPublishedBlocks) {
    const std::size_t before = statistic(kind_, MEMKIND_STAT_TYPE_ALLOCATED);
    std::size_t held = 0;
    std::vector<void*> blocks;
    for (int i = 0; i < 100; ++i) {
        blocks.push_back(memkind_malloc(kind_, 1000));
        held += memkind_malloc_usable_size(kind_, blocks.back());
        if (i % 2 == 0) {
            ASSERT_EQ(memkind_publish(kind_, nullptr, blocks.back()), MEMKIND_SUCCESS);
        }
    }
    EXPECT_EQ(statistic(kind_, MEMKIND_STAT_TYPE_ALLOCATED) - before, held);
    const std::size_t active = statistic(kind_, MEMKIND_STAT_TYPE_ACTIVE);
    EXPECT_GE(active, held);
    EXPECT_EQ(active % 4096, 0U);
    EXPECT_GE(statistic(kind_, MEMKIND_STAT_TYPE_RESIDENT), active);
    EXPECT_GE(statistic(nullptr, MEMKIND_STAT_TYPE_ALLOCATED), held) << "of all kinds together";
    for (void* const block : blocks)
        memkind_free(kind_, block);
    EXPECT_EQ(statistic(kind_, MEMKIND_STAT_TYPE_ALLOCATED), before);
    std::size_t value = 0;
    EXPECT_EQ(memkind_get_stat(kind_, MEMKIND_STAT_TYPE_MAX_VALUE, &value), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_get_stat(kind_, MEMKIND_STAT_TYPE_ACTIVE, nullptr), MEMKIND_ERROR_INVALID);
}

TEST_P(PersistentKindFunctions, StatsPrintHasARowForTheKind) {
    const auto append = [](void* all, const char* piece) { static_cast<std::string*>(all)->append(piece); };
    std::string all;
    EXPECT_EQ(memkind_stats_print(append, &all, MEMKIND_STAT_PRINT_ALL), MEMKIND_SUCCESS);
    EXPECT_NE(all.find("memkind_persistent"), std::string::npos);
    all.clear();
    EXPECT_EQ(memkind_stats_print(append, &all, MEMKIND_STAT_PRINT_JSON_FORMAT), MEMKIND_SUCCESS);
    EXPECT_NE(all.find("\"taken\": " + std::to_string(kPoolSize)), std::string::npos)
        << all.substr(all.size() - 500);
}

TEST_P(PersistentKindFunctions, UsageIsThePoolAndTheLimitItsSize) {
    memkind_usage usage = {};
    ASSERT_EQ(memkind_get_usage(kind_, &usage), MEMKIND_SUCCESS);
    EXPECT_EQ(usage.taken, kPoolSize);
    EXPECT_EQ(usage.peak, kPoolSize);
    EXPECT_EQ(usage.limit, kPoolSize) << "a pool does not grow unless it is told to";
}

TEST_P(PersistentKindFunctions, SetLimitLetsThePoolGrowUpToIt) {
    constexpr std::size_t kLimit = 64 << 20;
    ASSERT_EQ(memkind_set_limit(kind_, kLimit), MEMKIND_SUCCESS);
    std::vector<void*> blocks;
    for (int i = 0; i < 40; ++i) {
        blocks.push_back(memkind_malloc(kind_, 1 << 20));
        ASSERT_NE(blocks.back(), nullptr) << i << ": " << pmemobj_errormsg();
        std::memset(blocks.back(), i, 1 << 20);
        EXPECT_EQ(memkind_detect_kind(blocks.back()), kind_) << "where the pool has grown";
    }
    memkind_usage usage = {};
    ASSERT_EQ(memkind_get_usage(kind_, &usage), MEMKIND_SUCCESS);
    EXPECT_GT(usage.taken, std::size_t{40} << 20);
    EXPECT_LE(usage.taken, kLimit);
    EXPECT_EQ(usage.limit, kLimit);
    EXPECT_GT(memkind_get_capacity(kind_), 40 << 20);
    for (void* const more : fill(kind_, 1 << 20))
        blocks.push_back(more);
    EXPECT_LT(blocks.size(), 64U);
    EXPECT_EQ(errno, ENOMEM);
    void* const last = blocks.back();
    std::memset(last, 7, 1 << 20);
    ASSERT_EQ(memkind_publish(kind_, &root_->newest, last), MEMKIND_SUCCESS);
    const std::size_t offset = root_->newest.off;
    EXPECT_GT(offset, kPoolSize);
    reopen();
    EXPECT_EQ(root_->newest.off, offset);
    EXPECT_EQ(static_cast<char*>(pmemobj_direct(root_->newest))[1000], 7);
    EXPECT_EQ(memkind_detect_kind(pmemobj_direct(root_->newest)), kind_);
}

TEST_P(PersistentKindFunctions, WithoutALimitThePoolGrowsAsTheFileSystemLetsIt) {
    ASSERT_EQ(memkind_set_limit(kind_, 0), MEMKIND_SUCCESS);
    memkind_usage usage = {};
    ASSERT_EQ(memkind_get_usage(kind_, &usage), MEMKIND_SUCCESS);
    EXPECT_EQ(usage.limit, SIZE_MAX);
    EXPECT_NE(memkind_malloc(kind_, 2 * kPoolSize), nullptr) << pmemobj_errormsg();
}

TEST_P(PersistentKindFunctions, TrimKeepsBlocksAndMakesEmptiedRoomOnePiece) {
    void* const kept = text("kept");
    const auto blocks = fill(kind_, 100);
    for (void* const block : blocks)
        memkind_free(kind_, block);
    EXPECT_EQ(memkind_trim(kind_), MEMKIND_SUCCESS);
    EXPECT_EQ(memkind_trim(nullptr), MEMKIND_SUCCESS) << "every kind";
    EXPECT_STREQ(static_cast<char*>(kept), "kept");
    EXPECT_NE(memkind_malloc(kind_, kPoolSize / 2), nullptr);
}

TEST_P(PersistentKindFunctions, DefragReallocateLeavesBlocksWhereTheyAre) {
    EXPECT_EQ(memkind_defrag_reallocate(kind_, text("reserved")), nullptr);
    char* const published = text("published");
    ASSERT_EQ(memkind_publish(kind_, &root_->newest, published), MEMKIND_SUCCESS);
    EXPECT_EQ(memkind_defrag_reallocate(nullptr, published), nullptr);
    EXPECT_EQ(pmemobj_direct(root_->newest), published);
    EXPECT_STREQ(published, "published");
}

TEST_P(PersistentKindFunctions, ZeroBytesAreABlockWhereTheyAreAllowed) {
    EXPECT_EQ(memkind_malloc(kind_, 0), nullptr);
    ASSERT_EQ(memkind_set_allow_zero_allocs(kind_, true), MEMKIND_SUCCESS);
    void* const one = memkind_malloc(kind_, 0);
    void* const other = memkind_malloc(kind_, 0);
    EXPECT_NE(one, nullptr);
    EXPECT_NE(one, other);
    memkind_free(kind_, one);
    memkind_free(kind_, other);
}

TEST_P(PersistentKindFunctions, IsAvailableAndOnNoNode) {
    EXPECT_EQ(memkind_check_available(kind_), MEMKIND_SUCCESS);
    unsigned long nodes[1024 / 8 / sizeof(unsigned long)] = {};
    EXPECT_EQ(memkind_get_nodes(kind_, nodes, 1024), MEMKIND_SUCCESS);
    for (const unsigned long word : nodes)
        EXPECT_EQ(word, 0U);
}

TEST_P(PersistentKindFunctions, IsAMemberOfAFallbackChain) {
    const memkind_t members[] = {kind_, MEMKIND_DEFAULT};
    memkind_t chain = nullptr;
    ASSERT_EQ(memkind_create_fallback(members, 2, &chain), MEMKIND_SUCCESS);
    std::vector<void*> blocks;
    std::set<memkind_t> seen;
    for (int i = 0; i < 40; ++i) {
        blocks.push_back(memkind_malloc(chain, 1 << 20));
        ASSERT_NE(blocks.back(), nullptr);
        seen.insert(memkind_detect_kind(blocks.back()));
    }
    EXPECT_EQ(seen, (std::set<memkind_t>{kind_, MEMKIND_DEFAULT}));
    EXPECT_EQ(memkind_detect_kind(blocks.front()), kind_);
    for (void* const block : blocks)
        memkind_free(chain, block);
    EXPECT_EQ(memkind_destroy_kind(chain), MEMKIND_SUCCESS);
}

TEST_P(PersistentKindFunctions, IsATierOfMemtier) {
    memtier_builder* const builder = memtier_builder_new(MEMTIER_POLICY_STATIC_RATIO);
    ASSERT_NE(builder, nullptr);
    ASSERT_EQ(memtier_builder_add_tier(builder, kind_, 1), 0);
    memtier_memory* const memory = memtier_builder_construct_memtier_memory(builder);
    memtier_builder_delete(builder);
    ASSERT_NE(memory, nullptr);
    void* const block = memtier_malloc(memory, 100);
    EXPECT_EQ(memkind_detect_kind(block), kind_);
    EXPECT_EQ(memtier_usable_size(block), memkind_malloc_usable_size(kind_, block));
    memtier_free(block);
    memtier_delete_memtier_memory(memory);
}

TEST_P(PersistentKindFunctions, ServesContainersOfCpp) {
    terrace::memory_resource resource(kind_);
    std::pmr::vector<int> numbers(&resource);
    for (int i = 0; i < 1000; ++i)
        numbers.push_back(i);
    EXPECT_EQ(memkind_detect_kind(numbers.data()), kind_);
    EXPECT_EQ(numbers[999], 999);
}

TEST_P(PersistentKindFunctions, ServesManyThreads) {
    std::vector<std::thread> threads;
    for (unsigned number = 0; number < 4; ++number) {
        threads.emplace_back([this, number] {
            for (int i = 0; i < 300; ++i) {
                const std::size_t size = 16 + number * 100 + static_cast<std::size_t>(i);
                auto* const block = static_cast<char*>(memkind_malloc(kind_, size));
                ASSERT_NE(block, nullptr);
                std::memset(block, static_cast<int>(number), size);
                if (i % 10 == 0) {
                    ASSERT_EQ(memkind_publish(kind_, nullptr, block), MEMKIND_SUCCESS);
                }
                for (std::size_t at = 0; at < size; ++at)
                    ASSERT_EQ(block[at], static_cast<char>(number));
                memkind_free(nullptr, block);
            }
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(objects(), 0U);
}

TEST_P(PersistentKindFunctions, AFullPoolRefusesAndGoesOnWhenThereIsRoomAgain) {
    const auto blocks = fill(kind_, 1000);
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_GT(blocks.size(), 10'000U);
    EXPECT_NE(std::string(pmemobj_errormsg()).find("room"), std::string::npos) << pmemobj_errormsg();
    memkind_free(kind_, blocks[5'000]);
    EXPECT_EQ(memkind_malloc(kind_, 1000), blocks[5'000]);
    for (void* const block : blocks)
        memkind_free(kind_, block);
    EXPECT_NE(memkind_malloc(kind_, kPoolSize / 2), nullptr);
}

TEST_P(PersistentKindFunctions, DestroyKindClosesThePool) {
    void* const block = memkind_malloc(kind_, 100);
    ASSERT_EQ(memkind_publish(kind_, &root_->newest, text("stays")), MEMKIND_SUCCESS);
    ASSERT_EQ(memkind_destroy_kind(kind_), MEMKIND_SUCCESS);
    EXPECT_EQ(memkind_detect_kind(block), nullptr);
    EXPECT_EQ(memkind_destroy_kind(kind_), MEMKIND_ERROR_INVALID);
    kind_ = nullptr;
    // It is an ordinary pool.
    PMEMobjpool* const pool = pmemobj_open(path_.c_str(), "test");
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    const auto* const root = static_cast<Root*>(pmemobj_direct(pmemobj_root(pool, sizeof(Root))));
    EXPECT_STREQ(static_cast<char*>(pmemobj_direct(root->newest)), "stays");
    pmemobj_close(pool);
    EXPECT_EQ(pmemobj_check(path_.c_str(), "test"), 1);
}

INSTANTIATE_TEST_SUITE_P(On, PersistentKindFunctions, kBothMedia, where_of);

}  // namespace
