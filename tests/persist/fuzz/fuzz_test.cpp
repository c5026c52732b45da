// Damaged pools: whatever happened to the file, the library refuses it with a message, or repairs it, or shows that
// nothing but the damaged bytes themselves changed; it never crashes and never loses anything in silence.
//     TERRACE_TEST_SEED=n       repeats a run
//     TERRACE_FUZZ_SECONDS=n    goes on so long instead of a number of mutations
#include <errno.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <random>
#include <string>

#include "persist/pool/format/regions.hpp"
#include "tests/persist/fuzz/mutation.hpp"
#include "tests/persist/fuzz/subject.hpp"
#include "tests/persist/slow_build.hpp"
#include "tests/persist/states/image_file.hpp"

namespace terrace::persist::fuzz {
namespace {

constexpr uint64_t kMutations = kIsSlowBuild ? 600 : 5200;  // of each subject, and there are four

uint64_t seed() {
    static const uint64_t value = [] {
        const char* const given = getenv("TERRACE_TEST_SEED");
        return given != nullptr ? strtoull(given, nullptr, 0) : std::random_device{}();
    }();
    return value;
}

// What became of the mutations so far; outlives the process that opens the files.
struct Tally {
    uint64_t done;
    uint64_t refused;         // by open
    uint64_t found_by_check;  // opened, but pmemobj_check says what is wrong
    uint64_t repaired;        // opened, and nothing is missing
    uint64_t own_bytes;       // opened, and only the damaged bytes of objects are others
    uint64_t last_was_torn;   // opened without the last transaction: its record had been damaged
    uint64_t not_told;        // see PageTable
    char fault[4096];
};

class Judge {
  public:
    Judge(const Subject& subject, const Mutation& mutation, const std::string& path, Tally& tally)
        : subject_(subject), mutation_(mutation), path_(path), tally_(tally) {}

    std::string judge() {
        const int sound = pmemobj_check(path_.c_str(), kLayout);
        if (sound != 1 && !is_helpful())
            return "pmemobj_check says " + std::to_string(sound) + " with the message '" +
                   pmemobj_errormsg() + "'";
        errno = 0;
        PMEMobjpool* const pool = pmemobj_open(path_.c_str(), kLayout);
        if (pool == nullptr)
            return judge_refusal(sound);
        std::string fault = judge_contents(pool, sound);
        if (fault.empty())
            fault = use(pool);
        pmemobj_close(pool);
        const int sound_after = pmemobj_check(path_.c_str(), kLayout);
        if (fault.empty() && sound == 1 && sound_after != 1)
            fault = std::string("pmemobj_check said 1 before, but not after: ") + pmemobj_errormsg();
        return fault;
    }

  private:
    // Names the file, and says more than that.
    bool is_helpful() const {
        const std::string message = pmemobj_errormsg();
        return message.find(path_) != std::string::npos && message.size() > path_.size() + 10;
    }

    bool is_only_in_objects() const {
        if (mutation_.file_bytes < subject_.file.size())
            return false;
        return std::all_of(mutation_.changes.begin(), mutation_.changes.end(), [&](const auto& change) {
            return subject_.contents.has_in_object(change.first, change.second.size());
        });
    }

    std::string judge_refusal(int sound) {
        if (sound == 1)
            return std::string("pmemobj_check says 1, pmemobj_open refuses: ") + pmemobj_errormsg();
        if (errno != EINVAL || !is_helpful())
            return std::string("refused with ") + strerror(errno) + " and '" + pmemobj_errormsg() + "'";
        if (is_only_in_objects() && subject_.is_closed)
            return std::string("refused for bytes of the program's own objects: ") + pmemobj_errormsg();
        ++tally_.refused;
        return "";
    }

    std::string judge_contents(PMEMobjpool* pool, int sound) {
        if (is_only_in_objects() && subject_.is_closed && sound != 1)
            return std::string("pmemobj_check complains about the program's own bytes: ") +
                   pmemobj_errormsg();
        const Contents found = read_contents(pool);
        const auto in_changes = [&](uint64_t offset) { return mutation_.touches(offset, offset + 1); };
        const auto nowhere = [](uint64_t) { return false; };
        if (compare(found, subject_.contents, nowhere).empty()) {
            ++tally_.repaired;
            return "";
        }
        const std::string difference = compare(found, subject_.contents, in_changes);
        if (difference.empty()) {
            ++tally_.own_bytes;
            return "";
        }
        if (!subject_.is_closed && is_without_newest(found, in_changes)) {
            ++tally_.last_was_torn;
            return "";
        }
        if (sound != 1) {
            ++tally_.found_by_check;
            return "";
        }
        return "neither open nor check says anything, but " + difference;
    }

    // Are only transactions missing whose records were damaged, and the records of all later ones too? At page
    // granularity they are missing as a whole; at cache-line granularity some of their changes may have gone home before.
    bool is_without_newest(const Contents& found, const MayDiffer& may_differ) {
        std::vector<Contents> times = {subject_.contents};
        for (size_t i = subject_.last.size(); i-- > 0;) {
            const Subject::Transaction& transaction = subject_.last[i];
            if (!mutation_.touches(transaction.record_begin, transaction.record_end))
                return false;
            missing_from_ = i;
            times.push_back(transaction.before);
            if (subject_.is_page_granularity ? compare(found, transaction.before, may_differ).empty()
                                             : compare_mixed(found, times, may_differ).empty())
                return true;
        }
        return false;
    }
    // Whether an object must exist in what was opened: it did before the transactions that are missing, too.
    bool is_in_all_times(uint64_t offset) const {
        for (size_t i = missing_from_; i < subject_.last.size(); ++i) {
            if (subject_.last[i].before.objects.count(offset) == 0)
                return false;
        }
        return true;
    }

    // Whatever is found can be read, allocated beside, and freed; no object is given out over another.
    std::string use(PMEMobjpool* pool) {
        const Contents before = read_contents(pool);
        for (size_t i = 0; i < 40; ++i) {
            PMEMoid oid = OID_NULL;
            const size_t bytes = i % 8 == 0 ? 20000 : 32 + i * 40;
            if (pmemobj_alloc(pool, &oid, bytes, i % 9, nullptr, nullptr) != 0)
                continue;
            memset(pmemobj_direct(oid), 0xEE, bytes);
            pmemobj_persist(pool, pmemobj_direct(oid), bytes);
            made_.push_back(oid);
        }
        TX_BEGIN(pool) {
            for (size_t i = 0; i < 4; ++i)
                memset(pmemobj_direct(pmemobj_tx_alloc(100 + i * 3000, 3)), 0xEE, 100);
            pmemobj_tx_abort(ECANCELED);
        }
        TX_END
        const char* const base = reinterpret_cast<const char*>(pool);
        for (const auto& [offset, object] : before.objects) {
            if (memcmp(base + offset, object.bytes.data(), object.bytes.size()) != 0)
                return "an object was given out over the one at " + std::to_string(offset);
        }
        for (const auto& [offset, object] : subject_.contents.objects) {
            for (const PMEMoid& oid : made_) {
                if (oid.off < offset + object.bytes.size() &&
                    offset < oid.off + pmemobj_alloc_usable_size(oid) && is_in_all_times(offset))
                    return "an object was given out where a lost one lies, at " + std::to_string(offset);
            }
        }
        for (PMEMoid& oid : made_)
            pmemobj_free(&oid);
        return "";
    }

    const Subject& subject_;
    const Mutation& mutation_;
    const std::string& path_;
    Tally& tally_;
    std::vector<PMEMoid> made_;
    size_t missing_from_ = SIZE_MAX;  // of the last transactions, the first that is not there
};

// A page descriptor's check has 16 bits. What a crash at cache-line granularity may have left of the changes that the log
// names is any part of them, and from some sixteen changed bits on every check is possible: damage to such a
// descriptor cannot be told from that (docs/pool-format.md, "Recovery").
class PageTable {
  public:
    explicit PageTable(const std::string& file) {
        Superblock superblock;
        memcpy(&superblock, file.data(), sizeof superblock);
        Regions regions;
        if (regions.start(superblock.log_offset + superblock.log_bytes, &superblock.created_bytes, 1)) {
            begin_ = regions[0].page_table;
            end_ = regions[0].pages_offset;
        }
    }
    // The changes of the mutation that lie here, if the others lie in objects, where nothing can be told; else none.
    Mutation part_of(const Mutation& mutation, const Contents& contents) const {
        Mutation part;
        for (const auto& [offset, bytes] : mutation.changes) {
            if (offset >= begin_ && offset + bytes.size() <= end_)
                part.changes.emplace_back(offset, bytes);
            else if (!contents.has_in_object(offset, bytes.size()))
                return {};
        }
        return mutation.file_bytes == UINT64_MAX ? part : Mutation();
    }

  private:
    uint64_t begin_ = 0;
    uint64_t end_ = 0;
};

class Fuzz : public ::testing::TestWithParam<std::tuple<bool, bool>> {
  protected:
    void SetUp() override {
        tally_ = static_cast<Tally*>(
            mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        ASSERT_NE(tally_, MAP_FAILED);
    }
    void TearDown() override {
        munmap(tally_, sizeof(Tally));
        unlink(path_.c_str());
        unsetenv("PMEM2_FORCE_GRANULARITY");
    }
    static Mutation mutation_number(uint64_t number, const Mutator& mutator) {
        std::mt19937_64 random(seed() + number * 0x9E3779B97F4A7C15u);
        return mutator.next(random);
    }
    static void apply(const Mutation& mutation, states::ImageFile& file) {
        for (const auto& [offset, bytes] : mutation.changes)
            file.overwrite(offset, bytes);
        if (mutation.file_bytes != UINT64_MAX)
            file.resize(mutation.file_bytes);
    }

    const std::string path_ = "/dev/shm/terrace-fuzz-" + std::to_string(getpid());
    Tally* tally_ = nullptr;
};

TEST_P(Fuzz, OfAPoolIsRefusedOrRepairedOrHarmless) {
    const auto [is_page, is_closed] = GetParam();
    const Subject subject = make_subject(path_, is_page, is_closed, seed());
    const Subject other = make_subject(path_, is_page, true, seed() + 1);
    const Mutator mutator(subject.file, other.file);
    const PageTable page_table(subject.file);
    const char* const seconds = getenv("TERRACE_FUZZ_SECONDS");
    const time_t end = seconds != nullptr ? time(nullptr) + atol(seconds) / 4 : 0;
    fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        // What the library reports about each of thousands of damaged files is not for the screen.
        (void)!freopen("/dev/null", "w", stderr);
        states::ImageFile file(path_, subject.file);
        const auto judge = [&](const Mutation& mutation) {
            apply(mutation, file);
            return Judge(subject, mutation, file.path(), *tally_).judge();
        };
        while (seconds != nullptr ? time(nullptr) < end : tally_->done < kMutations) {
            const Mutation mutation = mutation_number(tally_->done, mutator);
            const std::string fault = judge(mutation);
            if (!fault.empty()) {
                // Is it the damage to the page table, by itself, that cannot be told?
                const Mutation part = page_table.part_of(mutation, subject.contents);
                file.restore();
                if (is_page || is_closed || part.changes.empty() || judge(part).empty()) {
                    snprintf(tally_->fault, sizeof tally_->fault, "%s\n%s", mutation.what.c_str(),
                             fault.c_str());
                    break;
                }
                ++tally_->not_told;
            }
            file.restore();
            if (++tally_->done % 500 == 0 && !file.is_as_guaranteed()) {
                snprintf(tally_->fault, sizeof tally_->fault, "something was written past the seam");
                break;
            }
        }
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    const bool is_crash = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    if (is_crash || tally_->fault[0] != 0) {
        const Mutation mutation = mutation_number(tally_->done, mutator);
        const std::string kept = "/tmp/terrace-fuzz-" + std::to_string(tally_->done) + ".pool";
        {
            states::ImageFile file(path_, subject.file);
            apply(mutation, file);
            file.keep_as(kept);
        }
        ADD_FAILURE() << "mutation " << tally_->done << " of the " << subject.name
                      << " pool: " << mutation.what << "\n"
                      << (is_crash ? "the library ended the process, status " + std::to_string(status)
                                   : std::string(tally_->fault))
                      << "\nkept in " << kept << "; TERRACE_TEST_SEED=" << seed();
    }
    printf(
        "    %-22s %6llu mutations: %llu refused, %llu found by check, %llu repaired or unused, %llu in "
        "objects' "
        "own bytes, %llu without the newest transactions, %llu not told from what the crash left\n",
        subject.name.c_str(), static_cast<unsigned long long>(tally_->done),
        static_cast<unsigned long long>(tally_->refused),
        static_cast<unsigned long long>(tally_->found_by_check),
        static_cast<unsigned long long>(tally_->repaired), static_cast<unsigned long long>(tally_->own_bytes),
        static_cast<unsigned long long>(tally_->last_was_torn),
        static_cast<unsigned long long>(tally_->not_told));
    EXPECT_LE(tally_->not_told * 200, tally_->done) << "more than one mutation in 200";
}

INSTANTIATE_TEST_SUITE_P(Damage, Fuzz, ::testing::Combine(::testing::Bool(), ::testing::Bool()),
                         [](const auto& info) {
                             return std::string(std::get<0>(info.param) ? "Page" : "CacheLine") +
                                    (std::get<1>(info.param) ? "Closed" : "Crashed");
                         });

class PrintSeed : public ::testing::Environment {
  public:
    void SetUp() override { printf("TERRACE_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed())); }
};
const ::testing::Environment* const g_environment = ::testing::AddGlobalTestEnvironment(new PrintSeed);

}  // namespace
}  // namespace terrace::persist::fuzz
