// What the tests of the bounded working copy share: a pool several times as large as its limit, slots whose owner
// always knows what is in them, and what the kernel says about this process's memory.
#pragma once

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "persist/pool/pool.hpp"
#include "tests/persist/engine_support.hpp"
#include "tests/persist/slow_build.hpp"

namespace terrace::persist::testing {

inline uint64_t kilobytes_in_status(const char* name) {
    const std::string status = read_file("/proc/self/status");
    const size_t at = status.find(name);
    return at == std::string::npos ? 0 : strtoull(status.c_str() + at + strlen(name), nullptr, 10);
}
inline uint64_t anonymous_bytes() {
    return kilobytes_in_status("\nRssAnon:") * 1024;
}

// A sanitizer keeps memory of its own for each byte that is touched: figures of the process mean nothing then.
constexpr bool kFiguresMeanSomething = !kIsSlowBuild;

inline void set_limit(uint64_t bytes) {
    ASSERT_EQ(pmemobj_ctl_set(nullptr, "working_copy.limit", &bytes), 0) << pmemobj_errormsg();
}

constexpr uint64_t operator""_MiB(unsigned long long count) {
    return count << 20;
}

// How long the tests with writers go on; more where somebody wants to be sure.
inline std::chrono::milliseconds stress_time() {
    const char* given = getenv("TERRACE_STRESS_SECONDS");
    return std::chrono::milliseconds(given != nullptr ? strtoull(given, nullptr, 10) * 1000 : 1500);
}

class BoundedTest : public PoolTest {
  protected:
    static constexpr uint64_t kLimit = 4_MiB;

    void SetUp() override {
        PoolTest::SetUp();
        set_limit(kLimit);
    }
    void TearDown() override {
        PoolTest::TearDown();
        set_limit(0);
    }
    // False, and the test is to be skipped, where the kernel forbids what the bound needs.
    [[nodiscard]] bool create_bounded(uint64_t bytes) {
        create(bytes);
        return pool_ != nullptr && engine().working_copy.is_bounded();
    }
    Pool& engine() { return pool_of(pool_); }
    uint64_t dropped() { return engine().working_copy.dropped_pages(); }
    void wait_for_drops(uint64_t more) {
        const uint64_t until = dropped() + more;
        while (dropped() < until)
            usleep(1000);
    }
    // Memory of the pool that holds no object: what is stored there is never committed.
    char* reserve(uint64_t bytes, PMEMoid* name = nullptr) {
        pobj_action action;
        const PMEMoid oid = pmemobj_reserve(pool_, &action, bytes, 1);
        if (name != nullptr)
            *name = oid;
        return static_cast<char*>(pmemobj_direct(oid));
    }
    char* allocate(uint64_t bytes) {
        PMEMoid oid;
        if (pmemobj_zalloc(pool_, &oid, bytes, 1) != 0)
            return nullptr;
        return static_cast<char*>(pmemobj_direct(oid));
    }
};

#define SKIP_UNLESS_BOUNDED(bytes)                                                                      \
    if (!create_bounded(bytes))                                                                         \
    GTEST_SKIP() << "the kernel lacks or forbids what the bound takes (userfaultfd with faults of the " \
                    "kernel)"

// Slots of 64 bytes, each with one owner, who counts in them and notices at once when a store was lost.
class Slots {
  public:
    static constexpr uint64_t kBytes = 64;

    Slots(char* base, uint64_t bytes, unsigned owners, unsigned owner)
        : base_(base),
          count_(bytes / kBytes / owners),
          owners_(owners),
          owner_(owner),
          expected_(count_, 0) {}

    uint64_t count() const { return count_; }
    volatile uint64_t* at(uint64_t i) const {
        return reinterpret_cast<volatile uint64_t*>(base_ + (i * owners_ + owner_) * kBytes);
    }
    uint64_t& expected(uint64_t i) { return expected_[i]; }
    bool is_right(uint64_t i) const { return *at(i) == expected_[i]; }
    uint64_t wrong() const {
        uint64_t wrong = 0;
        for (uint64_t i = 0; i < count_; ++i)
            wrong += !is_right(i);
        return wrong;
    }

  private:
    char* base_;
    uint64_t count_;
    unsigned owners_;
    unsigned owner_;
    std::vector<uint64_t> expected_;
};

// The ways in which the kernel stores into memory that a program names.
class KernelWriter {
  public:
    KernelWriter() {
        EXPECT_EQ(pipe(pipe_), 0);
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, socket_), 0);
        file_ = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        EXPECT_GE(file_, 0);
    }
    ~KernelWriter() {
        for (int file : {pipe_[0], pipe_[1], socket_[0], socket_[1], file_})
            ::close(file);
    }
    static constexpr unsigned kWays = 5;

    // Whether all 8 bytes arrived. errno says why not.
    bool write(volatile uint64_t* target, uint64_t value, unsigned way) {
        void* const to = const_cast<uint64_t*>(target);
        switch (way % kWays) {
            case 0:
                return ::write(pipe_[1], &value, 8) == 8 && retry([&] { return read(pipe_[0], to, 8); });
            case 1:
                return ::pwrite(file_, &value, 8, 40) == 8 && retry([&] { return pread(file_, to, 8, 40); });
            case 2: {
                iovec parts[2] = {{to, 3}, {static_cast<char*>(to) + 3, 5}};
                return ::write(pipe_[1], &value, 8) == 8 && retry([&] { return readv(pipe_[0], parts, 2); });
            }
            case 3:
                return send(socket_[0], &value, 8, 0) == 8 &&
                       retry([&] { return recv(socket_[1], to, 8, 0); });
            default: {
                iovec part = {to, 8};
                msghdr message = {};
                message.msg_iov = &part;
                message.msg_iovlen = 1;
                return send(socket_[0], &value, 8, 0) == 8 &&
                       retry([&] { return recvmsg(socket_[1], &message, 0); });
            }
        }
    }

  private:
    template <class Call>
    static bool retry(Call call) {
        ssize_t got;
        do
            got = call();
        while (got < 0 && errno == EINTR);
        return got == 8;
    }
    int pipe_[2];
    int socket_[2];
    int file_;
};

// Threads that run until they are told to stop, at the latest by the destructor.
class Crew {
  public:
    ~Crew() { stop(); }
    template <class Work>
    void hire(Work work) {
        threads_.emplace_back([this, work]() mutable {
            while (!stopping_.load(std::memory_order_relaxed))
                work();
        });
    }
    void stop() {
        stopping_ = true;
        for (std::thread& thread : threads_)
            thread.join();
        threads_.clear();
    }

  private:
    std::atomic<bool> stopping_{false};
    std::vector<std::thread> threads_;
};

}  // namespace terrace::persist::testing
