// The limit of the working copy: where its default comes from, how it is set, and that a pool which is not larger
// has nothing to do with it.
#include <dirent.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <thread>

#include "persist/pool/working_copy/memory_limit.hpp"
#include "tests/persist/bounded_support.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace terrace::persist;
using namespace terrace::persist::testing;

namespace {

// A machine as /proc and /sys describe it.
class Machine {
  public:
    Machine& has(const std::string& file, const std::string& text) {
        const std::string path = root() + file;
        std::filesystem::create_directories(std::filesystem::path(path).parent_path());
        write_file(path, text);
        return *this;
    }
    std::string root() const { return directory_.path(); }
    uint64_t usable() const { return usable_memory(root().c_str()); }

  private:
    terrace::tests::TemporaryDirectory directory_;
};

constexpr const char* kSixteenGigabytes = "MemTotal:       16777216 kB\nMemFree: 1 kB\n";

TEST(UsableMemory, IsTheMachinesWithoutGroups) {
    EXPECT_EQ(Machine().has("/proc/meminfo", kSixteenGigabytes).usable(), 16ull << 30);
}

TEST(UsableMemory, IsWhatTheGroupAllows) {
    Machine machine;
    machine.has("/proc/meminfo", kSixteenGigabytes)
        .has("/proc/self/cgroup", "0::/shop/web\n")
        .has("/sys/fs/cgroup/shop/web/memory.max", "1073741824\n");
    EXPECT_EQ(machine.usable(), 1ull << 30);
}

TEST(UsableMemory, IsWhatAGroupAroundItAllows) {
    Machine machine;
    machine.has("/proc/meminfo", kSixteenGigabytes)
        .has("/proc/self/cgroup", "0::/shop/web\n")
        .has("/sys/fs/cgroup/shop/web/memory.max", "max\n")
        .has("/sys/fs/cgroup/shop/memory.max", "536870912\n");
    EXPECT_EQ(machine.usable(), 512ull << 20);
}

TEST(UsableMemory, IsFoundInAContainerThatSeesItsOwnGroupOnly) {
    Machine machine;
    machine.has("/proc/meminfo", kSixteenGigabytes)
        .has("/proc/self/cgroup", "0::/../../machine/x\n")
        .has("/sys/fs/cgroup/memory.max", "268435456\n");
    EXPECT_EQ(machine.usable(), 256ull << 20);
}

TEST(UsableMemory, IsFoundInVersionOneOfTheGroups) {
    Machine machine;
    machine.has("/proc/meminfo", kSixteenGigabytes)
        .has("/proc/self/cgroup", "5:devices:/\n4:cpu,memory:/shop\n1:name=systemd:/\n0::/\n")
        .has("/sys/fs/cgroup/memory/shop/memory.limit_in_bytes", "134217728\n")
        .has("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    EXPECT_EQ(machine.usable(), 128ull << 20);
}

TEST(UsableMemory, IsTheMachinesWhereGroupsAreUnlimited) {
    Machine machine;
    machine.has("/proc/meminfo", kSixteenGigabytes)
        .has("/proc/self/cgroup", "4:memory:/shop\n")
        .has("/sys/fs/cgroup/memory/shop/memory.limit_in_bytes", "9223372036854771712\n");
    EXPECT_EQ(machine.usable(), 16ull << 30);
}

TEST(UsableMemory, IsNeverTooLittleToWorkWith) {
    Machine machine;
    machine.has("/proc/meminfo", "MemTotal: 12 kB\n");
    EXPECT_EQ(machine.usable(), kSmallestMemoryLimit);
}

TEST(UsableMemory, IsUnlimitedWhereNothingCanBeRead) {
    EXPECT_EQ(Machine().usable(), kNoMemoryLimit);
}

class WorkingCopyLimit : public PoolTest {
  protected:
    static void SetUpTestSuite() {
        std::thread([] {}).join();  // some sanitizers have a thread of their own from the first on
        do {
            threads_without_a_pool_ = threads();
            usleep(10000);
        } while (threads() != threads_without_a_pool_);
    }
    void TearDown() override {
        PoolTest::TearDown();
        set_limit(0);
    }
    static uint64_t limit() {
        uint64_t bytes = 0;
        EXPECT_EQ(pmemobj_ctl_get(nullptr, "working_copy.limit", &bytes), 0) << pmemobj_errormsg();
        return bytes;
    }
    static int threads() {
        int count = 0;
        DIR* const tasks = opendir("/proc/self/task");
        while (const dirent* entry = readdir(tasks))
            count += entry->d_name[0] != '.';
        closedir(tasks);
        return count;
    }
    // A thread that was joined is listed for some moments more: pthread_join returns when it has let go of its memory.
    static bool soon_has_threads(int expected) {
        for (int tries = 0; tries < 10000 && threads() != expected; ++tries)
            usleep(1000);
        return threads() == expected;
    }
    static inline int threads_without_a_pool_ = 0;
};
TERRACE_BOTH_GRANULARITIES(WorkingCopyLimit);

// A process that has set nothing yet.
int in_a_new_process(const char* test, const char* configuration) {
    return in_child([=] {
        unsetenv("PMEMOBJ_CONF");
        if (configuration != nullptr)
            setenv("PMEMOBJ_CONF", configuration, 1);
        setenv("TERRACE_TEST_NEW_PROCESS", "1", 1);
        const std::string filter = std::string("--gtest_filter=*") + test + "/Page";
        execl("/proc/self/exe", "bounded", filter.c_str(), nullptr);
    });
}

#define SKIP_UNLESS_IN_A_NEW_PROCESS()                 \
    if (getenv("TERRACE_TEST_NEW_PROCESS") == nullptr) \
    GTEST_SKIP() << "runs in a process of its own, see the tests below"

TEST_P(WorkingCopyLimit, HereIsHalfOfTheMemory) {
    SKIP_UNLESS_IN_A_NEW_PROCESS();
    EXPECT_EQ(limit(), usable_memory("") / 2);
}
TEST_P(WorkingCopyLimit, HereIsAsTheEnvironmentSays) {
    SKIP_UNLESS_IN_A_NEW_PROCESS();
    EXPECT_EQ(limit(), 16_MiB);
}

TEST_P(WorkingCopyLimit, IsHalfOfTheMemoryUnlessItIsSet) {
    EXPECT_EQ(in_a_new_process("HereIsHalfOfTheMemory", nullptr), 0);
}

TEST_P(WorkingCopyLimit, IsSetByTheEnvironment) {
    EXPECT_EQ(in_a_new_process("HereIsAsTheEnvironmentSays", "working_copy.limit=16777216"), 0);
}

TEST_P(WorkingCopyLimit, IsSetByName) {
    set_limit(8_MiB);
    EXPECT_EQ(limit(), 8_MiB);
    set_limit(0);
    EXPECT_EQ(limit(), 0u);
}

TEST_P(WorkingCopyLimit, RefusesWhatNoPoolCanWorkWith) {
    set_limit(8_MiB);
    uint64_t little = 4096;
    EXPECT_EQ(pmemobj_ctl_set(nullptr, "working_copy.limit", &little), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_NE(std::string(pmemobj_errormsg()).find("4194304"), std::string::npos) << pmemobj_errormsg();
    EXPECT_EQ(limit(), 8_MiB);
}

TEST_P(WorkingCopyLimit, LeavesAPoolAloneThatIsNotLarger) {
    set_limit(16_MiB);
    create(16_MiB);
    EXPECT_FALSE(pool_of(pool_).working_copy.is_bounded());
    EXPECT_EQ(pool_of(pool_).media.pins, nullptr);
    EXPECT_TRUE(soon_has_threads(threads_without_a_pool_));
}

TEST_P(WorkingCopyLimit, HasItsThreadsWhileThePoolIsOpen) {
    set_limit(8_MiB);
    create(32_MiB);
    if (!pool_of(pool_).working_copy.is_bounded())
        GTEST_SKIP() << "the kernel lacks or forbids what the bound takes";
    EXPECT_TRUE(soon_has_threads(threads_without_a_pool_ + 2));
    close();
    EXPECT_TRUE(soon_has_threads(threads_without_a_pool_));
}

TEST_P(WorkingCopyLimit, HoldsForAPoolThatGrowsWhileItIsOpen) {
    set_limit(8_MiB);
    create(16_MiB);
    if (!pool_of(pool_).working_copy.is_bounded())
        GTEST_SKIP() << "the kernel lacks or forbids what the bound takes";
    uint64_t more = 64_MiB;
    ASSERT_EQ(pmemobj_ctl_exec(pool_, "heap.size.extend", &more), 0) << pmemobj_errormsg();
    constexpr uint64_t kBytes = 48_MiB;
    pobj_action action;
    auto* const words = static_cast<uint64_t*>(pmemobj_direct(pmemobj_reserve(pool_, &action, kBytes, 1)));
    ASSERT_NE(words, nullptr) << pmemobj_errormsg();
    const uint64_t before = anonymous_bytes();
    uint64_t most = 0;
    for (uint64_t i = 0; i < kBytes / 8; ++i) {
        words[i] = i;
        if (i % 65536 == 0)
            most = std::max(most, anonymous_bytes());
    }
    if (kFiguresMeanSomething) {
        EXPECT_LT(most, before + 32_MiB);
    }
    while (pool_of(pool_).working_copy.dropped_pages() < (kBytes - 16_MiB) / 4096)
        usleep(1000);
    for (uint64_t i = 0; i < kBytes / 8; ++i)
        ASSERT_EQ(words[i], i);
}

TEST_P(WorkingCopyLimit, IsNotNeededToOpenAPoolWhereTheKernelForbidsWhatItTakes) {
    const int status = in_child([this] {
        set_limit(8_MiB);
        // Neither the system call nor the device: as for an ordinary user on an ordinary machine.
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(9);
        prctl(PR_SET_DUMPABLE, 1);  // as in a process that was never root: it may read /proc/self/pagemap
        path_ += "-nobody";
        PMEMobjpool* const pool = pmemobj_create(path_.c_str(), "test", 32_MiB, 0600);
        if (pool == nullptr)
            _exit(1);
        pobj_action action;
        auto* const words = static_cast<uint64_t*>(pmemobj_direct(pmemobj_reserve(pool, &action, 16_MiB, 1)));
        for (uint64_t i = 0; i < 16_MiB / 8; ++i)
            words[i] = i;
        for (uint64_t i = 0; i < 16_MiB / 8; ++i) {
            if (words[i] != i)
                _exit(2);
        }
        pmemobj_close(pool);
        unlink(path_.c_str());
    });
    EXPECT_EQ(status, 0);
}

}  // namespace
