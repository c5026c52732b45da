// Crashes of the pool engine: at every event that reaches the medium, and by SIGKILL at random moments.
// A child process works and dies; the parent opens what it left.
#include <signal.h>
#include <string.h>

#include "persist/flush/flush.hpp"
#include "persist/pool/medium.hpp"
#include "tests/persist/engine_support.hpp"

namespace terrace::persist::testing {
namespace {

// Counts the events on the medium and ends the process at one of them, with the event half done.
struct Countdown {
    uint64_t left;
    const FlushMethods* real;
};
Countdown g_countdown;

bool is_the_end() {
    return --g_countdown.left == 0;
}

void write_back_or_die(const void* address, size_t size) {
    if (is_the_end())
        _exit(0);
    g_countdown.real->write_back(address, size);
}
void stream_or_die(void* to, const void* from, size_t lines) {
    if (is_the_end()) {
        memcpy(to, from, lines * 64 / 2 / 8 * 8);  // torn at a word
        _exit(0);
    }
    g_countdown.real->stream_lines(to, from, lines);
}
void fence_or_die() {
    if (is_the_end())
        _exit(0);
    g_countdown.real->fence();
}
int write_or_die(void*, int file, const void* source, size_t bytes, uint64_t offset) {
    if (is_the_end()) {
        (void)!pwrite(file, source, bytes / 2, static_cast<off_t>(offset));
        _exit(0);
    }
    return 0;
}
int sync_or_die(void*, int) {
    if (is_the_end())
        _exit(0);
    return 0;
}

void die_at_event(uint64_t event) {
    static FlushMethods methods = *use_flush_methods(nullptr);
    g_countdown = {event, &flush_methods()};
    methods = *g_countdown.real;
    methods.write_back = write_back_or_die;
    methods.stream_lines = stream_or_die;
    methods.fence = fence_or_die;
    use_flush_methods(&methods);
    static const FileObserver observer{write_or_die, sync_or_die, nullptr};
    observe_files(&observer);
}

class Crash : public PoolTest {
  protected:
    // What must hold whenever the pool is opened.
    void expect_sound(uint64_t least, uint64_t most) {
        ASSERT_EQ(pmemobj_check(path_.c_str(), "test"), 1) << pmemobj_errormsg();
        open();
        const Bank* bank = root<Bank>();
        EXPECT_GE(bank->transfers, least);
        EXPECT_LE(bank->transfers, most);
        EXPECT_EQ(sum_of(bank), Bank::kAccounts * Bank::kStart);
        EXPECT_EQ(count_objects(), size_t{Bank::kAccounts}) << "an object was leaked or lost";
        close();
    }
    void make_bank() {
        create();
        open_accounts(pool_, root<Bank>());
        close();
    }
};

TEST_P(Crash, AtEachEventOnTheMediumLeavesAllOrNothing) {
    constexpr uint64_t kTransfers = 6;
    make_bank();
    const std::string image = read_file(path_);
    for (uint64_t event = 1;; ++event) {
        write_file(path_, image);
        int done[2];
        ASSERT_EQ(pipe(done), 0);
        const int status = in_child([&] {
            die_at_event(event);
            PMEMobjpool* pool = pmemobj_open(path_.c_str(), "test");
            Bank* bank = static_cast<Bank*>(pmemobj_direct(pmemobj_root(pool, sizeof(Bank))));
            std::mt19937_64 random(event);
            for (uint64_t i = 0; i < kTransfers; ++i) {
                transfer(pool, bank, random());
                (void)!write(done[1], "x", 1);
            }
            pmemobj_close(pool);
            _exit(1);
        });
        ::close(done[1]);
        uint64_t completed = 0;
        for (char c; read(done[0], &c, 1) == 1;)
            ++completed;
        ::close(done[0]);
        SCOPED_TRACE("event " + std::to_string(event));
        expect_sound(completed, completed + 1);
        if (HasFailure() || WEXITSTATUS(status) == 1)
            break;
        ASSERT_LT(event, 1000u);
    }
}

TEST_P(Crash, DuringRecoveryIsHarmless) {
    make_bank();
    open();
    std::mt19937_64 random(1);
    for (int i = 0; i < 20; ++i)
        transfer(pool_, root<Bank>(), random());
    const std::string image = read_file(path_);
    close();
    for (uint64_t event = 1;; ++event) {
        write_file(path_, image);
        const int status = in_child([&] {
            die_at_event(event);
            _exit(pmemobj_open(path_.c_str(), "test") == nullptr ? 2 : 1);
        });
        SCOPED_TRACE("event " + std::to_string(event));
        ASSERT_NE(WEXITSTATUS(status), 2);
        expect_sound(20, 20);
        if (HasFailure() || WEXITSTATUS(status) == 1)
            break;
    }
}

TEST_P(Crash, ByKillAtAnyMomentLosesNothingThatWasCommitted) {
    std::mt19937_64 random(test_seed());
    make_bank();
    uint64_t least = 0;
    for (int round = 0; round < 40; ++round) {
        int progress[2];
        ASSERT_EQ(pipe(progress), 0);
        const uint64_t seed = random();
        const pid_t child = fork();
        if (child == 0) {
            PMEMobjpool* pool = pmemobj_open(path_.c_str(), "test");
            if (pool == nullptr)
                _exit(1);
            Bank* bank = static_cast<Bank*>(pmemobj_direct(pmemobj_root(pool, sizeof(Bank))));
            std::mt19937_64 numbers(seed);
            for (;;) {
                transfer(pool, bank, numbers());
                (void)!write(progress[1], &bank->transfers, sizeof bank->transfers);
            }
        }
        ::close(progress[1]);
        // After a few acknowledgements, then at once: wherever the child is by then.
        uint64_t acknowledged = least;
        for (uint64_t i = 0, enough = 1 + random() % 3000; i < enough; ++i)
            ASSERT_EQ(read(progress[0], &acknowledged, sizeof acknowledged), ssize_t{sizeof acknowledged});
        kill(child, SIGKILL);
        waitpid(child, nullptr, 0);
        for (uint64_t more; read(progress[0], &more, sizeof more) == ssize_t{sizeof more};)
            acknowledged = more;
        ::close(progress[0]);
        SCOPED_TRACE("round " + std::to_string(round));
        expect_sound(acknowledged, acknowledged + 1);
        if (HasFailure())
            break;
        least = acknowledged;
    }
}

TEST_P(Crash, ATornLastRecordIsNotReplayed) {
    make_bank();
    open();
    std::mt19937_64 random(3);
    transfer(pool_, root<Bank>(), random());
    const std::string before = read_file(path_);
    transfer(pool_, root<Bank>(), random());
    std::string after = read_file(path_);
    close();
    // Damage the second record in the log, and put everything else back to what it was.
    constexpr size_t kLogOffset = 65536;
    size_t first_difference = kLogOffset;
    while (before[first_difference] == after[first_difference])
        ++first_difference;
    std::string torn = before;
    torn.replace(first_difference, 64, after.substr(first_difference, 64));
    write_file(path_, torn);
    expect_sound(1, 1);
}

TEST_P(Crash, AReservationThatWasNotPublishedIsGone) {
    create();
    pobj_action actions[2];
    const PMEMoid kept = pmemobj_reserve(pool_, &actions[0], 1000, 3);
    pmemobj_reserve(pool_, &actions[1], 100000, 3);
    memset(pmemobj_direct(kept), 42, 1000);
    pmemobj_persist(pool_, pmemobj_direct(kept), 1000);
    ASSERT_EQ(pmemobj_publish(pool_, actions, 1), 0);
    crash_and_open();
    EXPECT_EQ(count_objects(), 1u);
    const PMEMoid found = pmemobj_first(pool_);
    EXPECT_EQ(found.off, kept.off);
    EXPECT_EQ(pmemobj_type_num(found), 3u);
    EXPECT_EQ(static_cast<char*>(pmemobj_direct(found))[999], 42);
}

TERRACE_BOTH_GRANULARITIES(Crash);

}  // namespace
}  // namespace terrace::persist::testing
