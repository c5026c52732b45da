// Kills a worker at random moments, and after each kill asks whether the pool is exactly what it must be.
//     crash_driver DIRECTORY [--rounds N] [--seed N] [--fault NAME]
// TERRACE_CRASH_ROUNDS and TERRACE_CRASH_SEED set the same. With --fault the worker breaks a rule, and the
// driver succeeds only if it notices.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <random>
#include <string>

#include "tests/crash/verify.hpp"

namespace terrace::crash {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

constexpr auto kLongestWait = std::chrono::seconds(60);  // for something that takes milliseconds
constexpr std::uint64_t kLongestRun = 30000;             // microseconds before a worker is killed
constexpr int kRecoveryKills = 4;

struct Options {
    std::string directory;
    std::string worker;
    std::string fault;
    unsigned rounds = 300;
    std::uint64_t seed = 0;
};

class CrashTest {
  public:
    explicit CrashTest(const Options& options)
        : options_(options),
          random_(options.seed),
          model_(options.seed),
          pool_path_(options.directory + "/terrace-crash-" + std::to_string(getpid()) + ".pool"),
          page_path_("/dev/shm/terrace-crash-" + std::to_string(getpid()) + ".acks") {}
    CrashTest(const CrashTest&) = delete;
    CrashTest& operator=(const CrashTest&) = delete;
    ~CrashTest() {
        unlink(page_path_.c_str());
        if (faults_.empty() || !options_.fault.empty())
            unlink(pool_path_.c_str());
        else
            fprintf(stderr, "the pool is kept in %s\n", pool_path_.c_str());
    }

    // Ends at the first round that has faults.
    void run() {
        if (prepare()) {
            for (round_ = 1; round_ <= options_.rounds && faults_.empty(); ++round_)
                one_round();
            if (faults_.empty())
                check_that_all_room_comes_back();
            for (unsigned i = 0; i < options_.rounds / 5 && faults_.empty(); ++i)
                kill_during_creation();
        }
        report();
    }

    bool is_all_well() const { return faults_.empty(); }
    // Was it the content of the pool that was wrong? A worker that cannot go on is a fault, but no discovery.
    bool was_noticed() const { return was_noticed_; }

  private:
    void fail(const std::string& what) { faults_.push_back(what); }

    bool prepare() {
        const int fd = open(page_path_.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
        if (fd < 0 || ftruncate(fd, sizeof(Acknowledgements)) != 0) {
            fail("cannot make " + page_path_ + ": " + strerror(errno));
            return false;
        }
        void* const page = mmap(nullptr, sizeof(Acknowledgements), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (page == MAP_FAILED) {
            fail(std::string("cannot map the acknowledgements: ") + strerror(errno));
            return false;
        }
        told_ = static_cast<Acknowledgements*>(page);

        PMEMobjpool* const pool = pmemobj_create(pool_path_.c_str(), kLayout, kPoolSize, 0600);
        if (pool == nullptr) {
            fail("cannot create " + pool_path_ + ": " + pmemobj_errormsg());
            return false;
        }
        Root* const root = static_cast<Root*>(pmemobj_direct(pmemobj_root(pool, sizeof(Root))));
        for (std::int64_t& balance : root->balances)
            balance = kInitialBalance;
        pmemobj_persist(pool, root->balances, sizeof root->balances);
        room_when_new_ = room_for_blocks(pool);
        pmemobj_close(pool);
        return true;
    }

    void one_round() {
        told_->state = Acknowledgements::kStarting;
        for (unsigned thread = 0; thread < kThreads; ++thread) {
            told_->threads[thread].begun = model_.threads[thread].sequence;
            told_->threads[thread].done = model_.threads[thread].sequence;
        }
        const pid_t worker = start_worker("run");
        // Mostly while it runs; now and then while it opens the pool.
        if (random_() % 10 == 0 ? !wait_for(worker, Acknowledgements::kOpening)
                                : !wait_for(worker, Acknowledgements::kRunning))
            return;
        pause(random_() % kLongestRun);
        if (!kill_worker(worker, false))
            return;
        if (random_() % 4 == 0)
            kill_during_recovery();
        if (faults_.empty())
            verify_pool();
    }

    // Recovery must be able to begin again wherever it was cut off.
    void kill_during_recovery() {
        for (int i = 0; i < kRecoveryKills && faults_.empty(); ++i) {
            told_->state = Acknowledgements::kStarting;
            const pid_t worker = start_worker("recover");
            if (!wait_for(worker, Acknowledgements::kOpening))
                return;
            if (wait_at_most(&recovery_time_))
                ++recoveries_killed_;
            kill_worker(worker, true);
        }
    }

    // What is left is no pool, and open says so, or it is a whole one.
    void kill_during_creation() {
        const std::string path = pool_path_ + ".new";
        unlink(path.c_str());
        told_->state = Acknowledgements::kStarting;
        const pid_t worker = start_worker("create", path);
        if (!wait_for(worker, Acknowledgements::kOpening))
            return;
        wait_at_most(&creation_time_);
        if (!kill_worker(worker, true))
            return;
        PMEMobjpool* const pool = pmemobj_open(path.c_str(), kLayout);
        if (pool == nullptr) {
            if (errno != EINVAL && errno != ENOENT)
                fail(std::string("opening a pool killed while it was made: ") + strerror(errno));
        } else {
            if (OID_IS_NULL(pmemobj_root(pool, sizeof(Root))))
                fail(std::string("a pool killed while it was made opens, but has no root: ") +
                     pmemobj_errormsg());
            pmemobj_close(pool);
            if (pmemobj_check(path.c_str(), kLayout) != 1)
                fail(std::string("a pool killed while it was made opens, but is not sound: ") +
                     pmemobj_errormsg());
        }
        unlink(path.c_str());
    }

    // Lets a worker that opens or creates go on for up to half as long again as that took the last time; its
    // end may come first, which is fine. Returns whether it did not.
    bool wait_at_most(std::uint64_t* usual_time) {
        const Clock::time_point begin = Clock::now();
        const microseconds delay(random_() % (*usual_time + *usual_time / 2 + 1));
        while (told_->state != Acknowledgements::kRunning && Clock::now() - begin < delay)
            ;
        if (told_->state != Acknowledgements::kRunning)
            return true;
        *usual_time = elapsed_since(begin);
        return false;
    }

    void verify_pool() {
        if (pmemobj_check(pool_path_.c_str(), kLayout) != 1)
            fail(std::string("pmemobj_check before recovery: ") + pmemobj_errormsg());
        const Clock::time_point begin = Clock::now();
        PMEMobjpool* const pool = pmemobj_open(pool_path_.c_str(), kLayout);
        if (pool == nullptr) {
            fail(std::string("the pool does not open: ") + pmemobj_errormsg());
            return;
        }
        recovery_time_ = std::max<std::uint64_t>(recovery_time_, elapsed_since(begin));
        const std::vector<std::string> found = verify(pool, *told_, &model_);
        was_noticed_ = !found.empty();
        faults_.insert(faults_.end(), found.begin(), found.end());
        pmemobj_close(pool);
        if (pmemobj_check(pool_path_.c_str(), kLayout) != 1)
            fail(std::string("pmemobj_check after recovery: ") + pmemobj_errormsg());
    }

    // How many blocks of 256 KiB the pool can hold beside what is in it. Leaves it as it was.
    static unsigned room_for_blocks(PMEMobjpool* pool) {
        std::vector<pobj_action> actions;
        for (;;) {
            pobj_action action;
            if (OID_IS_NULL(pmemobj_reserve(pool, &action, 256 << 10, 1)))
                break;
            actions.push_back(action);
        }
        pmemobj_cancel(pool, actions.data(), actions.size());
        return static_cast<unsigned>(actions.size());
    }

    // Memory may be lost without being an object. So free everything: a pool that has seen hundreds of
    // crashes has as much room as a new one.
    void check_that_all_room_comes_back() {
        PMEMobjpool* const pool = pmemobj_open(pool_path_.c_str(), kLayout);
        if (pool == nullptr) {
            fail(std::string("the pool does not open: ") + pmemobj_errormsg());
            return;
        }
        PMEMoid oid;
        PMEMoid next;
        POBJ_FOREACH_SAFE(pool, oid, next) pmemobj_free(&oid);
        room_at_the_end_ = room_for_blocks(pool);
        pmemobj_close(pool);
        // What free objects leave behind in runs of their size class is not lost: a tenth is allowed for it.
        if (room_at_the_end_ + room_when_new_ / 10 + 1 < room_when_new_)
            fail("a new pool had room for " + std::to_string(room_when_new_) + " blocks, now only for " +
                 std::to_string(room_at_the_end_) + ": room leaked");
    }

    pid_t start_worker(const char* mode) { return start_worker(mode, pool_path_); }

    pid_t start_worker(const char* mode, const std::string& pool_path) {
        const std::string seed = std::to_string(options_.seed);
        const pid_t worker = fork();
        if (worker == 0) {
            execl(options_.worker.c_str(), options_.worker.c_str(), pool_path.c_str(), page_path_.c_str(),
                  seed.c_str(), mode, options_.fault.empty() ? "none" : options_.fault.c_str(), nullptr);
            fprintf(stderr, "cannot run %s: %s\n", options_.worker.c_str(), strerror(errno));
            _exit(2);
        }
        return worker;
    }

    // Returns false, with a fault noted and the worker gone, if it ended or hangs instead of getting there.
    bool wait_for(pid_t worker, Acknowledgements::State state) {
        const Clock::time_point begin = Clock::now();
        while (told_->state < state) {
            int status = 0;
            if (waitpid(worker, &status, WNOHANG) == worker) {
                if (told_->state >= state && WIFEXITED(status) && WEXITSTATUS(status) == 0)
                    break;
                fail("the worker ended by itself with status " + std::to_string(status));
                return false;
            }
            if (Clock::now() - begin > kLongestWait) {
                fail("the worker hangs");
                kill(worker, SIGKILL);
                waitpid(worker, &status, 0);
                return false;
            }
            pause(50);
        }
        return true;
    }

    bool kill_worker(pid_t worker, bool may_have_ended) {
        int status = 0;
        kill(worker, SIGKILL);
        waitpid(worker, &status, 0);
        ++kills_;
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
            return true;
        if (may_have_ended && WIFEXITED(status) && WEXITSTATUS(status) == 0)
            return true;
        fail("the worker ended by itself with status " + std::to_string(status));
        return false;
    }

    void report() const {
        std::uint64_t operations = 0;
        for (const ThreadModel& thread : model_.threads)
            operations += thread.sequence;
        printf(
            "%u rounds, %u kills (%u during recovery), %llu operations, room for %u of %u blocks, seed "
            "%llu\n",
            round_ - 1, kills_, recoveries_killed_, static_cast<unsigned long long>(operations),
            room_at_the_end_, room_when_new_, static_cast<unsigned long long>(options_.seed));
        for (std::size_t i = 0; i < faults_.size() && i < 20; ++i)
            printf("  round %u: %s\n", round_ - 1, faults_[i].c_str());
        if (faults_.size() > 20)
            printf("  and %zu more\n", faults_.size() - 20);
    }

    static void pause(std::uint64_t time) { usleep(static_cast<useconds_t>(time)); }

    static std::uint64_t elapsed_since(Clock::time_point begin) {
        return static_cast<std::uint64_t>(
            std::chrono::duration_cast<microseconds>(Clock::now() - begin).count());
    }

    const Options options_;
    std::mt19937_64 random_;
    PoolModel model_;
    const std::string pool_path_;
    const std::string page_path_;
    Acknowledgements* told_ = nullptr;
    unsigned round_ = 0;
    unsigned kills_ = 0;
    unsigned recoveries_killed_ = 0;
    std::uint64_t recovery_time_ = 500;  // microseconds
    std::uint64_t creation_time_ = 5000;
    unsigned room_when_new_ = 0;
    unsigned room_at_the_end_ = 0;
    std::vector<std::string> faults_;
    bool was_noticed_ = false;
};

Options options_from(int argc, char** argv) {
    Options options;
    options.seed =
        static_cast<std::uint64_t>(time(nullptr)) * 1000 + static_cast<std::uint64_t>(getpid()) % 1000;
    if (const char* const rounds = getenv("TERRACE_CRASH_ROUNDS"))
        options.rounds = static_cast<unsigned>(strtoul(rounds, nullptr, 10));
    if (const char* const seed = getenv("TERRACE_CRASH_SEED"))
        options.seed = strtoull(seed, nullptr, 10);
    const std::string self = argv[0];
    options.worker = self.substr(0, self.rfind('/') + 1) + "crash_worker";
    for (int i = 1; i < argc; ++i) {
        const bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--rounds") == 0 && has_value)
            options.rounds = static_cast<unsigned>(strtoul(argv[++i], nullptr, 10));
        else if (strcmp(argv[i], "--seed") == 0 && has_value)
            options.seed = strtoull(argv[++i], nullptr, 10);
        else if (strcmp(argv[i], "--fault") == 0 && has_value)
            options.fault = argv[++i];
        else
            options.directory = argv[i];
    }
    return options;
}

int run(int argc, char** argv) {
    const Options options = options_from(argc, argv);
    if (options.directory.empty()) {
        fprintf(stderr, "usage: crash_driver DIRECTORY [--rounds N] [--seed N] [--fault NAME]\n");
        return 2;
    }
    printf("seed %llu, in %s\n", static_cast<unsigned long long>(options.seed), options.directory.c_str());
    fflush(stdout);
    CrashTest test(options);
    test.run();
    if (options.fault.empty())
        return test.is_all_well() ? 0 : 1;
    printf("the worker's fault (%s) was %s\n", options.fault.c_str(),
           test.was_noticed() ? "noticed" : "NOT NOTICED");
    return test.was_noticed() ? 0 : 1;
}

}  // namespace
}  // namespace terrace::crash

int main(int argc, char** argv) {
    return terrace::crash::run(argc, argv);
}
