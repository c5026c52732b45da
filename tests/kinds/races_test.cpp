// What threads may do while others end, fork, or make and destroy kinds of their own.
#include <gtest/gtest.h>
#include <memkind.h>
#include <sys/mman.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/support/child_process.hpp"

namespace {

using terrace::tests::run_in_child;

// A kind in a file: with a heap of the usual sort.
memkind_t make_kind() {
    memkind_t kind = nullptr;
    static char directory[] = "/dev/shm";
    EXPECT_EQ(memkind_create_pmem(directory, 0, &kind), MEMKIND_SUCCESS);
    return kind;
}

// Keeps making and destroying kinds, with a few blocks in each.
class ComingAndGoing {
  public:
    ComingAndGoing() : thread_([this] { run(); }) {}
    ~ComingAndGoing() {
        stop_ = true;
        thread_.join();
        EXPECT_GT(rounds_, 0);
    }

    int rounds() const { return rounds_; }

  private:
    void run() {
        while (!stop_) {
            memkind_t kind = make_kind();
            memkind_free(nullptr, memkind_malloc(kind, 100));
            memkind_malloc(kind, 1 << 20);
            memkind_destroy_kind(kind);
            ++rounds_;
        }
    }

    std::atomic<bool> stop_{false};
    std::atomic<int> rounds_{0};
    std::thread thread_;
};

TEST(ThreadsThatEnd, MayDoSoWhileTheKindsTheyUsedAreDestroyed) {
    for (int round = 0; round < 2000; ++round) {
        memkind_t kind = make_kind();
        std::atomic<bool> done{false};
        std::thread worker([&] {
            void* blocks[64];
            for (unsigned i = 0; i < 64; ++i)
                blocks[i] = memkind_malloc(kind, 16U << i % 9);
            for (void* block : blocks)
                memkind_free(kind, block);
            done = true;  // from here on it has nothing to do with the kind
        });
        while (!done)
            std::this_thread::yield();
        ASSERT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
        worker.join();
    }
}

TEST(WhileKindsComeAndGo, PointersNextToABufferAreForeign) {
    constexpr std::size_t kSize = 1 << 20;
    void* const memory = mmap(nullptr, 2 * kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    memkind_t fixed = nullptr;
    ASSERT_EQ(memkind_create_fixed(memory, kSize, &fixed), MEMKIND_SUCCESS);
    char* const beside = static_cast<char*>(memory) + kSize + 100;
    {
        ComingAndGoing others;
        while (others.rounds() < 1000) {
            ASSERT_EQ(memkind_detect_kind(beside), nullptr);
            memkind_free(nullptr, beside);
        }
    }
    memkind_destroy_kind(fixed);
    EXPECT_EQ(memkind_detect_kind(memory), nullptr);
    munmap(memory, 2 * kSize);
}

TEST(WhileKindsComeAndGo, BuffersCanBeTakenAndGivenBack) {
    std::vector<char> buffer(1 << 20);
    ComingAndGoing others;
    for (int i = 0; i < 2000; ++i) {
        memkind_t kind = nullptr;
        ASSERT_EQ(memkind_create_fixed(buffer.data(), buffer.size(), &kind), MEMKIND_SUCCESS);
        void* const block = memkind_malloc(kind, 1000);
        ASSERT_NE(block, nullptr);
        memkind_t second = nullptr;
        ASSERT_EQ(memkind_create_fixed(buffer.data() + 5000, 5000, &second), MEMKIND_ERROR_INVALID);
        ASSERT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
    }
}

TEST(WhileKindsComeAndGo, AllOfThemCanBeTrimmed) {
    ComingAndGoing others;
    while (others.rounds() < 1000)
        ASSERT_EQ(memkind_trim(nullptr), MEMKIND_SUCCESS);
}

TEST(WhileKindsComeAndGo, AllOfThemCanBeCountedAndPrinted) {
    ComingAndGoing others;
    for (int i = 0; others.rounds() < 1000; ++i) {
        std::size_t bytes = 0;
        ASSERT_EQ(memkind_get_stat(nullptr, MEMKIND_STAT_TYPE_ALLOCATED, &bytes), MEMKIND_SUCCESS);
        if (i % 20 == 0) {
            ASSERT_EQ(memkind_stats_print([](void*, const char*) {}, nullptr, MEMKIND_STAT_PRINT_ALL),
                      MEMKIND_SUCCESS);
        }
    }
}

// What prints the statistics may use kinds.
TEST(PrintedStatistics, MayBeWrittenByAFunctionThatMakesKinds) {
    memkind_free(nullptr, memkind_malloc(MEMKIND_DEFAULT, 10));
    int calls = 0;
    const auto write = [](void* counter, const char* text) {
        ++*static_cast<int*>(counter);
        memkind_t kind = make_kind();
        char* const copy = static_cast<char*>(memkind_malloc(kind, std::strlen(text) + 1));
        std::strcpy(copy, text);
        memkind_destroy_kind(kind);
    };
    EXPECT_EQ(memkind_stats_print(write, &calls, MEMKIND_STAT_PRINT_OMIT_PER_SIZE_CLASS_BINS),
              MEMKIND_SUCCESS);
    EXPECT_GT(calls, 0);
}

// A sanitizer's own locks do not survive a fork among threads: its children must not make threads.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kChildrenMakeThreads = false;
#else
constexpr bool kChildrenMakeThreads = true;
#endif

// The stacks of threads that are not in the child, with the thread-local variables in them, are given to new
// threads there or unmapped.
TEST(AForkedChild, CanDestroyKindsThatOtherThreadsUsed) {
    memkind_t kind = make_kind();
    std::atomic<int> ready{0};
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 20; ++i)
        threads.emplace_back([&] {
            memkind_free(kind, memkind_malloc(kind, 100));
            ++ready;
            while (!stop)
                std::this_thread::yield();
        });
    while (ready < 20)
        std::this_thread::yield();
    EXPECT_EQ(run_in_child([&] {
                  // The C library keeps 40 MiB of stacks at most.
                  for (int i = 0; kChildrenMakeThreads && i < 20; ++i)
                      std::thread([] { memkind_free(nullptr, memkind_malloc(MEMKIND_DEFAULT, 10)); }).join();
                  std::size_t bytes = 0;
                  return memkind_get_stat(kind, MEMKIND_STAT_TYPE_ALLOCATED, &bytes) == MEMKIND_SUCCESS &&
                         memkind_destroy_kind(kind) == MEMKIND_SUCCESS;
              }),
              0);
    stop = true;
    for (std::thread& thread : threads)
        thread.join();
    memkind_destroy_kind(kind);
}

TEST(AForkedChild, CanMakeKindsOverBuffersWhileAParentsThreadDid) {
    std::vector<char> buffer(64 << 10);
    std::vector<char> childs(64 << 10);
    std::atomic<bool> stop{false};
    std::thread other([&] {
        while (!stop) {
            memkind_t kind = nullptr;
            memkind_create_fixed(buffer.data(), buffer.size(), &kind);
            memkind_destroy_kind(kind);
        }
    });
    for (int i = 0; i < 100; ++i)
        ASSERT_EQ(run_in_child([&] {
                      memkind_t kind = nullptr;
                      return memkind_create_fixed(childs.data(), childs.size(), &kind) == MEMKIND_SUCCESS &&
                             memkind_malloc(kind, 100) != nullptr;
                  }),
                  0)
            << i;
    stop = true;
    other.join();
}

// Parent and child go on while threads come, use a kind for the first time, free each other's blocks, and go.
TEST(Forks, DisturbNobodyWhileThreadsComeAndGo) {
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    const auto work = [&] {
        while (!stop) {
            memkind_t kind = make_kind();
            std::vector<std::thread> users;
            for (int i = 0; i < 3; ++i)
                users.emplace_back([&, i] {
                    unsigned char* blocks[40];
                    for (int n = 0; n < 40; ++n) {
                        blocks[n] = static_cast<unsigned char*>(memkind_malloc(kind, 24));
                        std::memset(blocks[n], i * 40 + n, 24);
                    }
                    for (int n = 0; n < 40; ++n) {
                        wrong += blocks[n][0] != i * 40 + n || blocks[n][23] != i * 40 + n;
                        memkind_free(kind, blocks[n]);
                    }
                });
            for (std::thread& user : users)
                user.join();
            memkind_destroy_kind(kind);
        }
    };
    std::thread first(work);
    std::thread second(work);
    void* const of_the_parent = memkind_malloc(MEMKIND_REGULAR, 1000);
    for (int i = 0; i < 150; ++i)
        ASSERT_EQ(run_in_child([&] {
                      memkind_free(nullptr, of_the_parent);
                      memkind_t kind = make_kind();
                      void* const block = memkind_calloc(kind, 1, 30000);
                      void* const other = memkind_malloc(MEMKIND_REGULAR, 70000);
                      if (kChildrenMakeThreads)
                          std::thread([&] { memkind_free(nullptr, other); }).join();
                      return block != nullptr && other != nullptr && memkind_trim(nullptr) == 0 &&
                             memkind_destroy_kind(kind) == 0;
                  }),
                  0)
            << i;
    stop = true;
    first.join();
    second.join();
    memkind_free(nullptr, of_the_parent);
    EXPECT_EQ(wrong, 0);
}

}  // namespace
