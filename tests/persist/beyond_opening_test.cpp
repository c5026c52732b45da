// Opening a pool to read it, or to forget what is changed.
#include <errno.h>
#include <sys/stat.h>

#include "tests/persist/beyond.hpp"

namespace terrace::persist::testing {
namespace {

TEST_P(Beyond, AReaderSeesThePoolAndCannotChangeIt) {
    create();
    auto* word = root<uint64_t>();
    *word = 42;
    pmemobj_persist(pool_, word, sizeof *word);
    PMEMoid object = allocate(100);
    close();
    const std::string image = read_file(path_);
    chmod(path_.c_str(), 0400);
    pool_ = pmemobj_xopen(path_.c_str(), "test", POBJ_OPEN_READ_ONLY);
    ASSERT_NE(pool_, nullptr) << pmemobj_errormsg();
    word = static_cast<uint64_t*>(pmemobj_direct(pmemobj_root(pool_, 0)));
    EXPECT_EQ(*word, 42u);
    EXPECT_EQ(count_objects(), 1u);
    EXPECT_EQ(allocate(100).off, 0u);
    EXPECT_EQ(errno, EROFS);
    EXPECT_EQ(pmemobj_extend(pool_, 4 * kMiB), -1);
    EXPECT_EQ(errno, EROFS);
    errno = 0;
    pmemobj_free(&object);
    EXPECT_EQ(errno, EROFS);
    TX_BEGIN(pool_) {
        TX_ADD_DIRECT(word);
        *word = 43;
    }
    TX_ONABORT {
        EXPECT_EQ(pmemobj_tx_errno(), EROFS);
    }
    TX_END
    EXPECT_EQ(*word, 42u);
    *word = 44;
    pmemobj_persist(pool_, word, sizeof *word);
    close();
    chmod(path_.c_str(), 0600);
    EXPECT_TRUE(read_file(path_) == image);
    open();
    EXPECT_EQ(*root<uint64_t>(), 42u);
}

TEST_P(Beyond, APoolThatWasKilledIsRecoveredForAReaderInMemory) {
    create();
    open_accounts(pool_, root<Bank>());
    std::mt19937_64 random(1);
    for (int i = 0; i < 50; ++i)
        transfer(pool_, root<Bank>(), random());
    const std::string image = read_file(path_);
    close();
    write_file(path_, image);
    pool_ = pmemobj_xopen(path_.c_str(), "test", POBJ_OPEN_READ_ONLY);
    ASSERT_NE(pool_, nullptr) << pmemobj_errormsg();
    EXPECT_EQ(root<Bank>()->transfers, 50u);
    EXPECT_EQ(sum_of(root<Bank>()), Bank::kAccounts * Bank::kStart);
    EXPECT_EQ(count_objects(), size_t{Bank::kAccounts});
    close();
    EXPECT_TRUE(read_file(path_) == image);
}

TEST_P(Beyond, ManyMayReadButNobodyMayWriteMeanwhile) {
    create();
    close();
    pool_ = pmemobj_xopen(path_.c_str(), "test", POBJ_OPEN_READ_ONLY);
    ASSERT_NE(pool_, nullptr) << pmemobj_errormsg();
    const int status = in_child([&] {
        PMEMobjpool* other = pmemobj_xopen(path_.c_str(), "test", POBJ_OPEN_READ_ONLY);
        if (other == nullptr)
            _exit(1);
        pmemobj_close(other);
        if (pmemobj_open(path_.c_str(), "test") != nullptr || errno != EWOULDBLOCK)
            _exit(2);
        _exit(pmemobj_check(path_.c_str(), "test") == 1 ? 0 : 3);
    });
    EXPECT_EQ(WEXITSTATUS(status), 0);
    close();
    open();
    EXPECT_EQ(pmemobj_xopen(path_.c_str(), "test", POBJ_OPEN_READ_ONLY), nullptr);
    EXPECT_EQ(errno, EWOULDBLOCK);
    EXPECT_EQ(pmemobj_xopen(path_.c_str(), "test", 77), nullptr);
    EXPECT_EQ(errno, EINVAL);
}

TEST_P(Beyond, CopyOnWriteForgetsEverything) {
    create();
    *root<uint64_t>() = 42;
    close();
    const std::string image = read_file(path_);
    pool_ = pmemobj_xopen(path_.c_str(), "test", POBJ_OPEN_COPY_ON_WRITE);
    ASSERT_NE(pool_, nullptr) << pmemobj_errormsg();
    auto* word = root<uint64_t>();
    TX_BEGIN(pool_) {
        TX_ADD_DIRECT(word);
        *word = 43;
        pmemobj_tx_free(pmemobj_tx_alloc(100, 1));
    }
    TX_ONABORT {
        ADD_FAILURE() << pmemobj_errormsg();
    }
    TX_END
    EXPECT_EQ(*word, 43u);
    std::vector<PMEMoid> objects;
    for (size_t bytes : {size_t{10}, size_t{1000}, size_t{100000}, size_t{3000000}}) {
        objects.push_back(allocate(bytes));
        ASSERT_NE(objects.back().off, 0u) << pmemobj_errormsg();
    }
    EXPECT_EQ(count_objects(), objects.size());
    for (PMEMoid& object : objects)
        pmemobj_free(&object);
    EXPECT_EQ(count_objects(), 0u);
    EXPECT_EQ(pmemobj_extend(pool_, 4 * kMiB), -1);
    close();
    EXPECT_TRUE(read_file(path_) == image);
    int on = 1;
    ASSERT_EQ(pmemobj_ctl_set(nullptr, "copy_on_write.at_open", &on), 0);
    open();
    *root<uint64_t>() = 44;
    close();
    on = 0;
    ASSERT_EQ(pmemobj_ctl_set(nullptr, "copy_on_write.at_open", &on), 0);
    EXPECT_TRUE(read_file(path_) == image);
}

}  // namespace
}  // namespace terrace::persist::testing
