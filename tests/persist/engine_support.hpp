// What the tests of the pool engine share: pools in memory at both granularities, images of a pool file as a
// crash would leave it, and a bank whose sum tells whether transactions are all or nothing.
#pragma once

#include <gtest/gtest.h>
#include <libpmemobj.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace terrace::persist::testing {

inline std::string read_file(const std::string& path) {
    std::string bytes;
    if (FILE* file = fopen(path.c_str(), "rb"); file != nullptr) {
        char buffer[1 << 16];
        for (size_t got; (got = fread(buffer, 1, sizeof buffer, file)) > 0;)
            bytes.append(buffer, got);
        fclose(file);
    }
    return bytes;
}

inline void write_file(const std::string& path, const std::string& bytes) {
    FILE* file = fopen(path.c_str(), "wb");
    ASSERT_NE(file, nullptr) << path;
    ASSERT_EQ(fwrite(bytes.data(), 1, bytes.size(), file), bytes.size());
    fclose(file);
}

// A seed that a failing run prints and TERRACE_TEST_SEED gives back.
inline uint64_t test_seed() {
    const char* given = getenv("TERRACE_TEST_SEED");
    const uint64_t seed = given != nullptr ? strtoull(given, nullptr, 0) : std::random_device{}();
    printf("TERRACE_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
    return seed;
}

// Runs `body` in a forked child and returns its wait status.
inline int in_child(const std::function<void()>& body) {
    fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
}

// The parameter: the granularity that the pool is opened with.
class PoolTest : public ::testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        setenv("PMEM2_FORCE_GRANULARITY", GetParam(), 1);
        path_ = "/dev/shm/terrace-engine-" + std::to_string(getpid()) + "-" +
                ::testing::UnitTest::GetInstance()->current_test_info()->name();
        for (char& c : path_) {
            if (c == '/' && &c > &path_[12])
                c = '-';
        }
        unlink(path_.c_str());
    }
    void TearDown() override {
        if (pool_ != nullptr)
            pmemobj_close(pool_);
        unlink(path_.c_str());
        unsetenv("PMEM2_FORCE_GRANULARITY");
    }
    bool is_page_granularity() const { return std::string(GetParam()) == "PAGE"; }

    void create(size_t bytes = 8 << 20) {
        pool_ = pmemobj_create(path_.c_str(), "test", bytes, 0600);
        ASSERT_NE(pool_, nullptr) << pmemobj_errormsg();
    }
    void open() {
        pool_ = pmemobj_open(path_.c_str(), "test");
        ASSERT_NE(pool_, nullptr) << pmemobj_errormsg();
    }
    void close() {
        pmemobj_close(pool_);
        pool_ = nullptr;
    }
    // The pool as it would be found if the process were killed now.
    void crash_and_open() {
        const std::string image = read_file(path_);
        close();
        write_file(path_, image);
        ASSERT_EQ(pmemobj_check(path_.c_str(), "test"), 1) << pmemobj_errormsg();
        open();
    }
    template <class T>
    T* root() {
        return static_cast<T*>(pmemobj_direct(pmemobj_root(pool_, sizeof(T))));
    }
    size_t count_objects() {
        size_t count = 0;
        for (PMEMoid oid = pmemobj_first(pool_); oid.off != 0; oid = pmemobj_next(oid))
            ++count;
        return count;
    }

    std::string path_;
    PMEMobjpool* pool_ = nullptr;
};

#define TERRACE_BOTH_GRANULARITIES(suite)                            \
    INSTANTIATE_TEST_SUITE_P(                                        \
        Granularity, suite, ::testing::Values("CACHE_LINE", "PAGE"), \
        [](const auto& info) { return std::string(info.param) == "PAGE" ? "Page" : "CacheLine"; })

// Accounts that each hold an object with their balance. A transfer changes two balances, replaces one of the
// two objects, and counts; so every kind of change is in each transaction, and a half-done one cannot hide.
struct Bank {
    static constexpr int kAccounts = 16;
    static constexpr int64_t kStart = 1000;
    uint64_t transfers;
    PMEMoid accounts[kAccounts];
};

inline int64_t& balance(const PMEMoid& account) {
    return *static_cast<int64_t*>(pmemobj_direct(account));
}

inline void open_accounts(PMEMobjpool* pool, Bank* bank) {
    TX_BEGIN(pool) {
        pmemobj_tx_add_range_direct(bank, sizeof *bank);
        for (PMEMoid& account : bank->accounts) {
            account = pmemobj_tx_zalloc(48, 7);
            balance(account) = Bank::kStart;
        }
        bank->transfers = 0;
    }
    TX_END
}

inline void transfer(PMEMobjpool* pool, Bank* bank, uint64_t random) {
    PMEMoid* from = &bank->accounts[random % Bank::kAccounts];
    PMEMoid* to = &bank->accounts[(random >> 8) % Bank::kAccounts];
    const auto amount = static_cast<int64_t>((random >> 16) % 100);
    TX_BEGIN(pool) {
        TX_ADD_DIRECT(&bank->transfers);
        pmemobj_tx_add_range_direct(pmemobj_direct(*from), sizeof(int64_t));
        balance(*from) -= amount;
        const PMEMoid fresh = pmemobj_tx_alloc(40 + (random >> 24) % 400, 7 + (random >> 40) % 20);
        balance(fresh) = balance(*to) + amount;
        pmemobj_tx_add_range_direct(to, sizeof *to);
        pmemobj_tx_free(*to);
        *to = fresh;
        ++bank->transfers;
    }
    TX_END
}

inline int64_t sum_of(const Bank* bank) {
    int64_t sum = 0;
    for (const PMEMoid& account : bank->accounts)
        sum += balance(account);
    return sum;
}

}  // namespace terrace::persist::testing
