// memkind_find_block: whose memory an address is, and which block.
#include <gtest/gtest.h>
#include <memkind.h>
#include <sys/mman.h>

#include <cstdint>
#include <vector>

#include "tests/support/temporary_directory.hpp"

namespace {

using terrace::tests::TemporaryDirectory;

void expect_block(memkind_t kind, char* start) {
    const std::size_t size = memkind_malloc_usable_size(kind, start);
    for (const std::size_t offset : {std::size_t{0}, std::size_t{1}, size / 3, size / 2, size - 1}) {
        memkind_block block = {};
        ASSERT_EQ(memkind_find_block(start + offset, &block), MEMKIND_SUCCESS) << size << "+" << offset;
        ASSERT_EQ(block.kind, kind);
        ASSERT_EQ(block.start, start) << size << "+" << offset;
        ASSERT_EQ(block.size, size);
    }
}

void try_every_size(memkind_t kind, std::size_t most) {
    std::vector<char*> blocks;
    for (std::size_t size = 1; size <= most; size = size < 64 ? size + 1 : size + size / 5)
        for (int i = 0; i < 3; ++i)
            if (auto* const block = static_cast<char*>(memkind_malloc(kind, size)); block != nullptr)
                blocks.push_back(block);
    ASSERT_GT(blocks.size(), 100U);
    for (char* block : blocks)
        expect_block(kind, block);
    for (std::size_t i = 0; i < blocks.size(); i += 2)
        memkind_free(kind, blocks[i]);
    for (std::size_t i = 1; i < blocks.size(); i += 2)
        expect_block(kind, blocks[i]);
    // Once the memory of freed blocks is given back, no block is found there, whatever lies around it.
    memkind_trim(kind);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        if (i % 2 == 1) {
            expect_block(kind, blocks[i]);
            continue;
        }
        memkind_block block = {kind, blocks[i], 1};
        ASSERT_EQ(memkind_find_block(blocks[i], &block), MEMKIND_SUCCESS);
        ASSERT_EQ(block.kind, kind);
        ASSERT_EQ(block.start, nullptr) << i;
        ASSERT_EQ(block.size, 0U) << i;
    }
    for (std::size_t i = 1; i < blocks.size(); i += 2)
        memkind_free(kind, blocks[i]);
}

TEST(FindBlock, KnowsEverySizeOfOrdinaryMemory) {
    try_every_size(MEMKIND_DEFAULT, std::size_t{100} << 20);
    try_every_size(MEMKIND_REGULAR, std::size_t{1} << 20);
}

TEST(FindBlock, KnowsEverySizeInAFile) {
    TemporaryDirectory directory;
    memkind_t kind = nullptr;
    ASSERT_EQ(memkind_create_pmem(directory.path(), 0, &kind), MEMKIND_SUCCESS);
    try_every_size(kind, std::size_t{10} << 20);
    void* const last = memkind_malloc(kind, 100);
    memkind_destroy_kind(kind);
    memkind_block block = {};
    EXPECT_EQ(memkind_find_block(last, &block), MEMKIND_ERROR_INVALID);
}

TEST(FindBlock, KnowsEverySizeInABuffer) {
    std::vector<char> buffer(8 << 20);
    memkind_t kind = nullptr;
    ASSERT_EQ(memkind_create_fixed(buffer.data() + 1000, buffer.size() - 2000, &kind), MEMKIND_SUCCESS);
    try_every_size(kind, std::size_t{1} << 20);
    memkind_block block = {};
    EXPECT_EQ(memkind_find_block(buffer.data(), &block), MEMKIND_ERROR_INVALID);
    memkind_destroy_kind(kind);
    EXPECT_EQ(memkind_find_block(buffer.data() + 100000, &block), MEMKIND_ERROR_INVALID);
}

TEST(FindBlock, KnowsAlignedBlocks) {
    for (std::size_t alignment = 8; alignment <= std::size_t{1} << 30; alignment *= 2) {
        void* memory = nullptr;
        ASSERT_EQ(memkind_posix_memalign(MEMKIND_DEFAULT, &memory, alignment, 5000), 0) << alignment;
        ASSERT_EQ(reinterpret_cast<std::uintptr_t>(memory) % alignment, 0U);
        expect_block(MEMKIND_DEFAULT, static_cast<char*>(memory));
        memkind_free(nullptr, memory);
    }
}

TEST(FindBlock, KnowsBlocksOfGibibytes) {
    void* const memory = memkind_malloc(MEMKIND_DEFAULT, std::size_t{3} << 30);
    ASSERT_NE(memory, nullptr);
    expect_block(MEMKIND_DEFAULT, static_cast<char*>(memory));
    memkind_free(nullptr, memory);
}

TEST(FindBlock, NamesTheKindOfAFallbacksMember) {
    TemporaryDirectory directory;
    memkind_t file = nullptr;
    memkind_t chain = nullptr;
    ASSERT_EQ(memkind_create_pmem(directory.path(), 0, &file), MEMKIND_SUCCESS);
    ASSERT_EQ(memkind_create_fallback(&file, 1, &chain), MEMKIND_SUCCESS);
    expect_block(file, static_cast<char*>(memkind_malloc(chain, 200)));
    memkind_destroy_kind(chain);
    memkind_destroy_kind(file);
}

TEST(FindBlock, RefusesWhatIsNotTerraces) {
    memkind_block block = {};
    int local = 0;
    static int global = 0;
    for (const void* address :
         {static_cast<const void*>(nullptr), static_cast<const void*>(&local),
          static_cast<const void*>(&global), reinterpret_cast<const void*>(1),
          reinterpret_cast<const void*>(UINTPTR_MAX), reinterpret_cast<const void*>(std::uintptr_t{1} << 47)})
        EXPECT_EQ(memkind_find_block(address, &block), MEMKIND_ERROR_INVALID);
    void* const memory = memkind_malloc(MEMKIND_DEFAULT, 10);
    EXPECT_EQ(memkind_find_block(memory, nullptr), MEMKIND_ERROR_INVALID);
    memkind_free(nullptr, memory);
}

// The place of a wrong free: reported, and nothing is damaged.
TEST(InteriorPointers, OfLargeBlocksAreNotFreed) {
    auto* const block = static_cast<char*>(memkind_malloc(MEMKIND_REGULAR, 300000));
    for (int i = 0; i < 300000; ++i)
        block[i] = static_cast<char>(i % 100);
    memkind_free(MEMKIND_REGULAR, block + 16);
    memkind_free(MEMKIND_REGULAR, block + 4096);
    memkind_free(MEMKIND_REGULAR, block + 5000);
    memkind_free(MEMKIND_REGULAR, block + 8192);
    expect_block(MEMKIND_REGULAR, block);
    void* const other = memkind_calloc(MEMKIND_REGULAR, 1, 300000);
    for (int i = 0; i < 300000; ++i)
        ASSERT_EQ(block[i], i % 100);
    memkind_free(MEMKIND_REGULAR, other);
    memkind_free(MEMKIND_REGULAR, block);
    memkind_free(MEMKIND_REGULAR, block);  // again
    EXPECT_NE(memkind_malloc(MEMKIND_REGULAR, 300000), nullptr);
}

}  // namespace
