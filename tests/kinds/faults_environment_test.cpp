// Environment variables with wrong values: the documented error and a line of log, where memkind aborted.
// Each case runs in a child whose parent never calls the library, so that the child is the first to look.
#include <fcntl.h>
#include <memkind.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/child_process.hpp"
#include "tests/support/temporary_directory.hpp"

namespace {

using terrace::tests::run_in_child;
using terrace::tests::TemporaryDirectory;
constexpr std::size_t kMiB = std::size_t{1} << 20;

using Variables = std::vector<std::pair<std::string, std::string>>;

struct Outcome {
    int status;       // 0: the function returned true
    std::string log;  // what went to stderr
};

// Runs `function` in a child that has these variables, and MEMKIND_DEBUG=1.
template <typename Function>
Outcome with_variables(const Variables& variables, Function function) {
    const TemporaryDirectory directory;
    const std::string log = directory.file("log");
    const int status = run_in_child([&] {
        setenv("MEMKIND_DEBUG", "1", 1);
        for (const auto& [name, value] : variables)
            setenv(name.c_str(), value.c_str(), 1);
        const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        return dup2(file, 2) == 2 && function();
    });
    std::ostringstream text;
    text << std::ifstream(log).rdbuf();
    return {status, text.str()};
}

// What the log tells of a variable: its name and its value.
testing::AssertionResult names(const Outcome& outcome, const char* variable, const char* value) {
    if (outcome.log.find(variable) != std::string::npos && outcome.log.find(value) != std::string::npos)
        return testing::AssertionSuccess();
    return testing::AssertionFailure() << "the log says: " << outcome.log;
}

bool answers(memkind_t kind, int expected) {
    const int available = memkind_check_available(kind);
    void* const block = memkind_malloc(kind, 100);
    if (available != expected || (block == nullptr) != (expected != MEMKIND_SUCCESS))
        std::fprintf(stderr, "check_available: %d, malloc: %p\n", available, block);
    return available == expected && (block == nullptr) == (expected != MEMKIND_SUCCESS);
}

bool default_works() {
    void* const block = memkind_malloc(MEMKIND_DEFAULT, 100'000);
    if (block == nullptr)
        return false;
    std::memset(block, 1, 100'000);
    memkind_free(nullptr, block);
    return true;
}

TEST(Environment, HbwNodesThatAreNoListAreAnError) {
    for (const char* const value : {"junk", "0-", "-1", "0,,1", "1-0x", "99999", "0;1"}) {
        const Outcome outcome = with_variables({{"MEMKIND_HBW_NODES", value}}, [] {
            return answers(MEMKIND_HBW, MEMKIND_ERROR_ENVIRON) &&
                   answers(MEMKIND_HBW_ALL, MEMKIND_ERROR_ENVIRON) &&
                   answers(MEMKIND_HBW_PREFERRED, MEMKIND_ERROR_ENVIRON) &&
                   answers(MEMKIND_HBW_INTERLEAVE, MEMKIND_ERROR_ENVIRON) &&
                   answers(MEMKIND_REGULAR, MEMKIND_SUCCESS) && default_works();
        });
        EXPECT_EQ(outcome.status, 0) << value << ": " << outcome.log;
        EXPECT_TRUE(names(outcome, "MEMKIND_HBW_NODES", value));
    }
}

TEST(Environment, HbwNodesAreReadAtTheFirstUse) {
    const Outcome outcome = with_variables({}, [] {
        if (!default_works() || memkind_check_available(MEMKIND_REGULAR) != MEMKIND_SUCCESS)
            return false;
        setenv("MEMKIND_HBW_NODES", "0", 1);
        return answers(MEMKIND_HBW, MEMKIND_SUCCESS) && answers(MEMKIND_HBW_ALL, MEMKIND_SUCCESS) &&
               answers(MEMKIND_HBW_PREFERRED, MEMKIND_SUCCESS) &&
               answers(MEMKIND_HBW_INTERLEAVE, MEMKIND_SUCCESS) && memkind_get_capacity(MEMKIND_HBW) > 0;
    });
    EXPECT_EQ(outcome.status, 0) << outcome.log;
}

TEST(Environment, DaxKmemNodesThatAreNoListAreAnError) {
    const Outcome outcome = with_variables({{"MEMKIND_DAX_KMEM_NODES", "junk"}}, [] {
        return answers(MEMKIND_DAX_KMEM, MEMKIND_ERROR_ENVIRON) &&
               answers(MEMKIND_DAX_KMEM_ALL, MEMKIND_ERROR_ENVIRON) && default_works();
    });
    EXPECT_EQ(outcome.status, 0) << outcome.log;
    EXPECT_TRUE(names(outcome, "MEMKIND_DAX_KMEM_NODES", "junk"));
}

TEST(Environment, DaxKmemNodesThatExistAreUsed) {
    const Outcome outcome = with_variables({{"MEMKIND_DAX_KMEM_NODES", "0"}}, [] {
        return answers(MEMKIND_DAX_KMEM, MEMKIND_SUCCESS) && answers(MEMKIND_DAX_KMEM_ALL, MEMKIND_SUCCESS) &&
               answers(MEMKIND_DAX_KMEM_PREFERRED, MEMKIND_SUCCESS) &&
               answers(MEMKIND_DAX_KMEM_INTERLEAVE, MEMKIND_SUCCESS);
    });
    EXPECT_EQ(outcome.status, 0) << outcome.log;
}

TEST(Environment, NumbersOfArenasThatAreNoneAreAnErrorOfNewFileKinds) {
    const TemporaryDirectory directory;
    for (const char* const value : {"0", "junk", "-1", "3x", "", "99999999999999999999"}) {
        const Outcome outcome = with_variables({{"MEMKIND_ARENA_NUM_PER_KIND", value}}, [&] {
            memkind_t kind = MEMKIND_REGULAR;
            return memkind_create_pmem(directory.path(), 0, &kind) == MEMKIND_ERROR_ENVIRON &&
                   kind == MEMKIND_REGULAR && default_works();
        });
        EXPECT_EQ(outcome.status, 0) << "'" << value << "': " << outcome.log;
        EXPECT_TRUE(names(outcome, "MEMKIND_ARENA_NUM_PER_KIND", value));
    }
}

TEST(Environment, NumbersOfArenasThatAreOneAreTaken) {
    const TemporaryDirectory directory;
    for (const char* const value : {"1", "3", "2147483647"}) {
        const Outcome outcome = with_variables({{"MEMKIND_ARENA_NUM_PER_KIND", value}}, [&] {
            memkind_t kind;
            return memkind_create_pmem(directory.path(), 0, &kind) == MEMKIND_SUCCESS &&
                   memkind_malloc(kind, 100) != nullptr && memkind_malloc(MEMKIND_REGULAR, 100) != nullptr &&
                   memkind_destroy_kind(kind) == MEMKIND_SUCCESS;
        });
        EXPECT_EQ(outcome.status, 0) << value << ": " << outcome.log;
    }
}

// The bytes that files in this directory take, by this process's descriptors.
std::size_t bytes_of_files_in(const char* directory) {
    std::size_t bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code ignored;
        struct stat status;
        if (std::filesystem::read_symlink(entry.path(), ignored).string().rfind(directory, 0) == 0 &&
            stat(entry.path().c_str(), &status) == 0)
            bytes += static_cast<std::size_t>(status.st_blocks) * 512;
    }
    return bytes;
}

// 64 MiB of a conservative file kind, used and freed: the bytes that its file has then.
std::size_t bytes_after_use(const char* directory) {
    struct memkind_config* const config = memkind_config_new();
    memkind_config_set_path(config, directory);
    memkind_config_set_size(config, 0);
    memkind_config_set_memory_usage_policy(config, MEMKIND_MEM_USAGE_POLICY_CONSERVATIVE);
    memkind_t kind;
    if (memkind_create_pmem_with_config(config, &kind) != MEMKIND_SUCCESS)
        return 4711;
    std::vector<void*> blocks;
    for (std::size_t total = 0; total < 64 * kMiB; total += 100'000) {
        blocks.push_back(memkind_malloc(kind, 100'000));
        if (blocks.back() == nullptr)
            return 4711;
        std::memset(blocks.back(), 1, 100'000);
    }
    for (void* const block : blocks)
        memkind_free(kind, block);
    return bytes_of_files_in(directory);
}

TEST(Environment, HogMemoryKeepsWhatAKindHas) {
    const TemporaryDirectory directory;
    for (const char* const value : {"1", "1x"})
        EXPECT_EQ(with_variables({{"MEMKIND_HOG_MEMORY", value}},
                                 [&] { return bytes_after_use(directory.path()) >= 64 * kMiB; })
                      .status,
                  0)
            << value;
    for (const char* const value : {"0", "", "no"})
        EXPECT_EQ(with_variables({{"MEMKIND_HOG_MEMORY", value}},
                                 [&] {
                                     const std::size_t left = bytes_after_use(directory.path());
                                     return left != 4711 && left < 16 * kMiB;
                                 })
                      .status,
                  0)
            << value;
}

TEST(Environment, HogMemoryKeepsCallocZero) {
    const TemporaryDirectory directory;
    const Outcome outcome = with_variables({{"MEMKIND_HOG_MEMORY", "1"}}, [&] {
        memkind_t file;
        if (memkind_create_pmem(directory.path(), 0, &file) != MEMKIND_SUCCESS)
            return false;
        for (memkind_t const kind : {MEMKIND_DEFAULT, MEMKIND_REGULAR, file})
            for (const std::size_t size : {std::size_t{100}, std::size_t{20'000}, 3 * kMiB}) {
                for (int round = 0; round < 20; ++round) {
                    auto* const block = static_cast<char*>(memkind_calloc(kind, 1, size));
                    if (block == nullptr)
                        return false;
                    for (std::size_t i = 0; i < size; ++i)
                        if (block[i] != 0)
                            return false;
                    std::memset(block, 0xff, size);
                    memkind_free(kind, block);
                }
            }
        return true;
    });
    EXPECT_EQ(outcome.status, 0) << outcome.log;
}

TEST(Environment, OtherWrongValuesAreNoCrash) {
    const TemporaryDirectory directory;
    for (const auto& variables :
         {Variables{{"MEMKIND_HBW_THRESHOLD", "junk"}}, Variables{{"MEMKIND_HBW_THRESHOLD", "-1"}},
          Variables{{"MEMKIND_HBW_THRESHOLD", "99999999999999"}},
          Variables{{"MEMKIND_BACKGROUND_THREAD_LIMIT", "junk"}},
          Variables{{"MEMKIND_BACKGROUND_THREAD_LIMIT", "-5"}}, Variables{{"MEMKIND_HEAP_MANAGER", "TBB"}},
          Variables{{"MEMKIND_HEAP_MANAGER", "junk"}}, Variables{{"MEMKIND_DEBUG", "junk"}},
          Variables{{"MEMKIND_MEM_TIERS", "junk"}},
          Variables{{"MEMKIND_HBW_NODES", std::string(5000, '1')}}}) {
        const Outcome outcome = with_variables(variables, [&] {
            memkind_t kind;
            if (memkind_create_pmem(directory.path(), 0, &kind) != MEMKIND_SUCCESS)
                return false;
            for (memkind_t const one : {MEMKIND_DEFAULT, MEMKIND_REGULAR, MEMKIND_HBW, kind})
                memkind_free(one, memkind_malloc(one, 1000));
            memkind_set_bg_threads(true);
            return memkind_set_bg_threads(false) == MEMKIND_SUCCESS && default_works();
        });
        EXPECT_EQ(outcome.status, 0) << variables.front().first << "=" << variables.front().second << ": "
                                     << outcome.log;
    }
}

// ---- MEMKIND_HEAP_MANAGER ----

std::size_t times_in(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        ++count;
    return count;
}

TEST(Environment, AnotherHeapManagerIsRefusedInOneLineAndTheProgramGoesOn) {
    for (const char* const value : {"TBB", "tbb", "junk", "", "JEMALLOC "}) {
        const Outcome outcome = with_variables({{"MEMKIND_HEAP_MANAGER", value}}, [] {
            for (int i = 0; i < 3; ++i)
                for (memkind_t const kind : {MEMKIND_DEFAULT, MEMKIND_REGULAR, MEMKIND_INTERLEAVE})
                    if (!answers(kind, MEMKIND_SUCCESS))
                        return false;
            return default_works();
        });
        EXPECT_EQ(outcome.status, 0) << outcome.log;
        EXPECT_TRUE(names(outcome, "MEMKIND_HEAP_MANAGER", value));
        EXPECT_EQ(times_in(outcome.log, "MEMKIND_HEAP_MANAGER"), 1u) << outcome.log;
        EXPECT_EQ(times_in(outcome.log, "not supported"), std::strcmp(value, "TBB") == 0 ? 1u : 0u)
            << outcome.log;
    }
}

TEST(Environment, TheHeapManagerIsLookedAtWhenAnyKindIsFirstUsed) {
    const auto outcome_of = [](auto use) {
        return with_variables({{"MEMKIND_HEAP_MANAGER", "TBB"}}, use).log;
    };
    EXPECT_EQ(times_in(outcome_of([] { return true; }), "MEMKIND_HEAP_MANAGER"), 0u);
    EXPECT_EQ(times_in(outcome_of(default_works), "MEMKIND_HEAP_MANAGER"), 1u);
    EXPECT_EQ(times_in(outcome_of([] { return answers(MEMKIND_REGULAR, MEMKIND_SUCCESS); }),
                       "MEMKIND_HEAP_MANAGER"),
              1u);
}

TEST(Environment, JemallocIsTheHeapManagerThatThereIs) {
    const Outcome outcome = with_variables({{"MEMKIND_HEAP_MANAGER", "JEMALLOC"}}, default_works);
    EXPECT_EQ(outcome.status, 0) << outcome.log;
    EXPECT_EQ(times_in(outcome.log, "MEMKIND_HEAP_MANAGER"), 0u) << outcome.log;
}

TEST(Environment, CapacitiesAreRightBeforeTheFirstUse) {
    const Outcome outcome = with_variables({}, [] {
        const ssize_t regular = memkind_get_capacity(MEMKIND_REGULAR);
        const bool before = regular > 0;
        memkind_free(MEMKIND_REGULAR, memkind_malloc(MEMKIND_REGULAR, 100));
        return before && memkind_get_capacity(MEMKIND_REGULAR) == regular;
    });
    EXPECT_EQ(outcome.status, 0);
}

TEST(Environment, KindsThatThisMachineLacksHaveNoCapacityAndNoMemory) {
    const Outcome outcome = with_variables({}, [] {
        for (memkind_t const kind :
             {MEMKIND_HBW, MEMKIND_HBW_ALL, MEMKIND_HBW_PREFERRED, MEMKIND_HBW_INTERLEAVE,
              MEMKIND_HBW_HUGETLB, MEMKIND_HBW_ALL_HUGETLB, MEMKIND_HBW_PREFERRED_HUGETLB, MEMKIND_DAX_KMEM,
              MEMKIND_DAX_KMEM_ALL, MEMKIND_DAX_KMEM_PREFERRED, MEMKIND_DAX_KMEM_INTERLEAVE,
              MEMKIND_LOWEST_LATENCY_LOCAL, MEMKIND_LOWEST_LATENCY_LOCAL_PREFERRED,
              MEMKIND_HIGHEST_BANDWIDTH_LOCAL, MEMKIND_HIGHEST_BANDWIDTH_LOCAL_PREFERRED}) {
            const int available = memkind_check_available(kind);
            const ssize_t capacity = memkind_get_capacity(kind);
            if ((available == MEMKIND_SUCCESS) != (capacity > 0)) {
                std::fprintf(stderr, "check_available %d, capacity %zd\n", available, capacity);
                return false;
            }
            if (available != MEMKIND_SUCCESS && (capacity != -1 || !answers(kind, available)))
                return false;
        }
        return true;
    });
    EXPECT_EQ(outcome.status, 0) << outcome.log;
}

}  // namespace
