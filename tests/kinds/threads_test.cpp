// Many threads in all kinds at once, blocks that cross threads, threads that come and go.
#include <gtest/gtest.h>
#include <memkind.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/temporary_directory.hpp"

namespace {

using terrace::tests::TemporaryDirectory;

class Kinds : public testing::Test {
  protected:
    void SetUp() override { ASSERT_EQ(memkind_create_pmem(directory_.path(), 0, &file_), MEMKIND_SUCCESS); }
    void TearDown() override { EXPECT_EQ(memkind_destroy_kind(file_), MEMKIND_SUCCESS); }
    memkind_t at(std::size_t index) const {
        return index % 3 == 0 ? MEMKIND_DEFAULT : index % 3 == 1 ? MEMKIND_REGULAR : file_;
    }

    TemporaryDirectory directory_;
    memkind_t file_ = nullptr;
};

struct Block {
    unsigned char* memory;
    std::size_t size;
    memkind_t kind;
    unsigned char mark;
};

TEST_F(Kinds, BlocksThatCrossThreadsKeepTheirContentsAndTheirKind) {
    constexpr int kThreads = 8;
    constexpr int kRounds = 20'000;
    std::mutex exchange_lock;
    std::vector<Block> exchange;
    std::atomic<int> faults = 0;
    std::vector<std::thread> threads;
    for (int id = 0; id < kThreads; ++id)
        threads.emplace_back([&, id] {
            std::mt19937 random(static_cast<unsigned>(id));
            for (int round = 0; round < kRounds; ++round) {
                const std::size_t size = 1 + random() % (round % 100 == 0 ? 300'000 : 2000);
                memkind_t const kind = at(random());
                Block block = {static_cast<unsigned char*>(memkind_malloc(kind, size)), size, kind,
                               static_cast<unsigned char>(random())};
                if (block.memory == nullptr) {
                    ++faults;
                    continue;
                }
                block.memory[0] = block.memory[size - 1] = block.mark;
                std::lock_guard guard(exchange_lock);
                exchange.push_back(block);
                if (exchange.size() > 1000) {
                    std::swap(exchange[random() % exchange.size()], exchange.back());
                    const Block taken = exchange.back();
                    exchange.pop_back();
                    if (taken.memory[0] != taken.mark || taken.memory[taken.size - 1] != taken.mark ||
                        memkind_detect_kind(taken.memory) != taken.kind)
                        ++faults;
                    memkind_free(nullptr, taken.memory);
                }
            }
        });
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(faults, 0);
    for (const Block& block : exchange)
        memkind_free(block.kind, block.memory);
}

TEST_F(Kinds, ThousandsOfThreadsOneAfterTheOtherLeaveNoCacheBehind) {
    // jemalloc has about 4,090 explicit caches; leaking them would show here as a slower path, and leaking
    // their memory as ENOMEM under the limit.
    memkind_t small;
    ASSERT_EQ(memkind_create_pmem(directory_.path(), 64 << 20, &small), MEMKIND_SUCCESS);
    for (int i = 0; i < 5000; ++i)
        std::thread([&] {
            void* const memory = memkind_malloc(small, 20'000);
            ASSERT_NE(memory, nullptr) << "after " << i << " threads";
            memkind_free(small, memory);
        }).join();
    EXPECT_EQ(memkind_destroy_kind(small), MEMKIND_SUCCESS);
}

TEST_F(Kinds, AThousandThreadsAtOnceWork) {
    std::atomic<bool> go = false;
    std::atomic<int> good = 0;
    std::vector<std::thread> threads;
    for (std::size_t id = 0; id < 1000; ++id)
        threads.emplace_back([&, id] {
            while (!go)
                std::this_thread::yield();
            bool fine = true;
            for (std::size_t i = 0; i < 30; ++i) {
                void* const memory = memkind_malloc(at(id + i), 100 + i);
                fine = fine && memory != nullptr;
                if (memory != nullptr)
                    std::memset(memory, 1, 100 + i);
                memkind_free(nullptr, memory);
            }
            good += fine;
        });
    go = true;
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(good, 1000);
}

TEST_F(Kinds, KindsMadeAndDestroyedByManyThreadsDoNotMix) {
    std::atomic<int> faults = 0;
    std::vector<std::thread> threads;
    for (int id = 0; id < 4; ++id)
        threads.emplace_back([&] {
            for (int round = 0; round < 100; ++round) {
                memkind_t kind;
                if (memkind_create_pmem(directory_.path(), 16 << 20, &kind) != MEMKIND_SUCCESS) {
                    ++faults;
                    continue;
                }
                for (int i = 0; i < 100; ++i) {
                    void* const memory = memkind_calloc(kind, 1, 500);
                    if (memory == nullptr || memkind_detect_kind(memory) != kind)
                        ++faults;
                    if (i % 2 == 0)
                        memkind_free(nullptr, memory);
                }
                if (memkind_destroy_kind(kind) != MEMKIND_SUCCESS)
                    ++faults;
            }
        });
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(faults, 0);
}

}  // namespace
