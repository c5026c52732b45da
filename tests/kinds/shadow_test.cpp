// Random work by several threads, checked against a list of what is alive: no two blocks overlap, contents
// stay, calloc is zero, and the statistics are exact.
#include <gtest/gtest.h>
#include <memkind.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/temporary_directory.hpp"

namespace {

using terrace::tests::TemporaryDirectory;

struct Block {
    unsigned char* start;
    std::size_t size;  // as asked for
    memkind_t kind;
    unsigned char filling;
};

// What is alive in all threads.
class Shadow {
  public:
    void add(const void* start, std::size_t usable) {
        const auto begin = reinterpret_cast<std::uintptr_t>(start);
        std::lock_guard guard(lock_);
        const auto next = ends_.upper_bound(begin);  // the first that ends behind our beginning
        if (next != ends_.end() && next->second < begin + usable)
            ++overlaps_;
        ends_[begin + usable] = begin;
    }
    void remove(const void* start, std::size_t usable) {
        std::lock_guard guard(lock_);
        overlaps_ += ends_.erase(reinterpret_cast<std::uintptr_t>(start) + usable) != 1;
    }
    int overlaps() const { return overlaps_; }

  private:
    std::mutex lock_;
    std::map<std::uintptr_t, std::uintptr_t> ends_;
    int overlaps_ = 0;
};

class Worker {
  public:
    Worker(unsigned seed, const std::vector<memkind_t>& kinds, Shadow& shadow)
        : random_(seed), kinds_(kinds), shadow_(shadow) {}

    void work(int steps) {
        for (int step = 0; step < steps; ++step) {
            const unsigned what = static_cast<unsigned>(random_() % 10);
            if (what < 5 || blocks.empty())
                allocate(what);
            else if (what < 8)
                free_one(random_() % blocks.size());
            else
                resize(random_() % blocks.size());
        }
    }
    void free_all() {
        while (!blocks.empty())
            free_one(blocks.size() - 1);
    }

    std::vector<Block> blocks;
    int wrong = 0;

  private:
    std::size_t any_size() {
        static constexpr std::size_t kBorders[] = {8,     16,    64,    128,   1024,   4096,   14336,
                                                   16384, 20480, 57344, 65536, 131072, 1048576};
        const auto how = random_() % 100;
        if (how < 70)
            return 1 + random_() % 2000;
        if (how < 90)
            return kBorders[random_() % std::size(kBorders)] - 1 + random_() % 3;
        return 1 + random_() % 300000;
    }
    void remember(void* memory, std::size_t size, memkind_t kind) {
        const Block block = {static_cast<unsigned char*>(memory), size, kind,
                             static_cast<unsigned char>(random_() | 1)};
        shadow_.add(memory, memkind_malloc_usable_size(kind, memory));
        wrong += memkind_detect_kind(memory) != kind || memkind_malloc_usable_size(nullptr, memory) < size;
        std::memset(memory, block.filling, size);
        blocks.push_back(block);
    }
    void allocate(unsigned what) {
        memkind_t const kind = kinds_[random_() % kinds_.size()];
        const std::size_t size = any_size();
        void* memory = nullptr;
        if (what == 0) {
            const std::size_t alignment = std::size_t{8} << random_() % 15;
            if (memkind_posix_memalign(kind, &memory, alignment, size) != 0)
                return;
            wrong += reinterpret_cast<std::uintptr_t>(memory) % alignment != 0;
        } else if (what == 1) {
            memory = memkind_calloc(kind, 1, size);
            for (std::size_t i = 0; memory != nullptr && i < size; ++i)
                wrong += static_cast<unsigned char*>(memory)[i] != 0;
        } else {
            memory = memkind_malloc(kind, size);
        }
        if (memory != nullptr)
            remember(memory, size, kind);
    }
    void check(const Block& block, std::size_t size) {
        for (std::size_t i = 0; i < size; i += i < 64 || i + 64 > size ? 1 : 61)
            wrong += block.start[i] != block.filling;
    }
    Block take_out(std::size_t index) {
        const Block block = blocks[index];
        blocks[index] = blocks.back();
        blocks.pop_back();
        check(block, block.size);
        shadow_.remove(block.start, memkind_malloc_usable_size(nullptr, block.start));
        return block;
    }
    void free_one(std::size_t index) { memkind_free(nullptr, take_out(index).start); }
    void resize(std::size_t index) {
        const Block block = take_out(index);
        const std::size_t size = any_size();
        memkind_t const kind = random_() % 4 == 0 ? kinds_[random_() % kinds_.size()] : block.kind;
        void* const memory = memkind_realloc(kind, block.start, size);
        if (memory == nullptr) {
            remember(block.start, block.size, block.kind);
            return;
        }
        check({static_cast<unsigned char*>(memory), 0, kind, block.filling}, std::min(size, block.size));
        remember(memory, size, kind);
    }

    std::mt19937 random_;
    const std::vector<memkind_t>& kinds_;
    Shadow& shadow_;
};

std::size_t allocated(memkind_t kind) {
    std::size_t bytes = 0;
    EXPECT_EQ(memkind_get_stat(kind, MEMKIND_STAT_TYPE_ALLOCATED, &bytes), MEMKIND_SUCCESS);
    return bytes;
}

TEST(RandomWork, OfSeveralThreadsLosesAndOverlapsNothingAndIsCountedExactly) {
    TemporaryDirectory directory;
    std::vector<char> buffer(16 << 20);
    std::vector<memkind_t> kinds(4, MEMKIND_REGULAR);
    ASSERT_EQ(memkind_create_pmem(directory.path(), 0, &kinds[1]), MEMKIND_SUCCESS);
    ASSERT_EQ(memkind_create_fixed(buffer.data(), buffer.size(), &kinds[2]), MEMKIND_SUCCESS);
    ASSERT_EQ(memkind_create_pmem(directory.path(), 20 << 20, &kinds[3]), MEMKIND_SUCCESS);
    Shadow shadow;
    std::vector<Worker> workers;
    for (unsigned seed = 1; seed <= 4; ++seed)
        workers.emplace_back(seed, kinds, shadow);
    for (int round = 0; round < 6; ++round) {
        std::vector<std::thread> threads;
        for (Worker& worker : workers)
            threads.emplace_back([&worker] { worker.work(5000); });
        for (std::thread& thread : threads)
            thread.join();
        for (memkind_t kind : kinds) {
            std::size_t expected = 0;
            for (const Worker& worker : workers)
                for (const Block& block : worker.blocks)
                    if (block.kind == kind)
                        expected += memkind_malloc_usable_size(kind, block.start);
            ASSERT_EQ(allocated(kind), expected);
        }
        // The blocks change hands: each thread frees what another allocated.
        for (std::size_t i = 0; i + 1 < workers.size(); ++i)
            std::swap(workers[i].blocks, workers[i + 1].blocks);
        memkind_trim(nullptr);
    }
    for (Worker& worker : workers) {
        worker.free_all();
        EXPECT_EQ(worker.wrong, 0);
    }
    EXPECT_EQ(shadow.overlaps(), 0);
    for (memkind_t kind : kinds)
        EXPECT_EQ(allocated(kind), 0U);
    for (std::size_t i = 1; i < kinds.size(); ++i)
        EXPECT_EQ(memkind_destroy_kind(kinds[i]), MEMKIND_SUCCESS);
}

TEST(RandomWork, KeepsContentsAcrossTheSizesWhereBlocksChangeTheirNature) {
    std::vector<unsigned char> expected;
    auto* block = static_cast<unsigned char*>(memkind_malloc(MEMKIND_REGULAR, 1));
    std::mt19937 random(7);
    std::size_t size = 1;
    block[0] = 0;
    expected.push_back(0);
    for (int i = 0; i < 3000; ++i) {
        static constexpr std::size_t kAround[] = {1024, 14336, 16384, 65536, 81920, 2097152};
        const std::size_t next = kAround[random() % std::size(kAround)] + random() % 200 - 100;
        block = static_cast<unsigned char*>(memkind_realloc(MEMKIND_REGULAR, block, next));
        ASSERT_NE(block, nullptr);
        expected.resize(std::min(size, next));
        ASSERT_EQ(std::memcmp(block, expected.data(), expected.size()), 0) << size << " to " << next;
        size = next;
        expected.resize(size, static_cast<unsigned char>(random()));
        std::memcpy(block, expected.data(), size);
    }
    memkind_free(MEMKIND_REGULAR, block);
}

}  // namespace
