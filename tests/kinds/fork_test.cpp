// Fork: parent and child each have their own memory in every kind, whatever other threads do at that moment.
#include <gtest/gtest.h>
#include <memkind.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/support/child_process.hpp"
#include "tests/support/temporary_directory.hpp"

namespace {

using terrace::tests::run_in_child;
using terrace::tests::TemporaryDirectory;
constexpr std::size_t kMiB = std::size_t{1} << 20;

class FileKindFork : public testing::Test {
  protected:
    void SetUp() override { ASSERT_EQ(memkind_create_pmem(directory_.path(), 0, &kind_), MEMKIND_SUCCESS); }
    void TearDown() override { EXPECT_EQ(memkind_destroy_kind(kind_), MEMKIND_SUCCESS); }

    char* filled(std::size_t size, char with) {
        auto* const memory = static_cast<char*>(memkind_malloc(kind_, size));
        std::memset(memory, with, size);
        return memory;
    }
    static bool all(const char* memory, std::size_t size, char expected) {
        for (std::size_t i = 0; i < size; ++i)
            if (memory[i] != expected)
                return false;
        return true;
    }

    TemporaryDirectory directory_;
    memkind_t kind_ = nullptr;
};

TEST_F(FileKindFork, TheChildsWritesStayInTheChild) {
    char* const memory = filled(kMiB, 'p');
    EXPECT_EQ(run_in_child([&] {
                  const bool saw_parents = all(memory, kMiB, 'p');
                  std::memset(memory, 'c', kMiB);
                  return saw_parents;
              }),
              0);
    EXPECT_TRUE(all(memory, kMiB, 'p'));
}

#if !defined(__SANITIZE_THREAD__) && \
    !defined(__SANITIZE_ADDRESS__)  // their forked children cannot make threads
// glibc gives the stacks of the threads that a child lacks, their thread-local storage included, to the child's own threads,
// and unmaps most of them when the first of those ends.
TEST_F(FileKindFork, TheChildMayDestroyAKindThatOtherThreadsOfTheParentUsed) {
    constexpr unsigned kThreads = 32;
    std::barrier used(kThreads + 1);
    std::barrier forked(kThreads + 1);
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < kThreads; ++i)
        threads.emplace_back([&] {
            memkind_free(kind_, memkind_malloc(kind_, 100));
            used.arrive_and_wait();
            forked.arrive_and_wait();
        });
    used.arrive_and_wait();
    EXPECT_EQ(run_in_child([&] {
                  std::thread([] { memkind_free(nullptr, memkind_malloc(MEMKIND_DEFAULT, 100)); }).join();
                  return memkind_destroy_kind(kind_) == MEMKIND_SUCCESS;
              }),
              0);
    forked.arrive_and_wait();
    for (std::thread& thread : threads)
        thread.join();
}
#endif

TEST_F(FileKindFork, TheChildKeepsTheSnapshotWhileTheParentWritesAndFrees) {
    char* const kept = filled(kMiB, 'a');
    char* const freed = filled(8 * kMiB, 'b');
    int go[2];
    ASSERT_EQ(pipe(go), 0);
    const pid_t child = fork();
    if (child == 0) {
        char byte;
        if (read(go[0], &byte, 1) != 1)
            _exit(2);
        _exit(all(kept, kMiB, 'a') && all(freed, 8 * kMiB, 'b') ? 0 : 1);
    }
    std::memset(kept, 'x', kMiB);
    memkind_free(kind_, freed);
    for (int i = 0; i < 20; ++i)
        memkind_free(kind_, filled(8 * kMiB, 'y'));
    char* const grown = filled(64 * kMiB, 'z');
    ASSERT_EQ(write(go[1], "g", 1), 1);
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "the child's snapshot changed";
    EXPECT_TRUE(all(kept, kMiB, 'x'));
    EXPECT_TRUE(all(grown, 64 * kMiB, 'z'));
}

TEST_F(FileKindFork, TheChildCanAllocateAndFreeOnItsOwn) {
    std::vector<char*> blocks;
    for (int i = 0; i < 100; ++i)
        blocks.push_back(filled(100'000, 'p'));
    EXPECT_EQ(run_in_child([&] {
                  for (char* const block : blocks)
                      memkind_free(kind_, block);
                  for (int i = 0; i < 200; ++i) {
                      char* const mine = filled(200'000, 'c');
                      if (!all(mine, 200'000, 'c'))
                          return false;
                  }
                  // And once more, a generation later.
                  return run_in_child([&] { return all(filled(kMiB, 'g'), kMiB, 'g'); }) == 0;
              }),
              0);
    for (char* const block : blocks)
        EXPECT_TRUE(all(block, 100'000, 'p'));
}

TEST_F(FileKindFork, MemoryAfterManyForksIsRight) {
    std::vector<std::pair<char*, char>> blocks;
    for (int i = 0; i < 60; ++i) {
        blocks.emplace_back(filled(300'000, static_cast<char>('a' + i % 26)),
                            static_cast<char>('a' + i % 26));
        if (i % 3 == 0) {
            memkind_free(kind_, blocks.front().first);
            blocks.erase(blocks.begin());
        }
        ASSERT_EQ(run_in_child([&] {
                      for (auto& [block, with] : blocks) {
                          if (!all(block, 300'000, with))
                              return false;
                          std::memset(block, 'C', 300'000);
                      }
                      return true;
                  }),
                  0);
    }
    for (auto& [block, with] : blocks)
        EXPECT_TRUE(all(block, 300'000, with));
}

#ifndef __SANITIZE_THREAD__  // its runtime does not survive threads that allocate while another forks
TEST_F(FileKindFork, ThreadsThatAllocateAndWriteMeanwhileLoseNothing) {
    std::atomic<bool> stop = false;
    std::atomic<long> lost = 0;
    std::vector<std::thread> threads;
    for (int id = 0; id < 4; ++id)
        threads.emplace_back([&, id] {
            auto* const counter = static_cast<volatile long*>(memkind_calloc(kind_, 1, 64));
            long count = 0;
            for (; !stop; ++count) {
                *counter = *counter + 1;
                void* const memory =
                    memkind_malloc(kind_, static_cast<std::size_t>(64 + count * 37 % 60'000));
                std::memset(memory, id, 64);
                memkind_free(kind_, memory);
            }
            if (*counter != count)
                ++lost;
        });
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(run_in_child([&] {
                      void* const memory = memkind_malloc(kind_, 1000);
                      std::memset(memory, 1, 1000);
                      memkind_free(kind_, memory);
                      return memory != nullptr;
                  }),
                  0);
    stop = true;
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(lost, 0) << "a store vanished when the file was frozen";
}
#endif

}  // namespace
