// Settings, statistics and commands by name, from the functions and from the environment.
// Written against libpmemobj.h only; in what a name answers, expectations were held against Debian's libpmemobj.
#include <sys/resource.h>

#include <fstream>
#include <set>
#include <thread>

#include "tests/persist/api_pool.hpp"

namespace terrace::persist::test {
namespace {

template <typename T>
T get(PMEMobjpool* pool, const char* name) {
    T value{};
    EXPECT_EQ(pmemobj_ctl_get(pool, name, &value), 0) << name << ": " << pmemobj_errormsg();
    return value;
}

template <typename T>
int set(PMEMobjpool* pool, const char* name, T value) {
    errno = 0;
    return pmemobj_ctl_set(pool, name, &value);
}

template <typename T>
void expect_refused(PMEMobjpool* pool, const char* name, T value, int error) {
    EXPECT_EQ(set(pool, name, value), -1) << name;
    EXPECT_EQ(errno, error) << name << ": " << pmemobj_errormsg();
}

class Settings : public OpenPool {};
TEST_IN_BOTH_PLACES(Settings);

TEST_P(Settings, NamesThatAreNotThereAreInvalid) {
    int value = 0;
    for (const char* name : {"", "nonsense", "prefault", "prefault.at_opening", "heap.arena.x.size",
                             "heap.arena.1x.size", "heap.alloc_class..desc", "stats.heap."}) {
        errno = 0;
        EXPECT_EQ(pmemobj_ctl_get(pool, name, &value), -1) << name;
        EXPECT_EQ(errno, EINVAL) << name;
        EXPECT_NE(strstr(pmemobj_errormsg(), name), nullptr) << "the message names it";
    }
    EXPECT_EQ(pmemobj_ctl_get(pool, nullptr, &value), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(pmemobj_ctl_get(pool, "stats.enabled", nullptr), -1);
    EXPECT_EQ(errno, EINVAL);
}

TEST_P(Settings, OperationsThatANameHasNotAreInvalid) {
    unsigned value = 0;
    EXPECT_EQ(pmemobj_ctl_set(pool, "heap.narenas.total", &value), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(pmemobj_ctl_exec(pool, "prefault.at_open", &value), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(pmemobj_ctl_get(pool, "heap.arena.create", &value), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(pmemobj_ctl_get(nullptr, "stats.enabled", &value), -1) << "it belongs to a pool";
    EXPECT_EQ(errno, EINVAL);
}

TEST_P(Settings, ValuesOfTheProcessAreKept) {
    for (const char* name :
         {"prefault.at_create", "prefault.at_open", "sds.at_create", "fallocate.at_create"}) {
        const int before = get<int>(nullptr, name);
        EXPECT_EQ(set(nullptr, name, 1 - before), 0);
        EXPECT_EQ(get<int>(pool, name), 1 - before) << name << ", asked with a pool";
        EXPECT_EQ(set(pool, name, before), 0);
    }
    EXPECT_EQ(get<int>(nullptr, "fallocate.at_create"), 1);
    EXPECT_EQ(get<int>(nullptr, "copy_on_write.at_open"), 0);
    expect_refused(nullptr, "heap.arenas_assignment_type", 7, EINVAL);
    expect_refused(nullptr, "heap.arenas_default_max", 0U, EINVAL);
}

// Page faults of reading every page of a pool that was just opened.
long faults_of_reading(PMEMobjpool* pool) {
    rusage before = {};
    rusage after = {};
    getrusage(RUSAGE_SELF, &before);
    for (std::size_t at = 0; at < kPoolSize; at += 4096)
        (void)*(reinterpret_cast<volatile char*>(pool) + at);
    getrusage(RUSAGE_SELF, &after);
    return after.ru_minflt - before.ru_minflt + after.ru_majflt - before.ru_majflt;
}

TEST_P(Settings, APrefaultedPoolHasNoPageFaultsLater) {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "the faults of the sanitizer's shadow are counted too";
#endif
    reopen();
    const long without = faults_of_reading(pool);
    EXPECT_EQ(set(nullptr, "prefault.at_open", 1), 0);
    reopen();
    EXPECT_LT(faults_of_reading(pool), without / 4) << "without: " << without;
    EXPECT_EQ(set(nullptr, "prefault.at_open", 0), 0);
}

TEST_P(Settings, ArenasOfANewPoolAreAsManyAsWasSet) {
    const auto before = get<unsigned>(nullptr, "heap.arenas_default_max");
    EXPECT_GE(before, 1U);
    EXPECT_EQ(set(nullptr, "heap.arenas_default_max", 3U), 0);
    reopen();
    EXPECT_EQ(get<unsigned>(pool, "heap.narenas.automatic"), 3U);
    EXPECT_EQ(get<unsigned>(pool, "heap.narenas.total"), 3U);
    EXPECT_EQ(set(nullptr, "heap.arenas_default_max", before), 0);
}

TEST_P(Settings, AllThreadsShareAnArenaWhereTheAssignmentIsGlobal) {
    EXPECT_EQ(set<int>(nullptr, "heap.arenas_assignment_type", POBJ_ARENAS_ASSIGNMENT_GLOBAL), 0);
    reopen();
    std::set<unsigned> seen;
    for (int i = 0; i < 5; ++i)
        std::thread([&] { seen.insert(get<unsigned>(pool, "heap.thread.arena_id")); }).join();
    EXPECT_EQ(seen, std::set<unsigned>{1});
    EXPECT_EQ(set<int>(nullptr, "heap.arenas_assignment_type", POBJ_ARENAS_ASSIGNMENT_THREAD_KEY), 0);
    reopen();
    for (int i = 0; i < 5; ++i)
        std::thread([&] { seen.insert(get<unsigned>(pool, "heap.thread.arena_id")); }).join();
    EXPECT_GT(seen.size(), 1U);
}

TEST_P(Settings, ArenasAreMadeAndThreadsArePinnedToThem) {
    const auto before = get<unsigned>(pool, "heap.narenas.total");
    unsigned id = 0;
    ASSERT_EQ(pmemobj_ctl_exec(pool, "heap.arena.create", &id), 0) << pmemobj_errormsg();
    EXPECT_EQ(id, before + 1);
    EXPECT_EQ(get<unsigned>(pool, "heap.narenas.total"), before + 1);
    EXPECT_EQ(get<unsigned>(pool, "heap.narenas.automatic"), before);
    const std::string arena = "heap.arena." + std::to_string(id);
    EXPECT_EQ(get<int>(pool, (arena + ".automatic").c_str()), 0);
    EXPECT_EQ(get<std::uint64_t>(pool, (arena + ".size").c_str()), 0U);

    std::thread([&] {
        EXPECT_EQ(set(pool, "heap.thread.arena_id", id), 0);
        EXPECT_EQ(get<unsigned>(pool, "heap.thread.arena_id"), id);
        PMEMoid oid;
        EXPECT_EQ(pmemobj_alloc(pool, &oid, 100, 0, nullptr, nullptr), 0);
    }).join();
    EXPECT_GT(get<std::uint64_t>(pool, (arena + ".size").c_str()), 0U) << "it was allocated there";
    EXPECT_NE(get<unsigned>(pool, "heap.thread.arena_id"), id) << "of another thread";

    expect_refused(pool, "heap.thread.arena_id", 0U, ERANGE);
    expect_refused(pool, "heap.thread.arena_id", id + 1, ERANGE);
    expect_refused(pool, "heap.arena.0.automatic", 1, ERANGE);
    std::uint64_t size;
    EXPECT_EQ(pmemobj_ctl_get(pool, "heap.arena.9999.size", &size), -1);
    EXPECT_EQ(errno, ERANGE);
}

TEST_P(Settings, AnArenaOfTheFlagsIsUsed) {
    unsigned id = 0;
    ASSERT_EQ(pmemobj_ctl_exec(pool, "heap.arena.create", &id), 0);
    PMEMoid oid;
    EXPECT_EQ(pmemobj_xalloc(pool, &oid, 100, 0, POBJ_ARENA_ID(id), nullptr, nullptr), 0)
        << pmemobj_errormsg();
    const std::string size = "heap.arena." + std::to_string(id) + ".size";
    EXPECT_GT(get<std::uint64_t>(pool, size.c_str()), 0U);
    EXPECT_EQ(pmemobj_xalloc(pool, &oid, 100, 0, POBJ_ARENA_ID(id + 1), nullptr, nullptr), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(pmemobj_xalloc(pool, &oid, 1U << 20U, 0, POBJ_ARENA_ID(id + 1), nullptr, nullptr), -1)
        << "a large object has no arena, and the flag is wrong all the same";
}

TEST_P(Settings, OneArenaStaysAutomatic) {
    const auto count = get<unsigned>(pool, "heap.narenas.automatic");
    const auto name = [](unsigned id) { return "heap.arena." + std::to_string(id) + ".automatic"; };
    for (unsigned id = 1; id < count; ++id)
        EXPECT_EQ(set(pool, name(id).c_str(), 0), 0);
    EXPECT_EQ(get<unsigned>(pool, "heap.narenas.automatic"), 1U);
    expect_refused(pool, name(count).c_str(), 0, EINVAL);
    std::thread([&] { EXPECT_EQ(get<unsigned>(pool, "heap.thread.arena_id"), count); }).join();
    PMEMoid oid;
    EXPECT_EQ(pmemobj_alloc(pool, &oid, 100, 0, nullptr, nullptr), 0);
    EXPECT_GT(get<std::uint64_t>(pool, ("heap.arena." + std::to_string(count) + ".size").c_str()), 0U);
}

TEST_P(Settings, TheNumberOfArenasHasALimit) {
    EXPECT_EQ(get<unsigned>(pool, "heap.narenas.max"), 1024U);
    const auto count = get<unsigned>(pool, "heap.narenas.total");
    expect_refused(pool, "heap.narenas.max", count - 1, EINVAL);
    EXPECT_EQ(set(pool, "heap.narenas.max", count), 0);
    unsigned id = 0;
    EXPECT_EQ(pmemobj_ctl_exec(pool, "heap.arena.create", &id), -1);
    EXPECT_EQ(errno, ENOMEM);
}

TEST_P(Settings, ManyThreadsChangeArenasAndAllocate) {
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 4; ++t) {
        threads.emplace_back([this, t] {
            for (unsigned i = 0; i < 200; ++i) {
                const unsigned total = get<unsigned>(pool, "heap.narenas.total");
                EXPECT_EQ(set(pool, "heap.thread.arena_id", (t * 31 + i) % total + 1), 0);
                PMEMoid oid;
                EXPECT_EQ(pmemobj_alloc(pool, &oid, 64, t, nullptr, nullptr), 0);
                if (i % 50 == 0) {
                    unsigned id;
                    EXPECT_EQ(pmemobj_ctl_exec(pool, "heap.arena.create", &id), 0);
                }
                pmemobj_free(&oid);
            }
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(objects(), 0);
}

TEST_P(Settings, NumbersOfTransactionsAndGrowthAreChecked) {
    EXPECT_EQ(get<long long>(pool, "tx.cache.size"), 32768);
    EXPECT_EQ(set<long long>(pool, "tx.cache.size", 0), 0);
    expect_refused<long long>(pool, "tx.cache.size", -1, EINVAL);
    EXPECT_EQ(set<long long>(pool, "tx.cache.size", PMEMOBJ_MAX_ALLOC_SIZE), 0);
    expect_refused<long long>(pool, "tx.cache.size", PMEMOBJ_MAX_ALLOC_SIZE + 1, EINVAL);
    EXPECT_EQ(get<std::uint64_t>(pool, "heap.size.granularity"), 128ULL << 20);
    EXPECT_EQ(set<std::uint64_t>(pool, "heap.size.granularity", 0), 0);
    expect_refused<std::uint64_t>(pool, "heap.size.granularity", PMEMOBJ_MIN_PART - 1, EINVAL);
    EXPECT_EQ(set<std::uint64_t>(pool, "heap.size.granularity", PMEMOBJ_MIN_PART), 0);
    std::uint64_t bytes = PMEMOBJ_MIN_PART - 1;
    EXPECT_EQ(pmemobj_ctl_exec(pool, "heap.size.extend", &bytes), -1);
    EXPECT_EQ(errno, EINVAL);
    reopen();
    EXPECT_EQ(get<long long>(pool, "tx.cache.size"), 32768) << "forgotten at close";
}

TEST_P(Settings, APoolGrowsByCommand) {
    PMEMoid oid;
    EXPECT_EQ(pmemobj_alloc(pool, &oid, kPoolSize, 0, nullptr, nullptr), -1);
    std::uint64_t bytes = 2 * kPoolSize;
    ASSERT_EQ(pmemobj_ctl_exec(pool, "heap.size.extend", &bytes), 0) << pmemobj_errormsg();
    EXPECT_EQ(pmemobj_alloc(pool, &oid, kPoolSize, 0, nullptr, nullptr), 0) << pmemobj_errormsg();
}

TEST_P(Settings, OldNamesAreAccepted) {
    EXPECT_EQ(set<long long>(pool, "tx.cache.threshold", 5), 0);
    EXPECT_EQ(get<long long>(pool, "tx.cache.threshold"), 0);
    EXPECT_EQ(set(pool, "tx.post_commit.queue_depth", 5), 0);
    EXPECT_EQ(get<int>(pool, "tx.post_commit.queue_depth"), 0);
    EXPECT_EQ(pmemobj_ctl_get(pool, "tx.post_commit.worker", nullptr), 0);
    EXPECT_EQ(pmemobj_ctl_get(pool, "tx.post_commit.stop", nullptr), 0);
    EXPECT_EQ(set(pool, "tx.debug.skip_expensive_checks", 1), 0);
    EXPECT_EQ(get<int>(pool, "tx.debug.skip_expensive_checks"), 1);
}

TEST_P(Settings, StatisticsCountObjects) {
    EXPECT_EQ(get<int>(pool, "stats.enabled"), POBJ_STATS_ENABLED_TRANSIENT);
    EXPECT_EQ(set<int>(pool, "stats.enabled", POBJ_STATS_ENABLED_BOTH), 0);
    EXPECT_EQ(get<int>(pool, "stats.enabled"), POBJ_STATS_ENABLED_BOTH);
    expect_refused<int>(pool, "stats.enabled", 9, EINVAL);
    const auto before = get<std::uint64_t>(pool, "stats.heap.curr_allocated");
    PMEMoid small;
    PMEMoid large;
    ASSERT_EQ(pmemobj_alloc(pool, &small, 100, 0, nullptr, nullptr), 0);
    ASSERT_EQ(pmemobj_alloc(pool, &large, 300000, 0, nullptr, nullptr), 0);
    const std::size_t small_bytes = pmemobj_alloc_usable_size(small);
    const std::size_t large_bytes = pmemobj_alloc_usable_size(large);
    EXPECT_EQ(get<std::uint64_t>(pool, "stats.heap.curr_allocated") - before, small_bytes + large_bytes);
    EXPECT_EQ(get<std::uint64_t>(pool, "stats.heap.run_allocated"), small_bytes);
    EXPECT_GE(get<std::uint64_t>(pool, "stats.heap.run_active"), small_bytes);
    reopen();
    EXPECT_EQ(get<std::uint64_t>(pool, "stats.heap.curr_allocated") - before, small_bytes + large_bytes);
    pmemobj_free(&small);
    pmemobj_free(&large);
    EXPECT_EQ(get<std::uint64_t>(pool, "stats.heap.curr_allocated"), before);
}

TEST_P(Settings, NewObjectsAreFilledWithAPattern) {
    const auto first_byte = [](PMEMoid oid) { return *static_cast<unsigned char*>(pmemobj_direct(oid)); };
    EXPECT_EQ(get<int>(pool, "debug.heap.alloc_pattern"), -1);
    EXPECT_EQ(set(pool, "debug.heap.alloc_pattern", 0x5a), 0);
    EXPECT_EQ(get<int>(pool, "debug.heap.alloc_pattern"), 0x5a);
    PMEMoid oid;
    ASSERT_EQ(pmemobj_alloc(pool, &oid, 100, 0, nullptr, nullptr), 0);
    const auto* bytes = static_cast<unsigned char*>(pmemobj_direct(oid));
    EXPECT_EQ(std::set<unsigned char>(bytes, bytes + pmemobj_alloc_usable_size(oid)),
              std::set<unsigned char>{0x5a});
    ASSERT_EQ(pmemobj_zalloc(pool, &oid, 100, 0), 0);
    EXPECT_EQ(first_byte(oid), 0) << "zeroes were asked for";
    TX_BEGIN(pool) {
        EXPECT_EQ(first_byte(pmemobj_tx_alloc(100000, 0)), 0x5a);
        EXPECT_EQ(first_byte(pmemobj_tx_zalloc(100, 0)), 0);
    }
    TX_END
    pobj_action action;
    EXPECT_EQ(first_byte(pmemobj_reserve(pool, &action, 100, 0)), 0x5a);
    pmemobj_cancel(pool, &action, 1);
}

// ---- classes of allocations ----

class AllocationClasses : public OpenPool {
  protected:
    unsigned make(std::size_t unit, std::size_t alignment, unsigned units, pobj_header_type header) {
        pobj_alloc_class_desc description = {unit, alignment, units, header, 0};
        EXPECT_EQ(pmemobj_ctl_set(pool, "heap.alloc_class.new.desc", &description), 0) << pmemobj_errormsg();
        return description.class_id;
    }
    PMEMoid allocate(unsigned id, std::size_t size) {
        PMEMoid oid = OID_NULL;
        errno = 0;
        pmemobj_xalloc(pool, &oid, size, 7, POBJ_CLASS_ID(id), nullptr, nullptr);
        return oid;
    }
};
TEST_IN_BOTH_PLACES(AllocationClasses);

TEST_P(AllocationClasses, AreMadeAndRead) {
    const unsigned id = make(500, 0, 1000, POBJ_HEADER_COMPACT);
    EXPECT_GE(id, 1U);
    EXPECT_LE(id, 254U);
    pobj_alloc_class_desc description = {};
    const std::string name = "heap.alloc_class." + std::to_string(id) + ".desc";
    ASSERT_EQ(pmemobj_ctl_get(pool, name.c_str(), &description), 0);
    EXPECT_EQ(description.unit_size, 500U);
    EXPECT_EQ(description.alignment, 0U);
    EXPECT_GE(description.units_per_block, 1000U);
    EXPECT_EQ(description.header_type, POBJ_HEADER_COMPACT);
    EXPECT_EQ(description.class_id, id);

    EXPECT_EQ(pmemobj_ctl_set(pool, name.c_str(), &description), -1) << "taken";
    EXPECT_EQ(errno, EEXIST);
    EXPECT_EQ(pmemobj_ctl_get(pool, "heap.alloc_class.0.desc", &description), 0);
    EXPECT_EQ(pmemobj_ctl_get(pool, "heap.alloc_class.253.desc", &description), -1);
    EXPECT_EQ(errno, ENOENT);
    EXPECT_EQ(pmemobj_ctl_get(pool, "heap.alloc_class.255.desc", &description), -1);
    EXPECT_EQ(errno, ERANGE);
    EXPECT_EQ(pmemobj_ctl_get(pool, "heap.alloc_class.-1.desc", &description), -1);
    EXPECT_EQ(errno, ERANGE);
    reopen();
    EXPECT_EQ(pmemobj_ctl_get(pool, name.c_str(), &description), -1) << "forgotten at close";
}

TEST_P(AllocationClasses, ThatAreImpossibleAreRefused) {
    const pobj_alloc_class_desc impossible[] = {{0, 0, 1000, POBJ_HEADER_NONE, 0},
                                                {PMEMOBJ_MAX_ALLOC_SIZE + 1, 0, 1, POBJ_HEADER_NONE, 0},
                                                {100, 0, 0, POBJ_HEADER_NONE, 0},
                                                {1024, 500, 10, POBJ_HEADER_NONE, 0},
                                                {4U << 20U, 4U << 20U, 10, POBJ_HEADER_NONE, 0},
                                                {100, 0, 10, MAX_POBJ_HEADER_TYPES, 0}};
    for (pobj_alloc_class_desc description : impossible) {
        EXPECT_EQ(pmemobj_ctl_set(pool, "heap.alloc_class.new.desc", &description), -1)
            << description.unit_size;
        EXPECT_EQ(errno, EINVAL);
    }
    make(512, 0, 100, POBJ_HEADER_NONE);
    pobj_alloc_class_desc again = {512, 0, 100, POBJ_HEADER_NONE, 0};
    EXPECT_EQ(pmemobj_ctl_set(pool, "heap.alloc_class.200.desc", &again), -1) << "the same class exists";
    EXPECT_EQ(errno, EINVAL);
}

TEST_P(AllocationClasses, RunOutOfIds) {
    int made = 0;
    for (;; ++made) {
        pobj_alloc_class_desc description = {64 + static_cast<std::size_t>(made) * 8, 0, 10, POBJ_HEADER_NONE,
                                             0};
        if (pmemobj_ctl_set(pool, "heap.alloc_class.new.desc", &description) != 0)
            break;
    }
    EXPECT_EQ(errno, EINVAL);
    EXPECT_GE(made, 100);
}

TEST_P(AllocationClasses, GiveWholeUnits) {
    const unsigned compact = make(1000, 0, 500, POBJ_HEADER_COMPACT);
    EXPECT_GE(pmemobj_alloc_usable_size(allocate(compact, 10)), 984U);
    EXPECT_GE(pmemobj_alloc_usable_size(allocate(compact, 984)), 984U);
    EXPECT_GE(pmemobj_alloc_usable_size(allocate(compact, 985)), 1984U);
    EXPECT_GE(pmemobj_alloc_usable_size(allocate(compact, 64 * 1000 - 16)), 64U * 1000 - 16);
    EXPECT_TRUE(OID_IS_NULL(allocate(compact, 64 * 1000)));
    EXPECT_EQ(errno, EINVAL);

    const unsigned none = make(256, 0, 500, POBJ_HEADER_NONE);
    EXPECT_GE(pmemobj_alloc_usable_size(allocate(none, 1)), 256U);
    EXPECT_TRUE(OID_IS_NULL(allocate(none, 257))) << "without a header an object is one unit";
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(pmemobj_type_num(allocate(none, 1)), 7U);
}

TEST_P(AllocationClasses, Align) {
    for (const std::size_t alignment : {32UL, 64UL, 512UL, 4096UL, 65536UL}) {
        const unsigned id = make(2 * alignment, alignment, 4, POBJ_HEADER_COMPACT);
        for (int i = 0; i < 3; ++i) {
            void* const object = pmemobj_direct(allocate(id, 10));
            ASSERT_NE(object, nullptr) << pmemobj_errormsg();
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(object) % alignment, 0U) << alignment;
        }
    }
}

TEST_P(AllocationClasses, ThatDoNotExistAreInvalid) {
    EXPECT_TRUE(OID_IS_NULL(allocate(250, 10)));
    EXPECT_EQ(errno, EINVAL);
    EXPECT_TRUE(OID_IS_NULL(allocate(0xffff, 10)));
    EXPECT_EQ(errno, EINVAL);
    pobj_action action;
    EXPECT_TRUE(OID_IS_NULL(pmemobj_xreserve(pool, &action, 10, 0, POBJ_CLASS_ID(250))));
    EXPECT_EQ(errno, EINVAL);
    volatile int error = 0;
    TX_BEGIN(pool) {
        pmemobj_tx_xalloc(10, 0, POBJ_CLASS_ID(250));
    }
    TX_ONABORT {
        error = errno;
    }
    TX_END
    EXPECT_EQ(error, EINVAL);
}

TEST_P(AllocationClasses, WorkInTransactionsAndReservations) {
    const unsigned id = make(4096, 4096, 10, POBJ_HEADER_COMPACT);
    TX_BEGIN(pool) {
        EXPECT_EQ(
            reinterpret_cast<std::uintptr_t>(pmemobj_direct(pmemobj_tx_xalloc(10, 0, POBJ_CLASS_ID(id)))) %
                4096,
            0U);
    }
    TX_END
    pobj_action action;
    const PMEMoid reserved = pmemobj_xreserve(pool, &action, 10, 3, POBJ_CLASS_ID(id));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pmemobj_direct(reserved)) % 4096, 0U);
    EXPECT_EQ(pmemobj_publish(pool, &action, 1), 0);
    EXPECT_EQ(objects(), 2);
}

// ---- the environment ----

class Environment : public testing::TestWithParam<Place> {
  protected:
    void TearDown() override {
        unsetenv("PMEMOBJ_CONF");
        unsetenv("PMEMOBJ_CONF_FILE");
    }
    PMEMobjpool* create() { return pmemobj_create(file.path(), kLayout, PMEMOBJ_MIN_POOL, 0600); }
    PoolFile file{GetParam()};
};
TEST_IN_BOTH_PLACES(Environment);

TEST_P(Environment, SetsUpEveryPool) {
    setenv("PMEMOBJ_CONF",
           "heap.alloc_class.128.desc=500,0,1000,compact;tx.cache.size=4096;stats.enabled=both;"
           "debug.heap.alloc_pattern=7;;heap.narenas.max=77",
           1);
    for (const bool is_new : {true, false}) {
        PMEMobjpool* pool = is_new ? create() : pmemobj_open(file.path(), kLayout);
        ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
        pobj_alloc_class_desc description = {};
        EXPECT_EQ(pmemobj_ctl_get(pool, "heap.alloc_class.128.desc", &description), 0);
        EXPECT_EQ(description.unit_size, 500U);
        EXPECT_EQ(get<long long>(pool, "tx.cache.size"), 4096);
        EXPECT_EQ(get<int>(pool, "stats.enabled"), POBJ_STATS_ENABLED_BOTH);
        EXPECT_EQ(get<int>(pool, "debug.heap.alloc_pattern"), 7);
        EXPECT_EQ(get<unsigned>(pool, "heap.narenas.max"), 77U);
        pmemobj_close(pool);
    }
}

TEST_P(Environment, ThatIsWrongMakesOpeningFail) {
    const char* const wrong[] = {"prefault.at_opn=1",
                                 "prefault.at_open",
                                 "prefault.at_open=",
                                 "=5",
                                 "prefault.at_open=x",
                                 "prefault.at_open=1=2",
                                 "stats.enabled=foo",
                                 "stats.heap.curr_allocated=1",
                                 "heap.arena.create=1",
                                 "heap.alloc_class.1.desc=500,0,1000,compact",
                                 "heap.alloc_class.128.desc=500,0,1000",
                                 "heap.alloc_class.128.desc=500,0,1000,foo",
                                 "heap.alloc_class.128.desc=500,3,1000,none",
                                 "heap.arenas_assignment_type=foo",
                                 "tx.cache.size=100x",
                                 "tx.cache.size=-1",
                                 "heap.size.granularity=5"};
    for (const char* entry : wrong) {
        setenv("PMEMOBJ_CONF", entry, 1);
        errno = 0;
        EXPECT_EQ(create(), nullptr) << entry;
        EXPECT_NE(errno, 0) << entry;
        EXPECT_NE(strstr(pmemobj_errormsg(), std::string(entry).substr(0, strcspn(entry, "=")).c_str()),
                  nullptr)
            << "the message names the entry: " << pmemobj_errormsg();
        EXPECT_FALSE(file.exists()) << entry;
    }
    unsetenv("PMEMOBJ_CONF");
    PMEMobjpool* pool = create();
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    pmemobj_close(pool);
    setenv("PMEMOBJ_CONF", "nonsense=1", 1);
    EXPECT_EQ(pmemobj_open(file.path(), kLayout), nullptr);
    EXPECT_EQ(errno, EINVAL);
    unsetenv("PMEMOBJ_CONF");
    pool = pmemobj_open(file.path(), kLayout);
    ASSERT_NE(pool, nullptr) << "it is not open: " << pmemobj_errormsg();
    pmemobj_close(pool);
}

TEST_P(Environment, MayBeAFileWithComments) {
    const std::string name = std::string(file.path()) + ".conf";
    std::ofstream(name) << "# classes\ntx.cache.size = 8192; # bytes; not kilobytes\n"
                           "heap.alloc_class.200.desc=64,0,100,none;\n";
    setenv("PMEMOBJ_CONF_FILE", name.c_str(), 1);
    PMEMobjpool* pool = create();
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    EXPECT_EQ(get<long long>(pool, "tx.cache.size"), 8192);
    pobj_alloc_class_desc description = {};
    EXPECT_EQ(pmemobj_ctl_get(pool, "heap.alloc_class.200.desc", &description), 0);
    pmemobj_close(pool);

    std::ofstream(name) << "tx.cache.sise=1";
    EXPECT_EQ(pmemobj_open(file.path(), kLayout), nullptr);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_NE(strstr(pmemobj_errormsg(), "tx.cache.sise"), nullptr) << pmemobj_errormsg();
    unlink(name.c_str());
    EXPECT_EQ(pmemobj_open(file.path(), kLayout), nullptr) << "the file is gone";
    EXPECT_EQ(errno, ENOENT);
    EXPECT_NE(strstr(pmemobj_errormsg(), name.c_str()), nullptr) << pmemobj_errormsg();
}

TEST_P(Environment, ThatSaysNothingIsFine) {
    setenv("PMEMOBJ_CONF", "", 1);
    setenv("PMEMOBJ_CONF_FILE", "", 1);
    PMEMobjpool* pool = create();
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    pmemobj_close(pool);
}

}  // namespace
}  // namespace terrace::persist::test
