// Statistics, printing, trimming, defragmentation and background threads: right numbers on each kind, and
// documented answers to wrong arguments.
#include <fcntl.h>
#include <memkind.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/kinds/faults_fixture.hpp"
#include "tests/support/child_process.hpp"

namespace {

using namespace terrace::tests;

class Statistics : public EverySortOfKind {
  protected:
    static std::size_t of(memkind_t kind, memkind_stat_type type) {
        std::size_t value = 4711;
        EXPECT_EQ(memkind_update_cached_stats(), MEMKIND_SUCCESS);
        EXPECT_EQ(memkind_get_stat(kind, type, &value), MEMKIND_SUCCESS);
        return value;
    }
    std::size_t allocated() const { return of(kind_, MEMKIND_STAT_TYPE_ALLOCATED); }
};
TERRACE_ON_EVERY_SORT_OF_KIND(Statistics);

TEST_P(Statistics, AllocatedGrowsByTheBlockAndFallsBack) {
    for (const std::size_t size :
         {std::size_t{64}, std::size_t{1024}, std::size_t{8192}, std::size_t{65'536}, kMiB, 20 * kMiB}) {
        const std::size_t before = allocated();
        constexpr std::size_t kBlocks = 10;
        std::vector<void*> blocks;
        std::size_t usable = 0;
        for (std::size_t i = 0; i < kBlocks; ++i) {
            blocks.push_back(memkind_malloc(kind_, size));
            ASSERT_NE(blocks.back(), nullptr);
            usable += memkind_malloc_usable_size(kind_, blocks.back());
        }
        EXPECT_EQ(allocated() - before, usable) << "in blocks of " << size;
        for (void* const block : blocks)
            memkind_free(nullptr, block);
        EXPECT_EQ(allocated(), before) << "after freeing blocks of " << size;
    }
}

TEST_P(Statistics, BlocksOfOtherThreadsAndOfEndedOnesAreCounted) {
    const std::size_t before = allocated();
    std::vector<void*> blocks(1000);
    std::thread([&] {
        for (void*& block : blocks)
            block = memkind_malloc(kind_, 512);
    }).join();
    EXPECT_EQ(allocated() - before, blocks.size() * 512);
    std::thread([&] {
        for (void* const block : blocks)
            memkind_free(kind_, block);
    }).join();
    EXPECT_EQ(allocated(), before);
}

TEST_P(Statistics, ReallocIsCounted) {
    const std::size_t before = allocated();
    void* block = memkind_malloc(kind_, 100);
    for (const std::size_t size :
         {std::size_t{5000}, 3 * kMiB, std::size_t{100'000}, std::size_t{10}, 9 * kMiB}) {
        block = memkind_realloc(kind_, block, size);
        ASSERT_NE(block, nullptr);
        EXPECT_EQ(allocated() - before, memkind_malloc_usable_size(kind_, block)) << size;
    }
    block = memkind_realloc(other(), block, 100);
    EXPECT_EQ(allocated(), before) << "it moved to another kind";
    memkind_free(nullptr, block);
}

TEST_P(Statistics, ResidentHoldsActiveAndActiveHoldsAllocated) {
    std::vector<void*> blocks;
    for (std::size_t i = 0; i < 2000; ++i) {
        blocks.push_back(memkind_malloc(kind_, 1 + i * 37 % 20'000));
        std::memset(blocks.back(), 1, 1);
    }
    const std::size_t in_blocks = allocated();
    const std::size_t active = of(kind_, MEMKIND_STAT_TYPE_ACTIVE);
    const std::size_t resident = of(kind_, MEMKIND_STAT_TYPE_RESIDENT);
    EXPECT_GT(in_blocks, 0U);
    EXPECT_GE(active, in_blocks);
    EXPECT_GE(resident, active);
    EXPECT_EQ(active % 4096, 0U);
    EXPECT_GE(of(nullptr, MEMKIND_STAT_TYPE_ALLOCATED), in_blocks) << "all kinds together";
    EXPECT_GE(of(nullptr, MEMKIND_STAT_TYPE_RESIDENT), resident);
    for (void* const block : blocks)
        memkind_free(kind_, block);
}

TEST_P(Statistics, TrimmingLetsResidentFall) {
    ASSERT_EQ(memkind_trim(kind_), MEMKIND_SUCCESS);
    const std::size_t before = of(kind_, MEMKIND_STAT_TYPE_RESIDENT);
    std::vector<void*> blocks;
    for (std::size_t i = 0; i < 20'000; ++i) {
        blocks.push_back(memkind_malloc(kind_, 16 + i * 37 % 8000));
        ASSERT_NE(blocks.back(), nullptr);
        std::memset(blocks.back(), 1, 16);
    }
    const std::size_t peak = of(kind_, MEMKIND_STAT_TYPE_RESIDENT);
    EXPECT_GT(peak, before + 60 * kMiB);
    for (void* const block : blocks)
        memkind_free(kind_, block);
    ASSERT_EQ(memkind_trim(kind_), MEMKIND_SUCCESS);
    EXPECT_LT(of(kind_, MEMKIND_STAT_TYPE_RESIDENT), before + peak / 100);
}

TEST_P(Statistics, WhatDoesNotExistIsInvalid) {
    std::size_t value = 4711;
    for (const int type : {3, 4, 1000, -1}) {
        EXPECT_EQ(memkind_get_stat(kind_, static_cast<memkind_stat_type>(type), &value),
                  MEMKIND_ERROR_INVALID);
        EXPECT_EQ(memkind_get_stat(nullptr, static_cast<memkind_stat_type>(type), &value),
                  MEMKIND_ERROR_INVALID);
    }
    EXPECT_EQ(value, 4711U);
    EXPECT_EQ(memkind_get_stat(kind_, MEMKIND_STAT_TYPE_ALLOCATED, nullptr), MEMKIND_ERROR_INVALID);
}

TEST(StatisticsOfAnUnusedKind, AreZero) {
    setenv("MEMKIND_HBW_NODES", "0", 0);
    ASSERT_EQ(memkind_update_cached_stats(), MEMKIND_SUCCESS);
    for (memkind_t const kind : {MEMKIND_HBW_INTERLEAVE, MEMKIND_HUGETLB, MEMKIND_HIGHEST_CAPACITY})
        for (const auto type :
             {MEMKIND_STAT_TYPE_RESIDENT, MEMKIND_STAT_TYPE_ACTIVE, MEMKIND_STAT_TYPE_ALLOCATED}) {
            std::size_t value = 4711;
            EXPECT_EQ(memkind_get_stat(kind, type, &value), MEMKIND_SUCCESS);
            EXPECT_EQ(value, 0U);
        }
}

// ---- printing ----

void append(void* text, const char* piece) {
    static_cast<std::string*>(text)->append(piece);
}

constexpr int kEveryOption[] = {0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 511, 510};

TEST(PrintedStatistics, RefuseOptionsThatDoNotExist) {
    std::string text;
    text.reserve(16 * kMiB);
    for (const int options : {512, 1024, 1025, 1 << 30, -1})
        EXPECT_EQ(memkind_stats_print(append, &text, static_cast<memkind_stat_print_opt>(options)),
                  MEMKIND_ERROR_INVALID);
    EXPECT_TRUE(text.empty());
    for (const int options : kEveryOption)
        EXPECT_EQ(memkind_stats_print(append, &text, static_cast<memkind_stat_print_opt>(options)),
                  MEMKIND_SUCCESS)
            << options;
    EXPECT_FALSE(text.empty());
}

TEST(PrintedStatistics, AreJsonWhenAskedFor) {
    if (std::system("python3 -c '' >/dev/null 2>&1") != 0)
        GTEST_SKIP() << "no python3 to read the JSON";
    const TemporaryDirectory directory;
    const SomeKind file("FILE_IN_MEMORY");
    void* const block = memkind_malloc(file.get(), 1000);
    for (const int options : kEveryOption) {
        if (options % 2 == 0)
            continue;
        std::string text;
        text.reserve(16 * kMiB);
        ASSERT_EQ(memkind_stats_print(append, &text, static_cast<memkind_stat_print_opt>(options)),
                  MEMKIND_SUCCESS);
        std::ofstream(directory.file("json")) << text;
        EXPECT_EQ(std::system(("python3 -m json.tool '" + directory.file("json") + "' >/dev/null").c_str()),
                  0)
            << text.substr(0, 500);
    }
    memkind_free(file.get(), block);
}

TEST(PrintedStatistics, GoToStderrWithoutACallback) {
    const TemporaryDirectory directory;
    const std::string output = directory.file("stderr");
    EXPECT_EQ(run_in_child([&] {
                  const int file = open(output.c_str(), O_WRONLY | O_CREAT, 0600);
                  return dup2(file, 2) == 2 &&
                         memkind_stats_print(nullptr, nullptr, MEMKIND_STAT_PRINT_ALL) == MEMKIND_SUCCESS;
              }),
              0);
    struct stat status = {};
    ASSERT_EQ(stat(output.c_str(), &status), 0);
    EXPECT_GT(status.st_size, 100);
}

// ---- background threads ----

TEST_P(Statistics, BackgroundThreadsCanBeTurnedOnAndOff) {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "jemalloc starts its threads behind ThreadSanitizer's back, which then crashes";
#endif
    for (int i = 0; i < 5; ++i) {
        ASSERT_EQ(memkind_set_bg_threads(true), MEMKIND_SUCCESS);
        ASSERT_EQ(memkind_set_bg_threads(true), MEMKIND_SUCCESS);
        for (std::size_t size = 100; size < 10 * kMiB; size *= 3) {
            void* const block = memkind_malloc(kind_, size);
            ASSERT_NE(block, nullptr);
            std::memset(block, 1, size);
            memkind_free(kind_, block);
        }
        EXPECT_EQ(run_in_child([&] {
                      void* const block = memkind_malloc(kind_, 100'000);
                      memkind_free(kind_, block);
                      return block != nullptr && memkind_set_bg_threads(false) == MEMKIND_SUCCESS;
                  }),
                  0);
        ASSERT_EQ(memkind_set_bg_threads(false), MEMKIND_SUCCESS);
    }
}

// ---- defragmentation ----

TEST_P(Statistics, DefragmentationKeepsContentsAndGivesPagesBack) {
    struct Block {
        unsigned char* memory;
        std::size_t size;
        unsigned char mark;
    };
    std::mt19937 random(4711);
    std::vector<Block> blocks;
    for (std::size_t i = 0; i < 100'000; ++i) {
        const std::size_t size = 16 + random() % 500;
        auto* const memory = static_cast<unsigned char*>(memkind_malloc(kind_, size));
        ASSERT_NE(memory, nullptr);
        const auto mark = static_cast<unsigned char>(random());
        std::memset(memory, mark, size);
        blocks.push_back({memory, size, mark});
    }
    std::vector<Block> kept;
    for (const Block& block : blocks)
        if (random() % 20 == 0)
            kept.push_back(block);
        else
            memkind_free(kind_, block.memory);
    memkind_trim(kind_);
    const std::size_t scattered = of(kind_, MEMKIND_STAT_TYPE_ACTIVE);
    std::size_t moved = 0;
    for (int pass = 0; pass < 2; ++pass)
        for (std::size_t i = 0; i < kept.size(); ++i) {
            Block& block = kept[i];
            void* const now = memkind_defrag_reallocate(i % 2 == 0 ? kind_ : nullptr, block.memory);
            if (now == nullptr)
                continue;
            ++moved;
            block.memory = static_cast<unsigned char*>(now);
        }
    for (const Block& block : kept) {
        ASSERT_EQ(memkind_detect_kind(block.memory), kind_);
        ASSERT_GE(memkind_malloc_usable_size(kind_, block.memory), block.size);
        for (std::size_t i = 0; i < block.size; ++i)
            ASSERT_EQ(block.memory[i], block.mark) << "byte " << i << " of " << block.size;
    }
    memkind_trim(kind_);
    EXPECT_GT(moved, 0U);
    EXPECT_LT(of(kind_, MEMKIND_STAT_TYPE_ACTIVE), scattered / 10 * 8)
        << moved << " of " << kept.size() << " blocks moved";
    for (const Block& block : kept)
        memkind_free(kind_, block.memory);
}

TEST_P(Statistics, DefragmentationOfLargeBlocksKeepsThem) {
    for (const std::size_t size : {std::size_t{20'000}, std::size_t{200'000}, 5 * kMiB}) {
        auto* block = static_cast<char*>(memkind_malloc(kind_, size));
        std::memset(block, 'l', size);
        for (int i = 0; i < 3; ++i)
            if (void* const now = memkind_defrag_reallocate(kind_, block))
                block = static_cast<char*>(now);
        for (std::size_t i = 0; i < size; ++i)
            ASSERT_EQ(block[i], 'l');
        memkind_free(kind_, block);
    }
}

}  // namespace
