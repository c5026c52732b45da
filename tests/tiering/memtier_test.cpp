// The memtier interface over real kinds: what each function answers, and that the counts follow.
#include <errno.h>
#include <gtest/gtest.h>
#include <memkind_memtier.h>
#include <stdint.h>
#include <string.h>

#include <thread>
#include <vector>

#include "tests/support/temporary_directory.hpp"

namespace {

using terrace::tests::TemporaryDirectory;

size_t in_default() {
    return memtier_kind_allocated_size(MEMKIND_DEFAULT);
}

TEST(MemtierBuilder, RefusesUnknownPolicies) {
    errno = 0;
    EXPECT_EQ(memtier_builder_new(MEMTIER_POLICY_MAX_VALUE), nullptr);
    EXPECT_EQ(errno, EINVAL);
}

TEST(MemtierBuilder, RefusesWhatIsNoTier) {
    memtier_builder* builder = memtier_builder_new(MEMTIER_POLICY_STATIC_RATIO);
    ASSERT_NE(builder, nullptr);
    EXPECT_EQ(memtier_builder_construct_memtier_memory(builder), nullptr) << "a memory without tiers";
    EXPECT_EQ(memtier_builder_add_tier(builder, nullptr, 1), -1);
    EXPECT_EQ(memtier_builder_add_tier(nullptr, MEMKIND_DEFAULT, 1), -1);
    EXPECT_EQ(memtier_builder_add_tier(builder, MEMKIND_DEFAULT, 0), -1) << "a share of nothing";
    EXPECT_EQ(memtier_builder_add_tier(builder, MEMKIND_DEFAULT, 1), 0);
    EXPECT_EQ(memtier_builder_add_tier(builder, MEMKIND_DEFAULT, 2), -1) << "the same kind twice";
    EXPECT_EQ(memtier_builder_construct_memtier_memory(nullptr), nullptr);
    EXPECT_EQ(memtier_ctl_set(builder, "policy.static_ratio.none", "1"), -1);
    memtier_builder_delete(builder);
    memtier_builder_delete(nullptr);
    memtier_delete_memtier_memory(nullptr);
}

TEST(MemtierBuilder, ConstructsSeveralMemoriesThatOutliveIt) {
    memtier_builder* builder = memtier_builder_new(MEMTIER_POLICY_STATIC_RATIO);
    ASSERT_EQ(memtier_builder_add_tier(builder, MEMKIND_DEFAULT, 1), 0);
    memtier_memory* one = memtier_builder_construct_memtier_memory(builder);
    memtier_memory* other = memtier_builder_construct_memtier_memory(builder);
    memtier_builder_delete(builder);
    ASSERT_NE(one, nullptr);
    ASSERT_NE(other, nullptr);
    EXPECT_NE(one, other);
    memtier_delete_memtier_memory(one);
    void* block = memtier_malloc(other, 10);
    EXPECT_NE(block, nullptr);
    memtier_delete_memtier_memory(other);
    memset(block, 1, 10);  // the block outlives its memory
    memtier_free(block);
}

// DRAM and a file in the ratio 1:4.
class Memtier : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_EQ(memkind_create_pmem(directory_.path(), 0, &file_), MEMKIND_SUCCESS);
        memtier_builder* builder = memtier_builder_new(MEMTIER_POLICY_STATIC_RATIO);
        ASSERT_EQ(memtier_builder_add_tier(builder, MEMKIND_DEFAULT, 1), 0);
        ASSERT_EQ(memtier_builder_add_tier(builder, file_, 4), 0);
        memory_ = memtier_builder_construct_memtier_memory(builder);
        memtier_builder_delete(builder);
        ASSERT_NE(memory_, nullptr);
        default_before_ = in_default();
        ASSERT_EQ(default_before_, 0u) << "an earlier test left something in DRAM";
    }
    void TearDown() override {
        EXPECT_EQ(in_default(), 0u) << "the test left something in DRAM";
        EXPECT_EQ(in_file(), 0u) << "the test left something in the file";
        memtier_delete_memtier_memory(memory_);
        memkind_destroy_kind(file_);
    }
    size_t in_file() const { return memtier_kind_allocated_size(file_); }
    size_t in_both() const { return in_default() + in_file(); }

    TemporaryDirectory directory_;
    memkind_t file_ = nullptr;
    memtier_memory* memory_ = nullptr;
    size_t default_before_ = 0;
};

TEST_F(Memtier, HoldsTheRatioForOneThreadToTheObject) {
    std::vector<void*> blocks;
    for (int i = 1; i <= 1000; ++i) {
        blocks.push_back(memtier_malloc(memory_, 128));
        ASSERT_NE(blocks.back(), nullptr);
        ASSERT_LE(in_file(), 4 * in_default()) << "after " << i;
        ASSERT_LE(4 * in_default(), in_file() + 4 * 128u) << "after " << i;
    }
    EXPECT_EQ(in_default(), 200 * 128u);
    EXPECT_EQ(in_file(), 800 * 128u);
    for (void* block : blocks)
        memtier_free(block);
}

TEST_F(Memtier, HoldsTheRatioForManyThreadsWithinTheDocumentedBound) {
    constexpr unsigned kThreads = 8;
    constexpr unsigned kBlocks = 20000;
    std::vector<void*> blocks[kThreads];
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < kThreads; ++t)
        threads.emplace_back([&, t] {
            for (unsigned i = 0; i < kBlocks; ++i)
                blocks[t].push_back(memtier_malloc(memory_, 64));
        });
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(in_both(), size_t{kThreads} * kBlocks * 64);
    const double off = std::abs(static_cast<double>(in_file()) - 4.0 * static_cast<double>(in_default()));
    // Each thread sees each tier up to 16 KiB wrong for each other thread, and may still place one object.
    EXPECT_LE(off, 5.0 * kThreads * (16 * 1024 + 64));
    for (std::vector<void*>& of_thread : blocks)
        for (void* block : of_thread)
            memtier_free(block);
}

TEST_F(Memtier, CountsUsableBytes) {
    void* block = memtier_malloc(memory_, 100);
    EXPECT_GE(memtier_usable_size(block), 100u);
    EXPECT_EQ(in_both(), memtier_usable_size(block));
    memtier_free(block);
}

TEST_F(Memtier, SizeZeroIsNullAndLeavesErrnoAlone) {
    errno = 77;
    EXPECT_EQ(memtier_malloc(memory_, 0), nullptr);
    EXPECT_EQ(memtier_calloc(memory_, 0, 5), nullptr);
    EXPECT_EQ(memtier_calloc(memory_, 5, 0), nullptr);
    EXPECT_EQ(memtier_realloc(memory_, nullptr, 0), nullptr);
    EXPECT_EQ(memtier_kind_malloc(file_, 0), nullptr);
    EXPECT_EQ(errno, 77);
}

TEST_F(Memtier, SizesThatNoMemoryHasAreEnomem) {
    for (const size_t size : {SIZE_MAX, SIZE_MAX / 2, size_t{1} << 60}) {
        errno = 0;
        EXPECT_EQ(memtier_malloc(memory_, size), nullptr);
        EXPECT_EQ(errno, ENOMEM);
        errno = 0;
        EXPECT_EQ(memtier_kind_malloc(MEMKIND_DEFAULT, size), nullptr);
        EXPECT_EQ(errno, ENOMEM);
    }
    void* untouched = &errno;
    EXPECT_EQ(memtier_posix_memalign(memory_, &untouched, 64, SIZE_MAX), ENOMEM);
    EXPECT_EQ(untouched, &errno);
    // A refusal of something absurd must not make the tier look full.
    std::vector<void*> blocks;
    for (int i = 0; i < 10; ++i)
        blocks.push_back(memtier_malloc(memory_, 128));
    EXPECT_EQ(in_file(), 8 * 128u);
    for (void* block : blocks)
        memtier_free(block);
}

TEST_F(Memtier, CallocZeroesAndRefusesOverflow) {
    for (const unsigned size : {1u, 100u, 5000u, 300000u}) {
        void* dirty = memtier_malloc(memory_, size);
        memset(dirty, 0xff, size);
        memtier_free(dirty);
        auto* zeroed = static_cast<unsigned char*>(memtier_calloc(memory_, size, 1));
        for (size_t i = 0; i < size; ++i)
            ASSERT_EQ(zeroed[i], 0) << "byte " << i << " of " << size;
        memtier_free(zeroed);
    }
    errno = 0;
    EXPECT_EQ(memtier_calloc(memory_, SIZE_MAX / 2 + 2, 2), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    errno = 0;
    EXPECT_EQ(memtier_kind_calloc(MEMKIND_REGULAR, SIZE_MAX / 2 + 2, 2), nullptr)
        << "memkind returned 8 bytes here";
    EXPECT_EQ(errno, ENOMEM);
}

TEST_F(Memtier, CallocCountsTheWholeArray) {
    void* block = memtier_calloc(memory_, 1000, 16);
    EXPECT_EQ(in_both(), 16384u);
    memtier_free(block);
}

TEST_F(Memtier, ReallocKeepsContentsAndTheBlocksKind) {
    for (memkind_t kind : {MEMKIND_DEFAULT, file_}) {
        auto* block = static_cast<char*>(memtier_kind_malloc(kind, 100));
        strcpy(block, "contents");
        for (const size_t size : {200u, 10000u, 3000000u, 50u}) {
            block = static_cast<char*>(memtier_realloc(memory_, block, size));
            ASSERT_NE(block, nullptr);
            EXPECT_STREQ(block, "contents");
            EXPECT_EQ(memkind_detect_kind(block), kind);
            EXPECT_EQ(memtier_kind_allocated_size(kind), memtier_usable_size(block));
        }
        EXPECT_EQ(memtier_realloc(memory_, block, 0), nullptr) << "size 0 frees";
        EXPECT_EQ(in_both(), 0u);
    }
}

TEST_F(Memtier, AFailedReallocLeavesBlockAndCountsAlone) {
    auto* block = static_cast<char*>(memtier_malloc(memory_, 1000));
    strcpy(block, "contents");
    const size_t before = in_both();
    errno = 0;
    EXPECT_EQ(memtier_realloc(memory_, block, SIZE_MAX), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    errno = 0;
    EXPECT_EQ(memtier_kind_realloc(nullptr, block, SIZE_MAX / 2), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_EQ(in_both(), before) << "memkind's count went negative here";
    EXPECT_STREQ(block, "contents");
    memtier_free(block);
}

TEST_F(Memtier, PosixMemalignAlignsAndRefusesBadAlignments) {
    for (size_t alignment = sizeof(void*); alignment <= 1 << 21; alignment *= 2) {
        void* block = nullptr;
        errno = 77;
        ASSERT_EQ(memtier_posix_memalign(memory_, &block, alignment, 100), 0);
        EXPECT_EQ(errno, 77);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % alignment, 0u);
        memtier_free(block);
    }
    void* untouched = this;
    for (const size_t alignment : {size_t{0}, size_t{1}, size_t{4}, size_t{24}, SIZE_MAX}) {
        EXPECT_EQ(memtier_posix_memalign(memory_, &untouched, alignment, 100), EINVAL);
        EXPECT_EQ(memtier_kind_posix_memalign(MEMKIND_DEFAULT, &untouched, alignment, 100), EINVAL);
        EXPECT_EQ(untouched, this);
    }
    EXPECT_EQ(memtier_posix_memalign(memory_, &untouched, 16, 0), 0);
    EXPECT_EQ(untouched, nullptr);
}

TEST_F(Memtier, FreeKnowsTheKindByItselfAndKeepsErrno) {
    void* small = memtier_kind_malloc(file_, 100);
    void* large = memtier_kind_malloc(file_, 3000000);
    errno = 77;
    memtier_kind_free(MEMKIND_DEFAULT, small);  // the wrong kind does no harm
    memtier_kind_free(nullptr, large);
    memtier_free(nullptr);
    EXPECT_EQ(errno, 77);
    EXPECT_EQ(in_both(), 0u);
}

TEST_F(Memtier, ForeignPointersAreRecognised) {
    int on_the_stack = 5;
    memtier_free(&on_the_stack);
    EXPECT_EQ(on_the_stack, 5);
    EXPECT_EQ(memtier_try_free(&on_the_stack), -1);
    EXPECT_EQ(memtier_try_free(nullptr), 0);
    EXPECT_EQ(memtier_usable_size(&on_the_stack), 0u);
    EXPECT_EQ(memtier_usable_size(nullptr), 0u);
    errno = 0;
    EXPECT_EQ(memtier_realloc(memory_, &on_the_stack, 10), nullptr);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(in_both(), 0u);
}

TEST_F(Memtier, TheKindFunctionsRefuseNoKind) {
    errno = 0;
    EXPECT_EQ(memtier_kind_malloc(nullptr, 10), nullptr);
    EXPECT_EQ(errno, EINVAL);
    errno = 0;
    EXPECT_EQ(memtier_kind_realloc(nullptr, nullptr, 10), nullptr);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(memtier_kind_allocated_size(nullptr), 0u);
}

TEST_F(Memtier, CountsStayExactWhenThreadsFreeEachOthersBlocks) {
    constexpr unsigned kThreads = 4;
    constexpr unsigned kBlocks = 5000;
    std::vector<void*> blocks[kThreads];
    const auto in_threads = [&](auto work) {
        std::vector<std::thread> threads;
        for (unsigned t = 0; t < kThreads; ++t)
            threads.emplace_back(work, t);
        for (std::thread& thread : threads)
            thread.join();
    };
    in_threads([&](unsigned t) {
        for (unsigned i = 0; i < kBlocks; ++i)
            blocks[t].push_back(memtier_malloc(memory_, 1 + i % 2000));
    });
    size_t expected = 0;
    for (const std::vector<void*>& of_thread : blocks)
        for (void* block : of_thread)
            expected += memtier_usable_size(block);
    EXPECT_EQ(in_both(), expected);
    in_threads([&](unsigned t) {
        for (unsigned i = 0; i < kBlocks; ++i) {
            void*& block = blocks[(t + 1) % kThreads][i];
            if (i % 2 == 0)
                block = memtier_realloc(memory_, block, 1 + i % 5000);
            memtier_free(block);
        }
    });
    EXPECT_EQ(in_both(), 0u);
}

TEST_F(Memtier, PeakOutlivesWhatWasFreed) {
    void* block = memtier_kind_malloc(file_, 1 << 20);
    memtier_free(block);
    EXPECT_GE(memtier_kind_peak_size(file_), size_t{1} << 20);
}

TEST(MemtierKinds, AKindThatFollowsADestroyedOneStartsAtZero) {
    TemporaryDirectory directory;
    for (int i = 0; i < 3; ++i) {
        memkind_t kind = nullptr;
        ASSERT_EQ(memkind_create_pmem(directory.path(), 0, &kind), MEMKIND_SUCCESS);
        EXPECT_EQ(memtier_kind_allocated_size(kind), 0u);
        ASSERT_NE(memtier_kind_malloc(kind, 100000), nullptr);  // never freed: it goes with its kind
        EXPECT_EQ(memtier_kind_allocated_size(kind), 114688u);
        memkind_destroy_kind(kind);
    }
}

}  // namespace
