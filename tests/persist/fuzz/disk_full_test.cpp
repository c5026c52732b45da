// A file system that is full: making, growing and committing fail with its errno, the transaction aborts, the pool
// stays good, and goes on when there is room again. By an observer that refuses writes, and on a small tmpfs.
#include <errno.h>
#include <fcntl.h>
#include <libpmemobj/beyond.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "persist/pool/medium.hpp"
#include "tests/persist/engine_support.hpp"

namespace terrace::persist::testing {
namespace {

// Refuses the n-th write or sync from now, and all later ones, until told otherwise.
struct Refusal {
    int error = 0;
    uint64_t passed = 0;  // so many go through first
};
Refusal g_refusal;

int refuse_write(void*, int, const void*, size_t, uint64_t) {
    if (g_refusal.error == 0)
        return 0;
    if (g_refusal.passed > 0) {
        --g_refusal.passed;
        return 0;
    }
    return g_refusal.error;
}
int refuse_sync(void* context, int file) {
    return refuse_write(context, file, nullptr, 0, 0);
}

struct Content {
    uint64_t words[64];
    PMEMoid slots[8];
};

class DiskFull : public PoolTest {
  protected:
    void SetUp() override {
        PoolTest::SetUp();
        static const FileObserver observer{refuse_write, refuse_sync, nullptr};
        g_refusal = {};
        observe_files(&observer);
    }
    void TearDown() override {
        g_refusal = {};
        PoolTest::TearDown();
        observe_files(nullptr);
    }
    // Changes a word and an object; the errno that it aborted with, or 0.
    int transact(uint64_t value) {
        auto* content = root<Content>();
        volatile int error = 0;
        TX_BEGIN(pool_) {
            TX_ADD_DIRECT(&content->words[1]);
            content->words[1] = value;
            TX_ADD_DIRECT(&content->slots[1]);
            if (!OID_IS_NULL(content->slots[1]))
                pmemobj_tx_free(content->slots[1]);
            content->slots[1] = pmemobj_tx_zalloc(100 + value % 7 * 300, 1);
        }
        TX_ONABORT {
            error = pmemobj_tx_errno();
        }
        TX_END
        return error;
    }
};

TEST_P(DiskFull, AtAnyStepOfCreationLeavesNoFile) {
    for (uint64_t step = 0;; ++step) {
        g_refusal = {ENOSPC, step};
        errno = 0;
        pool_ = pmemobj_create(path_.c_str(), "test", 8 << 20, 0600);
        if (pool_ != nullptr)
            break;
        EXPECT_EQ(errno, ENOSPC) << "step " << step;
        EXPECT_NE(std::string(pmemobj_errormsg()).find(path_), std::string::npos) << pmemobj_errormsg();
        EXPECT_NE(access(path_.c_str(), F_OK), 0) << "a file was left behind by step " << step;
        ASSERT_LT(step, 1000u);
    }
    g_refusal = {};
    EXPECT_EQ(transact(1), 0);
}

TEST_P(DiskFull, AtAnyStepOfOpeningLosesNothing) {
    create();
    for (uint64_t i = 1; i <= 20; ++i)
        ASSERT_EQ(transact(i), 0);
    const std::string image = read_file(path_);
    close();
    write_file(path_, image);
    for (uint64_t step = 0;; ++step) {
        g_refusal = {ENOSPC, step};
        errno = 0;
        pool_ = pmemobj_open(path_.c_str(), "test");
        if (pool_ != nullptr)
            break;
        EXPECT_EQ(errno, ENOSPC) << "step " << step << ": " << pmemobj_errormsg();
        ASSERT_LT(step, 1000u);
    }
    g_refusal = {};
    EXPECT_EQ(root<Content>()->words[1], 20u);
    close();
    EXPECT_EQ(pmemobj_check(path_.c_str(), "test"), 1) << pmemobj_errormsg();
}

TEST_P(DiskFull, AtAnyStepOfACommitAbortsTheTransaction) {
    if (!is_page_granularity())
        GTEST_SKIP() << "stores to a mapping do not report errors; the space is reserved at creation";
    create();
    ASSERT_EQ(transact(1), 0);
    for (uint64_t step = 0; step < 2; ++step) {
        for (const int error : {ENOSPC, EDQUOT, EIO}) {
            g_refusal = {error, step};
            EXPECT_EQ(transact(77), error) << "step " << step;
            g_refusal = {};
            EXPECT_EQ(root<Content>()->words[1], 1u);
            EXPECT_EQ(count_objects(), 1u);
        }
    }
    EXPECT_EQ(transact(2), 0) << "there is room again";
    PMEMoid* const slot = &root<Content>()->slots[2];
    g_refusal = {ENOSPC, 0};
    errno = 0;
    EXPECT_EQ(pmemobj_zalloc(pool_, slot, 64, 2), -1);
    EXPECT_EQ(errno, ENOSPC);
    EXPECT_TRUE(OID_IS_NULL(*slot));
    pobj_action action;
    EXPECT_FALSE(OID_IS_NULL(pmemobj_reserve(pool_, &action, 64, 2))) << "reserving needs no medium";
    EXPECT_EQ(pmemobj_publish(pool_, &action, 1), -1);
    EXPECT_EQ(errno, ENOSPC);
    g_refusal = {};
    EXPECT_EQ(count_objects(), 1u);
    crash_and_open();
    EXPECT_EQ(root<Content>()->words[1], 2u);
    EXPECT_EQ(count_objects(), 1u);
}

TEST_P(DiskFull, WhileTheLogIsEmptiedLosesNothing) {
    if (!is_page_granularity())
        GTEST_SKIP() << "stores to a mapping do not report errors";
    create();
    uint64_t last = 0;
    for (uint64_t i = 1, refused = 0; i <= 8000 && refused < 200; ++i) {
        g_refusal = {i % 40 == 0 ? ENOSPC : 0, i / 40 % 3};
        const int error = transact(i);
        g_refusal = {};
        if (error == 0)
            last = i;
        else
            ++refused;
        ASSERT_EQ(root<Content>()->words[1], last);
    }
    crash_and_open();
    EXPECT_EQ(root<Content>()->words[1], last);
    EXPECT_EQ(count_objects(), 1u);
}

TEST_P(DiskFull, AtAnyStepOfGrowingLeavesThePoolAsItWas) {
    create();
    ASSERT_EQ(transact(3), 0);
    for (uint64_t step = 0;; ++step) {
        pobj_space before, after;
        ASSERT_EQ(pmemobj_space(pool_, &before, sizeof before), 0);
        g_refusal = {ENOSPC, step};
        errno = 0;
        const int result = pmemobj_extend(pool_, 2 << 20);
        const int error = errno;
        g_refusal = {};
        if (result == 0)
            break;
        EXPECT_EQ(error, ENOSPC) << "step " << step << ": " << pmemobj_errormsg();
        ASSERT_EQ(pmemobj_space(pool_, &after, sizeof after), 0);
        EXPECT_EQ(after.pool_bytes, before.pool_bytes) << "step " << step;
        EXPECT_EQ(after.free_bytes, before.free_bytes) << "step " << step;
        EXPECT_EQ(transact(4 + step), 0) << "step " << step << ": " << pmemobj_errormsg();
        crash_and_open();
        EXPECT_EQ(root<Content>()->words[1], 4 + step);
        ASSERT_LT(step, 1000u);
    }
    EXPECT_EQ(transact(9), 0);
    crash_and_open();
    EXPECT_EQ(root<Content>()->words[1], 9u);
}

TEST_P(DiskFull, WhenClosingKeepsWhatWasCommitted) {
    create();
    ASSERT_EQ(transact(5), 0);
    root<Content>()->words[7] = 9;
    g_refusal = {ENOSPC, 0};
    close();
    g_refusal = {};
    EXPECT_EQ(pmemobj_check(path_.c_str(), "test"), 1) << pmemobj_errormsg();
    open();
    EXPECT_EQ(root<Content>()->words[1], 5u);
}

TEST_P(DiskFull, OnARealFileSystemIsToldBeforeAnythingIsWritten) {
    const std::string directory = path_ + ".small";
    ASSERT_EQ(mkdir(directory.c_str(), 0700), 0);
    if (mount("none", directory.c_str(), "tmpfs", 0, "size=20m") != 0) {
        const int error = errno;
        rmdir(directory.c_str());
        GTEST_SKIP() << "mounting a small tmpfs takes root: " << strerror(error);
    }
    const std::string path = directory + "/pool";
    errno = 0;
    EXPECT_EQ(pmemobj_create(path.c_str(), "test", 40 << 20, 0600), nullptr);
    EXPECT_EQ(errno, ENOSPC) << pmemobj_errormsg();
    EXPECT_NE(access(path.c_str(), F_OK), 0) << "a file was left behind";
    pool_ = pmemobj_create(path.c_str(), "test", 16 << 20, 0600);
    EXPECT_NE(pool_, nullptr) << pmemobj_errormsg();
    if (pool_ != nullptr) {
        const std::string filler = directory + "/filler";
        const int file = ::open(filler.c_str(), O_CREAT | O_WRONLY, 0600);
        const std::string block(1 << 16, 'x');
        while (write(file, block.data(), block.size()) > 0) {
        }
        ::close(file);
        for (uint64_t i = 1; i <= 3000; ++i)
            EXPECT_EQ(transact(i), 0) << "the pool's space was set aside when it was made";
        errno = 0;
        EXPECT_EQ(pmemobj_extend(pool_, 4 << 20), -1);
        EXPECT_EQ(errno, ENOSPC) << pmemobj_errormsg();
        EXPECT_EQ(transact(3001), 0) << pmemobj_errormsg();
        close();
        EXPECT_EQ(pmemobj_check(path.c_str(), "test"), 1) << pmemobj_errormsg();
    }
    umount(directory.c_str());
    rmdir(directory.c_str());
}

TERRACE_BOTH_GRANULARITIES(DiskFull);

}  // namespace
}  // namespace terrace::persist::testing
