// Fixed kinds: every sort of buffer, nothing outside of it, zeroes from calloc over what was there before.
#include <memkind.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "tests/kinds/faults_fixture.hpp"
#include "tests/support/child_process.hpp"

namespace {

using namespace terrace::tests;

// Allocates blocks of `size` until there is none left, checks that each is inside of [start, start + length)
// and in no other, fills them, and returns their bytes.
std::size_t fill(memkind_t kind, const char* start, std::size_t length, std::size_t size,
                 std::vector<void*>& blocks) {
    std::size_t total = 0;
    errno = 0;
    while (void* const block = memkind_malloc(kind, size)) {
        const std::size_t usable = memkind_malloc_usable_size(kind, block);
        const auto* const first = static_cast<const char*>(block);
        if (first < start || usable > length || first > start + (length - usable)) {
            ADD_FAILURE() << "a block of " << usable << " at " << block << " reaches out of the buffer at "
                          << static_cast<const void*>(start) << " of " << length;
            break;
        }
        std::memset(block, 0x5a, usable);
        blocks.push_back(block);
        total += size;
    }
    EXPECT_EQ(errno, ENOMEM);
    std::vector<void*> sorted = blocks;
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t i = 1; i < sorted.size(); ++i)
        if (static_cast<char*>(sorted[i]) < static_cast<char*>(sorted[i - 1]) + size) {
            ADD_FAILURE() << "two blocks overlap at " << sorted[i];
            break;
        }
    return total;
}

void free_all(memkind_t kind, std::vector<void*>& blocks) {
    for (void* const block : blocks)
        memkind_free(kind, block);
    blocks.clear();
}

TEST(FixedKind, OverNothingHasNoMemory) {
    memkind_t kind;
    ASSERT_EQ(memkind_create_fixed(nullptr, 0, &kind), MEMKIND_SUCCESS);
    EXPECT_EQ(memkind_check_available(kind), MEMKIND_SUCCESS);
    for (const std::size_t size : {std::size_t{1}, std::size_t{100}, kMiB}) {
        errno = 0;
        EXPECT_EQ(memkind_malloc(kind, size), nullptr);
        EXPECT_EQ(errno, ENOMEM);
        errno = 0;
        EXPECT_EQ(memkind_calloc(kind, 1, size), nullptr);
        EXPECT_EQ(errno, ENOMEM);
        void* memory = nullptr;
        EXPECT_EQ(memkind_posix_memalign(kind, &memory, 64, size), ENOMEM);
        void* const elsewhere = memkind_malloc(MEMKIND_DEFAULT, 100);
        errno = 0;
        EXPECT_EQ(memkind_realloc(kind, elsewhere, size), nullptr);
        EXPECT_EQ(errno, ENOMEM);
        memkind_free(nullptr, elsewhere);
    }
    EXPECT_LE(memkind_get_capacity(kind), 0);
    EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
}

TEST(FixedKind, RefusesNullAndRangesThatWrapAround) {
    const Buffer buffer(kMiB);
    memkind_t kind = MEMKIND_REGULAR;
    EXPECT_EQ(memkind_create_fixed(nullptr, kMiB, &kind), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_create_fixed(buffer.begin(), SIZE_MAX, &kind), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_create_fixed(buffer.begin(), SIZE_MAX - 4095, &kind), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_create_fixed(reinterpret_cast<void*>(UINTPTR_MAX - 4095), 8192, &kind),
              MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_create_fixed(buffer.begin(), kMiB, nullptr), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(kind, MEMKIND_REGULAR) << "*kind is left alone";
}

TEST(FixedKind, CannotLieOverAnother) {
    const Buffer buffer(8 * kMiB);
    memkind_t kind;
    ASSERT_EQ(memkind_create_fixed(buffer.begin(), buffer.size(), &kind), MEMKIND_SUCCESS);
    memkind_t second = MEMKIND_REGULAR;
    EXPECT_EQ(memkind_create_fixed(buffer.begin(), buffer.size(), &second), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_create_fixed(buffer.begin() + 4 * kMiB, 4 * kMiB, &second), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_create_fixed(buffer.end() - 1, 1, &second), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(second, MEMKIND_REGULAR);
    EXPECT_NE(memkind_malloc(kind, 1000), nullptr) << "the first one is as it was";
    ASSERT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
    ASSERT_EQ(memkind_create_fixed(buffer.begin(), buffer.size(), &kind), MEMKIND_SUCCESS)
        << "the buffer is free again";
    EXPECT_NE(memkind_malloc(kind, 1000), nullptr);
    EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
}

TEST(FixedKind, NeverLeavesItsBufferAndUsesMostOfIt) {
    const Buffer buffer(32 * kMiB);
    for (const std::size_t size : {std::size_t{16}, std::size_t{100}, std::size_t{1000}, std::size_t{5000},
                                   std::size_t{50'000}, kMiB}) {
        memkind_t kind;
        ASSERT_EQ(memkind_create_fixed(buffer.begin(), buffer.size(), &kind), MEMKIND_SUCCESS);
        EXPECT_EQ(memkind_get_capacity(kind), static_cast<ssize_t>(buffer.size()));
        std::vector<void*> blocks;
        const std::size_t total = fill(kind, buffer.begin(), buffer.size(), size, blocks);
        // A large block has a page more, and three fit where four would without.
        EXPECT_GT(total, size < kMiB ? buffer.size() / 4 * 3 : buffer.size() / 3 * 2)
            << "in blocks of " << size;
        free_all(kind, blocks);
        memkind_trim(kind);
        EXPECT_GE(fill(kind, buffer.begin(), buffer.size(), size, blocks), total / 10 * 9)
            << "freed blocks of " << size << " cannot be used again";
        EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
    }
}

TEST(FixedKind, WorksInAStaticBufferOf64KiB) {
    alignas(4096) static char aligned[64 * 1024];
    static char unaligned[64 * 1024 + 1];
    for (char* const start : {aligned, unaligned + 1}) {
        memkind_t kind;
        ASSERT_EQ(memkind_create_fixed(start, 64 * 1024, &kind), MEMKIND_SUCCESS);
        std::vector<void*> blocks;
        EXPECT_GE(fill(kind, start, 64 * 1024, 64, blocks), 32U * 1024);
        free_all(kind, blocks);
        EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
    }
}

TEST(FixedKind, TakesUnalignedBuffersOfOddSizesAndTouchesNothingAroundThem) {
    const Buffer around(6 * kMiB);
    for (const std::size_t offset : {std::size_t{1}, std::size_t{7}, std::size_t{16}, std::size_t{4095},
                                     std::size_t{4097}, 2 * kMiB - 1})
        for (const std::size_t size : {std::size_t{1}, std::size_t{100}, std::size_t{4095}, std::size_t{4096},
                                       std::size_t{12'289}, std::size_t{100'001}, 3 * kMiB + 1}) {
            std::memset(around.begin(), 'x', around.size());
            char* const start = around.begin() + offset;
            memkind_t kind;
            ASSERT_EQ(memkind_create_fixed(start, size, &kind), MEMKIND_SUCCESS) << offset << ", " << size;
            std::vector<void*> blocks;
            fill(kind, start, size, 24, blocks);
            free_all(kind, blocks);
            memkind_trim(kind);
            fill(kind, start, size, 5000, blocks);
            EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
            const auto untouched = [](const char* from, const char* to) {
                return std::all_of(from, to, [](char byte) { return byte == 'x'; });
            };
            ASSERT_TRUE(untouched(around.begin(), start)) << "before " << offset << ", " << size;
            ASSERT_TRUE(untouched(start + size, around.end())) << "after " << offset << ", " << size;
        }
}

TEST(FixedKind, CallocIsZeroOverADirtyBuffer) {
    for (const std::size_t size :
         {std::size_t{24}, std::size_t{700}, std::size_t{5000}, std::size_t{60'000}, 3 * kMiB}) {
        const Buffer buffer(16 * kMiB);
        std::memset(buffer.begin(), 0xff, buffer.size());
        memkind_t kind;
        ASSERT_EQ(memkind_create_fixed(buffer.begin(), buffer.size(), &kind), MEMKIND_SUCCESS);
        for (int round = 0; round < 3; ++round) {
            std::vector<void*> blocks;
            for (std::size_t total = 0; total < 8 * kMiB; total += size) {
                auto* const block = static_cast<unsigned char*>(memkind_calloc(kind, 1, size));
                ASSERT_NE(block, nullptr);
                for (std::size_t i = 0; i < size; ++i)
                    ASSERT_EQ(block[i], 0) << "byte " << i << " of " << size << ", round " << round;
                std::memset(block, 0xff, size);
                blocks.push_back(block);
            }
            free_all(kind, blocks);
            if (round == 1)
                memkind_trim(kind);
        }
        EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
    }
}

TEST(FixedKind, TwoInNeighbouringHalvesOfOneBufferKeepToTheirOwn) {
    const Buffer buffer(16 * kMiB);
    // The border: on a 2 MiB boundary, on a page, in the middle of a page, at an odd address.
    for (const std::size_t border : {8 * kMiB, 8 * kMiB + 4096, 8 * kMiB + 2048, 8 * kMiB + 1}) {
        memkind_t left;
        memkind_t right;
        ASSERT_EQ(memkind_create_fixed(buffer.begin(), border, &left), MEMKIND_SUCCESS);
        ASSERT_EQ(memkind_create_fixed(buffer.begin() + border, buffer.size() - border, &right),
                  MEMKIND_SUCCESS)
            << border;
        std::vector<void*> in_left;
        std::vector<void*> in_right;
        for (const std::size_t size : {std::size_t{40}, std::size_t{9000}}) {
            EXPECT_GT(fill(left, buffer.begin(), border, size, in_left), border / 2);
            EXPECT_GT(fill(right, buffer.begin() + border, buffer.size() - border, size, in_right),
                      border / 2);
            for (void* const block : in_left)
                ASSERT_EQ(memkind_detect_kind(block), left);
            for (void* const block : in_right)
                ASSERT_EQ(memkind_detect_kind(block), right);
            free_all(right, in_left);  // the wrong kind, on purpose
            free_all(nullptr, in_right);
        }
        EXPECT_EQ(memkind_destroy_kind(left), MEMKIND_SUCCESS);
        EXPECT_NE(memkind_malloc(right, 100), nullptr) << "the neighbour lives on";
        EXPECT_EQ(memkind_destroy_kind(right), MEMKIND_SUCCESS);
    }
}

TEST(FixedKind, LivesOnTheStackOnTheHeapAndInAMapping) {
    char on_the_stack[200'000];
    const std::unique_ptr<char[]> on_the_heap(new char[5 * kMiB]);
    const Buffer mapped(5 * kMiB);
    const struct {
        char* start;
        std::size_t size;
    } places[] = {
        {on_the_stack, sizeof on_the_stack}, {on_the_heap.get(), 5 * kMiB}, {mapped.begin(), mapped.size()}};
    for (const auto& [start, size] : places) {
        memkind_t kind;
        ASSERT_EQ(memkind_create_fixed(start, size, &kind), MEMKIND_SUCCESS);
        std::vector<void*> blocks;
        EXPECT_GT(fill(kind, start, size, 200, blocks), size / 2);
        for (void* const block : blocks)
            ASSERT_EQ(memkind_detect_kind(block), kind);
        free_all(nullptr, blocks);
        EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
        std::memset(start, 'm', size);  // it is the caller's again
        EXPECT_EQ(memkind_detect_kind(start + size / 2), nullptr);
    }
}

TEST(FixedKind, InSharedMemoryIsSeenByTheChild) {
    void* const shared = mmap(nullptr, 4 * kMiB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(shared, MAP_FAILED);
    memkind_t kind;
    ASSERT_EQ(memkind_create_fixed(shared, 4 * kMiB, &kind), MEMKIND_SUCCESS);
    auto* const block = static_cast<char*>(memkind_malloc(kind, 1000));
    std::strcpy(block, "parent's");
    EXPECT_EQ(terrace::tests::run_in_child([&] {
                  const bool same = std::strcmp(block, "parent's") == 0;
                  std::strcpy(block, "child's");
                  return same;
              }),
              0);
    EXPECT_STREQ(block, "child's") << "whose memory it is decides the caller, and he shared it";
    EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
    munmap(shared, 4 * kMiB);
}

TEST(FixedKind, IsSharedByThreads) {
    const Buffer buffer(64 * kMiB);
    memkind_t kind;
    ASSERT_EQ(memkind_create_fixed(buffer.begin(), buffer.size(), &kind), MEMKIND_SUCCESS);
    std::vector<std::thread> threads;
    std::vector<int> faults(8, 0);
    for (std::size_t id = 0; id < faults.size(); ++id)
        threads.emplace_back([&, id] {
            std::vector<char*> blocks;
            for (std::size_t round = 0; round < 5000; ++round) {
                const std::size_t size = 1 + (round * 97 + id) % 9000;
                auto* const block = static_cast<char*>(memkind_malloc(kind, size));
                if (block == nullptr || !buffer.holds(block, size)) {
                    ++faults[id];
                    continue;
                }
                std::memset(block, static_cast<int>(id), size);
                blocks.push_back(block);
                if (blocks.size() > 100) {
                    char* const oldest = blocks[round % blocks.size()];
                    faults[id] += *oldest != static_cast<char>(id);
                    memkind_free(nullptr, oldest);
                    blocks[round % blocks.size()] = blocks.back();
                    blocks.pop_back();
                }
            }
            for (char* const block : blocks)
                memkind_free(kind, block);
        });
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(faults, std::vector<int>(8, 0));
    EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
}

}  // namespace
