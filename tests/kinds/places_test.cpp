// Kinds that are local to the CPU, on a machine whose CPUs have different nodes near them: several inner
// kinds, which users see as one. The machine is made up (HWLOC_SYNTHETIC): two nodes with a CPU each. Node 1
// may not be there, so its memory is not bound; where the blocks' addresses lie is what counts here.
#include <gtest/gtest.h>
#include <memkind.h>
#include <sched.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/support/child_process.hpp"

namespace {

using terrace::tests::run_in_child;

constexpr std::size_t kMiB = 1 << 20;

bool move_to(int cpu) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    return sched_setaffinity(0, sizeof cpus, &cpus) == 0;
}

bool has_two_cpus() {
    cpu_set_t cpus;
    return sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_ISSET(0, &cpus) && CPU_ISSET(1, &cpus);
}

memkind_t local() {
    return MEMKIND_HIGHEST_CAPACITY_LOCAL_PREFERRED;
}

template <typename Function>
int on_two_nodes(Function function) {
    return run_in_child([&] {
        for (const char* name :
             {"MEMKIND_HBW_NODES", "MEMKIND_HBW_THRESHOLD", "MEMKIND_DAX_KMEM_NODES", "HWLOC_XMLFILE"})
            unsetenv(name);
        setenv("HWLOC_SYNTHETIC", "node:2 pu:1", 1);
        return function();
    });
}

// Address space belongs to a place in pieces of 64 MiB or more.
std::uintptr_t region_of(const void* block) {
    return reinterpret_cast<std::uintptr_t>(block) >> 26;
}

#define SKIP_WITHOUT_TWO_CPUS() \
    if (!has_two_cpus())        \
    GTEST_SKIP() << "the process may not use CPU 0 and CPU 1"

#define CHECK(condition)                                                             \
    if (!(condition)) {                                                              \
        std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
        return false;                                                                \
    }

TEST(Places, GiveEachCpuMemoryOfItsOwn) {
    SKIP_WITHOUT_TWO_CPUS();
    EXPECT_EQ(on_two_nodes([] {
                  for (const std::size_t size : {std::size_t{100}, std::size_t{30000}, 3 * kMiB}) {
                      CHECK(move_to(0));
                      void* const near_0 = memkind_malloc(local(), size);
                      CHECK(move_to(1));
                      void* const near_1 = memkind_malloc(local(), size);
                      CHECK(near_0 != nullptr && near_1 != nullptr);
                      CHECK(region_of(near_0) != region_of(near_1));
                      std::memset(near_0, 1, size);
                      std::memset(near_1, 1, size);
                      CHECK(memkind_detect_kind(near_0) == local());
                      CHECK(memkind_detect_kind(near_1) == local());
                      memkind_block block = {};
                      CHECK(memkind_find_block(static_cast<char*>(near_1) + size / 2, &block) == 0);
                      CHECK(block.kind == local() && block.start == near_1);
                      // Freed on the wrong CPU: it goes back to its place, not to the next that asks here.
                      memkind_free(local(), near_0);
                      for (int i = 0; i < 300; ++i) {
                          void* const another = memkind_malloc(local(), size);
                          CHECK(another != near_0 && region_of(another) != region_of(near_0));
                      }
                      CHECK(move_to(0));
                      void* const again = memkind_malloc(local(), size);
                      CHECK(region_of(again) == region_of(near_0));
                      // Resizing keeps a block in its place.
                      CHECK(move_to(1));
                      void* const larger = memkind_realloc(local(), again, size * 3);
                      CHECK(region_of(larger) == region_of(near_0) || size > kMiB);
                      memkind_free(local(), larger);
                  }
                  return true;
              }),
              0);
}

TEST(Places, AreCountedAndTrimmedAsOne) {
    SKIP_WITHOUT_TWO_CPUS();
    EXPECT_EQ(on_two_nodes([] {
                  std::vector<void*> blocks;
                  for (int cpu : {0, 1}) {
                      CHECK(move_to(cpu));
                      for (int i = 0; i < 100; ++i)
                          blocks.push_back(std::memset(memkind_malloc(local(), 102400), 1, 102400));
                  }
                  std::size_t allocated = 0;
                  CHECK(memkind_get_stat(local(), MEMKIND_STAT_TYPE_ALLOCATED, &allocated) == 0);
                  CHECK(allocated == 200U * 114688);
                  memkind_usage usage = {};
                  CHECK(memkind_get_usage(local(), &usage) == 0);
                  CHECK(usage.taken >= 200U * 102400 && usage.peak >= usage.taken);
                  for (void* block : blocks)
                      memkind_free(nullptr, block);
                  CHECK(memkind_trim(local()) == 0);
                  memkind_usage trimmed = {};
                  CHECK(memkind_get_usage(local(), &trimmed) == 0);
                  CHECK(trimmed.taken + 8 * kMiB <= usage.taken && trimmed.peak == usage.peak);
                  CHECK(memkind_get_stat(local(), MEMKIND_STAT_TYPE_ALLOCATED, &allocated) == 0);
                  CHECK(allocated == 0);
                  return true;
              }),
              0);
}

TEST(Places, ShareALimitThatNobodyExceeds) {
    SKIP_WITHOUT_TWO_CPUS();
    EXPECT_EQ(on_two_nodes([] {
                  CHECK(memkind_set_limit(local(), 20 * kMiB) == 0);
                  std::atomic<std::size_t> bytes{0};
                  std::vector<std::thread> threads;
                  for (int cpu : {0, 1, 0, 1})
                      threads.emplace_back([&bytes, cpu] {
                          move_to(cpu);
                          while (memkind_malloc(local(), 40000) != nullptr)
                              bytes += 40000;
                      });
                  for (std::thread& thread : threads)
                      thread.join();
                  CHECK(errno == ENOMEM || bytes > 0);
                  CHECK(bytes >= 10 * kMiB);
                  memkind_usage usage = {};
                  CHECK(memkind_get_usage(local(), &usage) == 0);
                  CHECK(usage.taken <= 20 * kMiB && usage.limit == 20 * kMiB);
                  CHECK(memkind_set_limit(local(), 0) == 0);
                  CHECK(memkind_malloc(local(), 40 * kMiB) != nullptr);
                  return true;
              }),
              0);
}

TEST(Places, WorkInAForkedChildAndInAFallbackChain) {
    SKIP_WITHOUT_TWO_CPUS();
    EXPECT_EQ(on_two_nodes([] {
                  void* const of_the_parent = memkind_malloc(local(), 100);
                  CHECK(run_in_child([&] {
                            memkind_free(local(), of_the_parent);
                            CHECK(move_to(1));
                            CHECK(memkind_malloc(local(), 100) != nullptr);
                            CHECK(memkind_malloc(local(), 100000) != nullptr);
                            return true;
                        }) == 0);
                  memkind_t chain = nullptr;
                  const memkind_t members[] = {MEMKIND_DAX_KMEM, local()};
                  CHECK(memkind_create_fallback(members, 2, &chain) == 0);
                  for (int cpu : {0, 1}) {
                      CHECK(move_to(cpu));
                      for (int i = 0; i < 1000; ++i) {
                          void* const block = memkind_malloc(chain, 64);
                          CHECK(memkind_detect_kind(block) == local());
                          memkind_free(chain, block);
                      }
                  }
                  return memkind_destroy_kind(chain) == 0;
              }),
              0);
}

}  // namespace
