// The kinds over NUMA nodes as a user sees them: through memkind.h, with the environment that a process
// starts with. Each case is a process of its own, because what a kind is made of is looked up once.
#include <errno.h>
#include <gtest/gtest.h>
#include <memkind.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/child_process.hpp"

using terrace::tests::run_in_child;

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

// Runs `function` in a child that has these variables and no others of memkind's or hwloc's.
template <typename Function>
int run_with(const std::vector<std::pair<const char*, const char*>>& environment, Function function) {
    return run_in_child([&] {
        for (const char* name : {"MEMKIND_HBW_NODES", "MEMKIND_HBW_THRESHOLD", "MEMKIND_DAX_KMEM_NODES",
                                 "HWLOC_XMLFILE", "HWLOC_SYNTHETIC"})
            unsetenv(name);
        for (const auto& [name, value] : environment)
            setenv(name, value, 1);
        return function();
    });
}

// What a child writes to stderr.
template <typename Function>
std::string errors_with(const std::vector<std::pair<const char*, const char*>>& environment,
                        Function function) {
    int ends[2];
    if (pipe(ends) != 0)
        return "no pipe";
    const int status = run_with(environment, [&] {
        dup2(ends[1], STDERR_FILENO);
        return function();
    });
    close(ends[1]);
    std::string text;
    char buffer[512];
    for (ssize_t length; (length = read(ends[0], buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<std::size_t>(length));
    close(ends[0]);
    return status == 0 ? text : "status " + std::to_string(status) + ": " + text;
}

int policy_at(const void* address) {
    int mode = -1;
    constexpr unsigned long kOfAddress = 2;  // MPOL_F_ADDR
    syscall(SYS_get_mempolicy, &mode, nullptr, 0UL, address, kOfAddress);
    return mode;
}

// Allocates small and large blocks, and looks at the kernel's policy for each.
bool allocates_with_policy(memkind_t kind, int policy) {
    for (const std::size_t size : {std::size_t{100}, std::size_t{40000}, 3 * kMiB}) {
        char* const block = static_cast<char*>(memkind_malloc(kind, size));
        if (block == nullptr || policy_at(block) != policy || memkind_detect_kind(block) != kind)
            return false;
        memset(block, 1, size);
        memkind_free(kind, block);
    }
    return true;
}

enum { kPreferred = 1, kBind = 2, kInterleave = 3 };

}  // namespace

TEST(NodeKinds, TakeTheNodesThatTheEnvironmentNames) {
    EXPECT_EQ(run_with({{"MEMKIND_HBW_NODES", "0"}},
                       [] {
                           return memkind_check_available(MEMKIND_HBW) == 0 &&
                                  allocates_with_policy(MEMKIND_HBW, kBind) &&
                                  allocates_with_policy(MEMKIND_HBW_ALL, kBind) &&
                                  allocates_with_policy(MEMKIND_HBW_PREFERRED, kPreferred) &&
                                  allocates_with_policy(MEMKIND_HBW_INTERLEAVE, kInterleave);
                       }),
              0);
    EXPECT_EQ(run_with({{"MEMKIND_DAX_KMEM_NODES", "0"}},
                       [] {
                           return memkind_check_available(MEMKIND_DAX_KMEM) == 0 &&
                                  allocates_with_policy(MEMKIND_DAX_KMEM, kBind) &&
                                  allocates_with_policy(MEMKIND_DAX_KMEM_ALL, kBind) &&
                                  allocates_with_policy(MEMKIND_DAX_KMEM_PREFERRED, kPreferred) &&
                                  allocates_with_policy(MEMKIND_DAX_KMEM_INTERLEAVE, kInterleave);
                       }),
              0);
}

TEST(NodeKinds, SetTheKernelsPolicy) {
    EXPECT_EQ(run_with({},
                       [] {
                           return allocates_with_policy(MEMKIND_REGULAR, kBind) &&
                                  allocates_with_policy(MEMKIND_INTERLEAVE, kInterleave) &&
                                  allocates_with_policy(MEMKIND_HIGHEST_CAPACITY, kBind) &&
                                  allocates_with_policy(MEMKIND_HIGHEST_CAPACITY_PREFERRED, kPreferred) &&
                                  allocates_with_policy(MEMKIND_HIGHEST_CAPACITY_LOCAL, kBind) &&
                                  allocates_with_policy(MEMKIND_HIGHEST_CAPACITY_LOCAL_PREFERRED, kPreferred);
                       }),
              0);
}

TEST(NodeKinds, ReadTheEnvironmentAtTheFirstUseOfTheFamilyAndNotAgain) {
    EXPECT_EQ(run_with({},
                       [] {
                           if (memkind_check_available(MEMKIND_REGULAR) != 0)
                               return false;
                           setenv("MEMKIND_HBW_NODES", "0", 1);  // as Kokkos does
                           if (memkind_check_available(MEMKIND_HBW) != 0)
                               return false;
                           setenv("MEMKIND_HBW_NODES", "rubbish", 1);
                           return memkind_check_available(MEMKIND_HBW_ALL) == 0 &&
                                  memkind_check_available(MEMKIND_HBW) == 0;
                       }),
              0);
}

TEST(NodeKinds, NameTheVariableThatIsWrongOnce) {
    const auto use = [] {
        return memkind_check_available(MEMKIND_HBW) == MEMKIND_ERROR_ENVIRON &&
               memkind_check_available(MEMKIND_HBW_ALL) == MEMKIND_ERROR_ENVIRON &&
               memkind_malloc(MEMKIND_HBW, 100) == nullptr && errno == ENOMEM;
    };
    const std::string nodes = errors_with({{"MEMKIND_HBW_NODES", "0,rubbish"}}, use);
    EXPECT_EQ(nodes.find("terrace: MEMKIND_HBW_NODES: '0,rubbish' is not accepted; accepted: "), 0U) << nodes;
    EXPECT_EQ(nodes.find('\n'), nodes.size() - 1) << nodes;
    const std::string threshold = errors_with({{"MEMKIND_HBW_THRESHOLD", "fast"}}, use);
    EXPECT_EQ(threshold.find("terrace: MEMKIND_HBW_THRESHOLD: 'fast' is not accepted; accepted: "), 0U)
        << threshold;
}

TEST(NodeKinds, SayInDebugModeWhatWasChosen) {
    const std::string log = errors_with({{"MEMKIND_HBW_NODES", "0"}, {"MEMKIND_DEBUG", "1"}},
                                        [] { return memkind_check_available(MEMKIND_HBW) == 0; });
    EXPECT_NE(log.find("terrace: memkind_hbw: bound to node 0 (place 1 of 1)\n"), std::string::npos) << log;
}

// The sanitizers' records of the memory count as resident too.
constexpr bool memory_is_shadowed() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#else
    return false;
#endif
}

TEST(NodeKinds, AreCheckedInAMomentAndWithoutTakingMemory) {
    EXPECT_EQ(
        run_with({},
                 [] {
                     const auto resident_pages = [] {
                         long size = 0;
                         long resident = 0;
                         FILE* const file = fopen("/proc/self/statm", "r");
                         const bool read = file != nullptr && fscanf(file, "%ld %ld", &size, &resident) == 2;
                         if (file != nullptr)
                             fclose(file);
                         return read ? resident : -1;
                     };
                     resident_pages();
                     const long before = resident_pages();
                     for (const memkind_t kind :
                          {MEMKIND_DEFAULT, MEMKIND_REGULAR, MEMKIND_INTERLEAVE, MEMKIND_HUGETLB, MEMKIND_HBW,
                           MEMKIND_HBW_ALL, MEMKIND_HBW_PREFERRED, MEMKIND_HBW_INTERLEAVE,
                           MEMKIND_HBW_HUGETLB, MEMKIND_DAX_KMEM, MEMKIND_DAX_KMEM_ALL,
                           MEMKIND_DAX_KMEM_PREFERRED, MEMKIND_DAX_KMEM_INTERLEAVE, MEMKIND_HIGHEST_CAPACITY,
                           MEMKIND_HIGHEST_CAPACITY_LOCAL, MEMKIND_LOWEST_LATENCY_LOCAL,
                           MEMKIND_HIGHEST_BANDWIDTH_LOCAL}) {
                         const int error = memkind_check_available(kind);
                         if (error != 0 && error != MEMKIND_ERROR_UNAVAILABLE &&
                             error != MEMKIND_ERROR_HUGETLB && error != MEMKIND_ERROR_MEMTYPE_NOT_AVAILABLE)
                             return false;
                     }
                     return memory_is_shadowed() ||
                            (resident_pages() - before) * 4096 < static_cast<long>(2 * kMiB);
                 }),
        0);
}

// hwloc describes the other machine: a process that runs on two sockets with a CXL node each, and a kernel
// with one node, which refuses to bind to nodes that it does not have.
TEST(NodeKinds, WorkUnboundOnNodesThatTheKernelDoesNotHave) {
    const std::string file = TERRACE_TOPOLOGIES "/no_hmat.xml";
    EXPECT_EQ(run_with({{"HWLOC_XMLFILE", file.c_str()}},
                       [] {
                           if (memkind_check_available(MEMKIND_HBW) != 0)
                               return true;  // libhwloc is not installed
                           char* const block = static_cast<char*>(memkind_malloc(MEMKIND_HBW, 3 * kMiB));
                           if (block == nullptr)
                               return false;
                           memset(block, 1, 3 * kMiB);
                           memkind_free(nullptr, block);
                           return true;
                       }),
              0);
}
