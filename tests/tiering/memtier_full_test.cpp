// A tier without room: the next one takes over, contents survive a move, and when nothing is left the answer
// is ENOMEM.
#include <errno.h>
#include <gtest/gtest.h>
#include <memkind_memtier.h>
#include <string.h>

#include <vector>

#include "tests/support/temporary_directory.hpp"

namespace {

using terrace::tests::TemporaryDirectory;

constexpr size_t kLimit = 16u << 20;
constexpr size_t kBlock = 64 * 1024;

memkind_t make_small_file_kind(const TemporaryDirectory& directory) {
    memkind_t kind = nullptr;
    EXPECT_EQ(memkind_create_pmem(directory.path(), kLimit, &kind), MEMKIND_SUCCESS);
    return kind;
}

memtier_memory* make_memory(std::initializer_list<memkind_t> kinds) {
    memtier_builder* builder = memtier_builder_new(MEMTIER_POLICY_STATIC_RATIO);
    for (memkind_t kind : kinds)
        EXPECT_EQ(memtier_builder_add_tier(builder, kind, 1), 0);
    memtier_memory* memory = memtier_builder_construct_memtier_memory(builder);
    memtier_builder_delete(builder);
    return memory;
}

std::vector<void*> allocate_until_refused(memtier_memory* memory, size_t most) {
    std::vector<void*> blocks;
    for (size_t i = 0; i < most; ++i) {
        void* block = memtier_malloc(memory, kBlock);
        if (block == nullptr)
            break;
        memset(block, 1, kBlock);
        blocks.push_back(block);
    }
    return blocks;
}

void free_all(const std::vector<void*>& blocks) {
    for (void* block : blocks)
        memtier_free(block);
}

TEST(FullTier, AllocationsGoToTheTierThatHasRoom) {
    TemporaryDirectory directory;
    const memkind_t file = make_small_file_kind(directory);
    memtier_memory* memory = make_memory({MEMKIND_DEFAULT, file});
    const size_t default_before = memtier_kind_allocated_size(MEMKIND_DEFAULT);
    const std::vector<void*> blocks = allocate_until_refused(memory, 4 * kLimit / kBlock);
    EXPECT_EQ(blocks.size(), 4 * kLimit / kBlock) << "DRAM has room";
    const size_t in_file = memtier_kind_allocated_size(file);
    EXPECT_GT(in_file, kLimit / 2) << "the file was used as far as it goes";
    EXPECT_LE(in_file, kLimit);
    EXPECT_EQ(memtier_kind_allocated_size(MEMKIND_DEFAULT) - default_before + in_file, 4 * kLimit);
    free_all(blocks);
    memtier_delete_memtier_memory(memory);
    memkind_destroy_kind(file);
}

TEST(FullTier, DramIsTheLastResort) {
    TemporaryDirectory directory;
    const memkind_t one = make_small_file_kind(directory);
    const memkind_t other = make_small_file_kind(directory);
    memtier_memory* memory = make_memory({MEMKIND_DEFAULT, one, other});
    // The first kind is full by other means than this memory.
    std::vector<void*> filling;
    while (void* block = memtier_kind_malloc(one, kBlock))
        filling.push_back(block);
    const size_t dram_before = memtier_kind_allocated_size(MEMKIND_DEFAULT);
    void* anchor = memtier_kind_malloc(MEMKIND_DEFAULT, 64u << 20);  // now both files lag behind DRAM
    const std::vector<void*> blocks = allocate_until_refused(memory, 100);
    EXPECT_EQ(blocks.size(), 100u);
    EXPECT_EQ(memtier_kind_allocated_size(MEMKIND_DEFAULT) - dram_before, memtier_usable_size(anchor))
        << "while a file has room nothing goes to DRAM";
    free_all(blocks);
    free_all(filling);
    memtier_free(anchor);
    memtier_delete_memtier_memory(memory);
    memkind_destroy_kind(one);
    memkind_destroy_kind(other);
}

TEST(FullTier, IsUsedAgainOnceItHasRoom) {
    TemporaryDirectory directory;
    const memkind_t file = make_small_file_kind(directory);
    memtier_memory* memory = make_memory({MEMKIND_DEFAULT, file});
    free_all(allocate_until_refused(memory, 4 * kLimit / kBlock));
    EXPECT_EQ(memtier_kind_allocated_size(file), 0u);
    const std::vector<void*> blocks = allocate_until_refused(memory, 20);
    EXPECT_EQ(memtier_kind_allocated_size(file), 10 * kBlock);
    free_all(blocks);
    memtier_delete_memtier_memory(memory);
    memkind_destroy_kind(file);
}

TEST(FullTier, WhenAllAreFullTheAnswerIsEnomem) {
    TemporaryDirectory directory;
    const memkind_t one = make_small_file_kind(directory);
    const memkind_t other = make_small_file_kind(directory);
    memtier_memory* memory = make_memory({one, other});
    const std::vector<void*> blocks = allocate_until_refused(memory, 10 * kLimit / kBlock);
    EXPECT_LE(blocks.size() * kBlock, 2 * kLimit);
    EXPECT_GT(blocks.size() * kBlock, kLimit) << "both were used";
    errno = 0;
    EXPECT_EQ(memtier_malloc(memory, kBlock), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    errno = 0;
    EXPECT_EQ(memtier_calloc(memory, kBlock, 1), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    free_all(blocks);
    void* again = memtier_malloc(memory, kBlock);
    EXPECT_NE(again, nullptr) << "freed room can be had again";
    memtier_free(again);
    memtier_delete_memtier_memory(memory);
    memkind_destroy_kind(one);
    memkind_destroy_kind(other);
}

TEST(FullTier, ABlockThatCannotGrowInItsTierMovesWithItsContents) {
    TemporaryDirectory directory;
    const memkind_t file = make_small_file_kind(directory);
    memtier_memory* memory = make_memory({MEMKIND_DEFAULT, file});
    auto* block = static_cast<char*>(memtier_kind_malloc(file, 1 << 20));
    ASSERT_NE(block, nullptr);
    memset(block, 7, 1 << 20);
    errno = 77;
    auto* grown = static_cast<char*>(memtier_realloc(memory, block, 2 * kLimit));
    ASSERT_NE(grown, nullptr);
    EXPECT_EQ(errno, 77);
    EXPECT_EQ(memkind_detect_kind(grown), MEMKIND_DEFAULT);
    for (size_t i = 0; i < 1 << 20; ++i)
        ASSERT_EQ(grown[i], 7);
    EXPECT_EQ(memtier_kind_allocated_size(file), 0u);
    memtier_free(grown);
    memtier_delete_memtier_memory(memory);
    memkind_destroy_kind(file);
}

}  // namespace
