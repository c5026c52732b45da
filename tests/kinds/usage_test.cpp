// memkind_trim, memkind_get_usage and memkind_set_limit.
#include <gtest/gtest.h>
#include <memkind.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/support/temporary_directory.hpp"

namespace {

using terrace::tests::TemporaryDirectory;

constexpr std::size_t kMiB = 1 << 20;

memkind_usage usage_of(memkind_t kind) {
    memkind_usage usage = {};
    EXPECT_EQ(memkind_get_usage(kind, &usage), MEMKIND_SUCCESS);
    return usage;
}

std::size_t allocated(memkind_t kind) {
    std::size_t bytes = 0;
    EXPECT_EQ(memkind_get_stat(kind, MEMKIND_STAT_TYPE_ALLOCATED, &bytes), MEMKIND_SUCCESS);
    return bytes;
}

// Pages with blocks in them, those in threads' caches included.
std::size_t active(memkind_t kind) {
    std::size_t bytes = 0;
    EXPECT_EQ(memkind_update_cached_stats(), MEMKIND_SUCCESS);
    EXPECT_EQ(memkind_get_stat(kind, MEMKIND_STAT_TYPE_ACTIVE, &bytes), MEMKIND_SUCCESS);
    return bytes;
}

// An arena grows in steps; what is left of the latest ones was never touched, and stays taken.
constexpr std::size_t kGrowth = 16 * kMiB;

[[maybe_unused]] std::size_t resident_bytes() {
    long pages = 0;
    long resident = 0;
    FILE* const file = std::fopen("/proc/self/statm", "r");
    EXPECT_EQ(std::fscanf(file, "%ld %ld", &pages, &resident), 2);
    std::fclose(file);
    return static_cast<std::size_t>(resident) * 4096;
}

// Blocks of a size until there are no more or `most` bytes.
std::vector<void*> fill(memkind_t kind, std::size_t size, std::size_t most = SIZE_MAX) {
    std::vector<void*> blocks;
    for (std::size_t bytes = 0; bytes < most; bytes += size) {
        void* const block = memkind_malloc(kind, size);
        if (block == nullptr)
            break;
        std::memset(block, 1, size);
        blocks.push_back(block);
    }
    return blocks;
}

void free_all(const std::vector<void*>& blocks) {
    for (void* block : blocks)
        memkind_free(nullptr, block);
}

class Usage : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override { kind_ = make(); }
    void TearDown() override {
        for (memkind_t kind : made_)
            EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
    }
    memkind_t make() {
        memkind_t kind = nullptr;
        if (GetParam() == std::string("file"))
            EXPECT_EQ(memkind_create_pmem(directory_.path(), 0, &kind), MEMKIND_SUCCESS);
        else
            EXPECT_EQ(memkind_create_on_nodes("0", MEMKIND_PLACEMENT_PREFERRED, nullptr, &kind),
                      MEMKIND_SUCCESS);
        made_.push_back(kind);
        return kind;
    }

    TemporaryDirectory directory_;
    std::vector<memkind_t> made_;
    memkind_t kind_ = nullptr;
};

TEST_P(Usage, OfANewKindIsNothing) {
    const memkind_usage usage = usage_of(kind_);
    EXPECT_EQ(usage.taken, 0U);
    EXPECT_EQ(usage.peak, 0U);
    EXPECT_EQ(usage.limit, SIZE_MAX);
    EXPECT_EQ(memkind_get_usage(kind_, nullptr), MEMKIND_ERROR_INVALID);
    memkind_usage of_none = {};
    EXPECT_EQ(memkind_get_usage(nullptr, &of_none), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_set_limit(nullptr, 1), MEMKIND_ERROR_INVALID);
}

TEST_P(Usage, CoversWhatIsAllocatedAndPeakStays) {
    const std::vector<void*> blocks = fill(kind_, 100000, 20 * kMiB);
    const memkind_usage full = usage_of(kind_);
    EXPECT_GE(full.taken, 20 * kMiB);
    EXPECT_EQ(full.peak, full.taken);
    free_all(blocks);
    EXPECT_EQ(memkind_trim(kind_), MEMKIND_SUCCESS);
    const memkind_usage trimmed = usage_of(kind_);
    EXPECT_LE(trimmed.taken, kGrowth);
    EXPECT_EQ(active(kind_), 0U);
    EXPECT_EQ(trimmed.peak, full.peak);
}

TEST_P(Usage, TrimGivesSmallBlocksBackToo) {
    [[maybe_unused]] const std::size_t before = resident_bytes();
    for (const std::size_t size : {8U, 100U, 3000U, 14000U, 20000U, 65000U, 200000U}) {
        free_all(fill(kind_, size, 30 * kMiB));
        ASSERT_EQ(memkind_trim(kind_), MEMKIND_SUCCESS);
        EXPECT_LE(usage_of(kind_).taken, kGrowth) << size;
        EXPECT_EQ(active(kind_), 0U) << size;
        EXPECT_EQ(allocated(kind_), 0U) << size;
    }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // their shadow of the memory stays
    EXPECT_LE(resident_bytes(), before + 16 * kMiB);
#endif
}

TEST_P(Usage, TrimLeavesLiveBlocksAlone) {
    std::vector<void*> blocks = fill(kind_, 1000, 10 * kMiB);
    std::vector<void*> kept;
    for (std::size_t i = 0; i < blocks.size(); ++i)
        if (i % 100 == 0) {
            std::memset(blocks[i], static_cast<int>(i % 251), 1000);
            kept.push_back(blocks[i]);
        } else {
            memkind_free(kind_, blocks[i]);
        }
    ASSERT_EQ(memkind_trim(kind_), MEMKIND_SUCCESS);
    EXPECT_EQ(allocated(kind_), kept.size() * 1024);
    for (std::size_t i = 0; i < kept.size(); ++i)
        for (int byte = 0; byte < 1000; ++byte)
            ASSERT_EQ(static_cast<unsigned char*>(kept[i])[byte], i * 100 % 251);
    // The freed memory is fit for use again, zeroed where that is wanted.
    for (int i = 0; i < 1000; ++i) {
        auto* const block = static_cast<unsigned char*>(memkind_calloc(kind_, 1, 20000));
        ASSERT_NE(block, nullptr);
        for (int byte = 0; byte < 20000; ++byte)
            ASSERT_EQ(block[byte], 0);
        std::memset(block, 255, 20000);
        if (i % 2 == 0)
            memkind_free(kind_, block);
    }
}

TEST_P(Usage, TrimOfEveryKindTrimsThisOne) {
    free_all(fill(kind_, 5000, 10 * kMiB));
    ASSERT_EQ(memkind_trim(nullptr), MEMKIND_SUCCESS);
    EXPECT_EQ(active(kind_), 0U);
}

// An idle thread's cache stays until it next fetches blocks or has too many; then its memory goes as well.
TEST_P(Usage, TrimReachesOtherThreadsWhenTheyNextWork) {
    std::atomic<int> step{0};
    std::thread other([&] {
        free_all(fill(kind_, 100, 64 << 10));
        step = 1;
        while (step < 2)
            std::this_thread::yield();
        memkind_free(kind_, memkind_malloc(kind_, 5000));  // a size that is not in its cache
        step = 3;
        while (step < 4)
            std::this_thread::yield();
    });
    while (step < 1)
        std::this_thread::yield();
    ASSERT_EQ(memkind_trim(kind_), MEMKIND_SUCCESS);
    EXPECT_GT(active(kind_), 0U);  // the other's cache
    EXPECT_EQ(allocated(kind_), 0U);
    step = 2;
    while (step < 3)
        std::this_thread::yield();
    ASSERT_EQ(memkind_trim(kind_), MEMKIND_SUCCESS);
    EXPECT_LE(active(kind_), 64U << 10);  // one block of 5000, still in its cache
    step = 4;
    other.join();
    ASSERT_EQ(memkind_trim(kind_), MEMKIND_SUCCESS);
    EXPECT_EQ(active(kind_), 0U);
}

TEST_P(Usage, OfManyThreadsAndShardsIsGivenBack) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] {
            free_all(fill(kind_, 300, 4 * kMiB));
            free_all(fill(kind_, 30000, 4 * kMiB));
        });
    for (std::thread& thread : threads)
        thread.join();
    ASSERT_EQ(memkind_trim(kind_), MEMKIND_SUCCESS);
    EXPECT_EQ(active(kind_), 0U);
    EXPECT_EQ(allocated(kind_), 0U);
}

TEST_P(Usage, LimitIsNeverExceededAndMostOfItCanBeUsed) {
    for (const std::size_t size : {64U, 1000U, 20000U, 100000U}) {
        memkind_t kind = make();
        ASSERT_EQ(memkind_set_limit(kind, 10 * kMiB), MEMKIND_SUCCESS);
        EXPECT_EQ(usage_of(kind).limit, 10 * kMiB);
        errno = 0;
        const std::vector<void*> blocks = fill(kind, size, 100 * kMiB);
        EXPECT_EQ(errno, ENOMEM);
        EXPECT_LE(usage_of(kind).peak, 10 * kMiB);
        EXPECT_GE(blocks.size() * size, 8 * kMiB) << size;
        // Freed memory can be used for other sizes, and the limit can be raised.
        free_all(blocks);
        void* const large = memkind_malloc(kind, 8 * kMiB);
        EXPECT_NE(large, nullptr) << size;
        EXPECT_EQ(memkind_malloc(kind, 8 * kMiB), nullptr);
        ASSERT_EQ(memkind_set_limit(kind, 30 * kMiB), MEMKIND_SUCCESS);
        EXPECT_NE(memkind_malloc(kind, 8 * kMiB), nullptr);
        ASSERT_EQ(memkind_set_limit(kind, 0), MEMKIND_SUCCESS);
        EXPECT_EQ(usage_of(kind).limit, SIZE_MAX);
        EXPECT_NE(memkind_malloc(kind, 100 * kMiB), nullptr);
        EXPECT_EQ(usage_of(kind_).taken, 0U);  // the other kind has its own count
    }
}

TEST_P(Usage, LimitBelowWhatIsTakenStopsGrowthOnly) {
    const std::vector<void*> blocks = fill(kind_, 50000, 20 * kMiB);
    ASSERT_EQ(memkind_set_limit(kind_, kMiB), MEMKIND_SUCCESS);
    const std::size_t taken = usage_of(kind_).taken;
    EXPECT_EQ(memkind_malloc(kind_, 64 * kMiB), nullptr);
    EXPECT_LE(usage_of(kind_).taken, taken);
    for (void* block : blocks)
        EXPECT_EQ(*static_cast<char*>(block), 1);
    free_all(blocks);
    ASSERT_EQ(memkind_trim(kind_), MEMKIND_SUCCESS);
    EXPECT_LT(usage_of(kind_).taken, taken);
    ASSERT_EQ(memkind_set_limit(kind_, SIZE_MAX), MEMKIND_SUCCESS);
    EXPECT_NE(memkind_malloc(kind_, 64 * kMiB), nullptr);
}

TEST_P(Usage, LimitHoldsForThreadsThatRaceToIt) {
    ASSERT_EQ(memkind_set_limit(kind_, 20 * kMiB), MEMKIND_SUCCESS);
    std::vector<std::thread> threads;
    std::atomic<std::size_t> bytes{0};
    for (std::size_t i = 0; i < 4; ++i)
        threads.emplace_back([&, i] {
            const std::size_t size = std::size_t{500} << 3 * i;
            const std::vector<void*> blocks = fill(kind_, size, 100 * kMiB);
            bytes += blocks.size() * size;
            if (i % 2 == 0)
                free_all(blocks);
        });
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_GE(bytes, 10 * kMiB);
    EXPECT_LE(usage_of(kind_).peak, 20 * kMiB);
}

INSTANTIATE_TEST_SUITE_P(Of, Usage, testing::Values("file", "nodes"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
