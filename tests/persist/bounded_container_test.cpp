// A pool of several times the memory that the process may have, in a real memory cgroup: nothing is killed, and
// everything is there. The group has 64 MiB, page cache included; the limit is the default, half of that. The
// pool lies on a disk, for a tmpfs would be charged to the group too.
#include <sys/stat.h>

#include "tests/persist/bounded_support.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace terrace::persist::testing;

namespace {

constexpr uint64_t kGroupBytes = 64_MiB;
constexpr uint64_t kPoolBytes = 320_MiB;
constexpr const char* kInside = "TERRACE_TEST_INSIDE_GROUP";

bool write_text(const std::string& path, const std::string& text) {
    const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    const bool is_written = file >= 0 && write(file, text.data(), text.size()) == ssize_t(text.size());
    if (file >= 0)
        close(file);
    return is_written;
}

// A group of its own below the root of the hierarchy, of either version.
class MemoryGroup {
  public:
    explicit MemoryGroup(uint64_t bytes) {
        const std::string name = "/terrace-test-" + std::to_string(getpid());
        const std::pair<std::string, std::string> versions[] = {
            {"/sys/fs/cgroup/memory", "/memory.limit_in_bytes"}, {"/sys/fs/cgroup", "/memory.max"}};
        for (const auto& [root, limit] : versions) {
            if (mkdir((root + name).c_str(), 0755) != 0)
                continue;
            path_ = root + name;
            if (write_text(path_ + limit, std::to_string(bytes))) {
                write_text(path_ + "/memory.swap.max", "0");
                write_text(path_ + "/memory.swappiness", "0");
                return;
            }
            rmdir(path_.c_str());
            path_.clear();
        }
    }
    ~MemoryGroup() {
        if (!path_.empty())
            rmdir(path_.c_str());
    }
    bool is_there() const { return !path_.empty(); }
    bool enter() const { return write_text(path_ + "/cgroup.procs", std::to_string(getpid())); }

  private:
    std::string path_;
};

class BoundedContainer : public ::testing::TestWithParam<const char*> {};
TERRACE_BOTH_GRANULARITIES(BoundedContainer);

// Runs the test of that name again, inside the group. The process's wait status.
int run_inside(const MemoryGroup& group, const std::string& test, const std::string& directory) {
    fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        if (!group.enter())
            _exit(99);
        setenv(kInside, directory.c_str(), 1);
        const std::string filter = "--gtest_filter=" + test;
        execl("/proc/self/exe", "bounded", filter.c_str(), nullptr);
        _exit(98);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
}

void expect_to_survive_inside(const std::string& test) {
    if (!kFiguresMeanSomething)
        GTEST_SKIP() << "a sanitizer needs more memory than the group has";
    const MemoryGroup group(kGroupBytes);
    if (!group.is_there())
        GTEST_SKIP()
            << "no memory cgroup can be made here (root, and a hierarchy with the memory controller)";
    const terrace::tests::TemporaryDirectory directory(terrace::tests::TemporaryDirectory::Where::kDisk);
    const int status = run_inside(group, test, directory.path());
    EXPECT_FALSE(WIFSIGNALED(status)) << "killed by signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

PMEMobjpool* create_inside(const char* granularity) {
    setenv("PMEM2_FORCE_GRANULARITY", granularity, 1);
    const std::string path = std::string(getenv(kInside)) + "/pool";
    return pmemobj_create(path.c_str(), "test", kPoolBytes, 0600);
}

std::string this_test() {
    const auto* const info = ::testing::UnitTest::GetInstance()->current_test_info();
    return std::string(info->test_suite_name()) + "." + info->name();
}

struct Node {
    PMEMoid next;
    uint64_t number;
    uint64_t words[1020];
};

TEST_P(BoundedContainer, TransactionsFillAPoolOfFiveTimesItsMemory) {
    if (getenv(kInside) == nullptr)
        return expect_to_survive_inside(this_test());
    PMEMobjpool* const pool = create_inside(GetParam());
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    if (!terrace::persist::pool_of(pool).working_copy.is_bounded())
        GTEST_SKIP() << "the kernel lacks or forbids what the bound takes";
    auto* const head = static_cast<PMEMoid*>(pmemobj_direct(pmemobj_root(pool, sizeof(PMEMoid))));
    constexpr uint64_t kNodes = 200_MiB / sizeof(Node);
    for (uint64_t i = 0; i < kNodes;) {
        TX_BEGIN(pool) {
            for (const uint64_t end = std::min(kNodes, i + 50); i < end; ++i) {
                const PMEMoid oid = pmemobj_tx_alloc(sizeof(Node), 1);
                auto* const node = static_cast<Node*>(pmemobj_direct(oid));
                node->next = *head;
                node->number = i;
                for (uint64_t& word : node->words)
                    word = i * 31;
                pmemobj_tx_add_range_direct(head, sizeof *head);
                *head = oid;
            }
        }
        TX_ONABORT {
            FAIL() << pmemobj_errormsg();
        }
        TX_END
    }
    uint64_t expected = kNodes;
    for (PMEMoid oid = *head; oid.off != 0;) {
        const auto* const node = static_cast<Node*>(pmemobj_direct(oid));
        ASSERT_EQ(node->number, --expected);
        for (uint64_t word : node->words)
            ASSERT_EQ(word, expected * 31);
        oid = node->next;
    }
    EXPECT_EQ(expected, 0u);
    EXPECT_LT(anonymous_bytes(), kGroupBytes);
    pmemobj_close(pool);
}

TEST_P(BoundedContainer, StoresWithoutCommitsGoThroughThreeTimesItsMemory) {
    if (getenv(kInside) == nullptr)
        return expect_to_survive_inside(this_test());
    PMEMobjpool* const pool = create_inside(GetParam());
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    if (!terrace::persist::pool_of(pool).working_copy.is_bounded())
        GTEST_SKIP() << "the kernel lacks or forbids what the bound takes";
    constexpr uint64_t kBytes = 200_MiB;
    pobj_action action;
    auto* const words = static_cast<uint64_t*>(pmemobj_direct(pmemobj_reserve(pool, &action, kBytes, 1)));
    ASSERT_NE(words, nullptr) << pmemobj_errormsg();
    for (uint64_t i = 0; i < kBytes / 8; ++i)
        words[i] = i * 31;
    for (uint64_t i = 0; i < kBytes / 8; ++i)
        ASSERT_EQ(words[i], i * 31);
    pmemobj_close(pool);
}

// What was read lies open: nothing holds back who stores there, but for the walls that the sweep builds in the way.
TEST_P(BoundedContainer, StoresWhereEverythingWasReadBeforeGoThroughThreeTimesItsMemory) {
    if (getenv(kInside) == nullptr)
        return expect_to_survive_inside(this_test());
    PMEMobjpool* const pool = create_inside(GetParam());
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    if (!terrace::persist::pool_of(pool).working_copy.is_bounded())
        GTEST_SKIP() << "the kernel lacks or forbids what the bound takes";
    constexpr uint64_t kBytes = 200_MiB;
    constexpr uint64_t kStride = 4096 / 8;
    pobj_action action;
    auto* const words = static_cast<uint64_t*>(pmemobj_direct(pmemobj_reserve(pool, &action, kBytes, 1)));
    ASSERT_NE(words, nullptr) << pmemobj_errormsg();
    for (const bool backwards : {false, true}) {
        uint64_t sum = 0;
        for (uint64_t i = 0; i < kBytes / 8; i += kStride)
            sum += words[i];
        ASSERT_EQ(sum, backwards ? kBytes / 4096 * (kBytes / 4096 - 1) / 2 : 0);
        for (uint64_t i = 0; i < kBytes / 4096; ++i) {
            const uint64_t page = backwards ? kBytes / 4096 - 1 - i : i;
            words[page * kStride] = page;
        }
    }
    pmemobj_close(pool);
}

}  // namespace
