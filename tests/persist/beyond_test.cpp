// libpmemobj/beyond.h: opening with flags, copies beside the original, growing, figures, commits without waiting.
#include <errno.h>
#include <fcntl.h>
#include <libpmemobj/beyond.h>
#include <string.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "persist/pool/format/media_layout.hpp"
#include "persist/pool/medium.hpp"
#include "tests/persist/engine_support.hpp"

namespace terrace::persist::testing {
namespace {

constexpr size_t kMiB = 1 << 20;

class Beyond : public PoolTest {
  protected:
    void TearDown() override {
        observe_files(nullptr);
        PoolTest::TearDown();
        unlink(copy_path().c_str());
    }
    std::string copy_path() const { return path_ + "-copy"; }
    uint64_t file_bytes() const {
        struct stat status {};
        stat(path_.c_str(), &status);
        return static_cast<uint64_t>(status.st_size);
    }
    pobj_space space() {
        pobj_space space{};
        EXPECT_EQ(pmemobj_space(pool_, &space, sizeof space), 0) << pmemobj_errormsg();
        return space;
    }
    PMEMoid allocate(size_t bytes, uint64_t type = 1) {
        PMEMoid oid = OID_NULL;
        pmemobj_zalloc(pool_, &oid, bytes, type);
        return oid;
    }
    void expect_sound() { EXPECT_EQ(pmemobj_check(path_.c_str(), "test"), 1) << pmemobj_errormsg(); }
};

// ---- growing ----

TEST_P(Beyond, APoolGrowsAndKeepsWhatItHas) {
    create();
    auto* word = root<uint64_t>();
    *word = 42;
    pmemobj_persist(pool_, word, sizeof *word);
    EXPECT_EQ(allocate(12 * kMiB).off, 0u);
    const uint64_t before = space().heap_bytes;
    ASSERT_EQ(pmemobj_extend(pool_, 16 * kMiB), 0) << pmemobj_errormsg();
    EXPECT_EQ(file_bytes(), 24 * kMiB);
    EXPECT_GE(space().heap_bytes, before + 15 * kMiB);
    const PMEMoid large = allocate(12 * kMiB, 7);
    ASSERT_NE(large.off, 0u) << pmemobj_errormsg();
    EXPECT_GE(large.off, 8 * kMiB);
    auto* bytes = static_cast<char*>(pmemobj_direct(large));
    memset(bytes, 7, 12 * kMiB);
    pmemobj_persist(pool_, bytes, 12 * kMiB);
    EXPECT_EQ(pmemobj_pool_by_ptr(bytes + 12 * kMiB - 1), pool_);
    crash_and_open();
    EXPECT_EQ(*root<uint64_t>(), 42u);
    EXPECT_EQ(count_objects(), 1u);
    EXPECT_EQ(pmemobj_type_num(large), 7u);
    EXPECT_EQ(static_cast<char*>(pmemobj_direct(large))[12 * kMiB - 1], 7);
    ASSERT_EQ(pmemobj_extend(pool_, 1), 0);
    EXPECT_EQ(file_bytes(), 26 * kMiB);
    close();
    expect_sound();
    open();
    EXPECT_EQ(space().pool_bytes, 26 * kMiB);
}

TEST_P(Beyond, APoolGrowsUnderThreadsThatAllocate) {
    create();
    std::atomic<int> failures{0};
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    std::atomic<size_t> count{0};
    for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&, t] {
            std::mt19937_64 random(static_cast<uint64_t>(t));
            while (!stop) {
                PMEMoid oid;
                if (pmemobj_zalloc(pool_, &oid, 1 + random() % 3000, 1) == 0)
                    ++count;
                else if (errno != ENOMEM)
                    ++failures;
                else
                    std::this_thread::yield();
            }
        });
    }
    for (int i = 0; i < 6; ++i)
        ASSERT_EQ(pmemobj_extend(pool_, 2 * kMiB), 0) << pmemobj_errormsg();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    stop = true;
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(failures, 0);
    crash_and_open();
    EXPECT_EQ(count_objects(), count);
}

TEST_P(Beyond, APoolGrowsByItselfUpToItsLimit) {
    create();
    uint64_t limit = 20 * kMiB;
    uint64_t step = 4 * kMiB;
    ASSERT_EQ(pmemobj_ctl_set(pool_, "heap.size.limit", &limit), 0) << pmemobj_errormsg();
    ASSERT_EQ(pmemobj_ctl_set(pool_, "heap.size.granularity", &step), 0) << pmemobj_errormsg();
    uint64_t bytes = 0;
    while (allocate(10000).off != 0)
        bytes += 10000;
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_GT(bytes, 15 * kMiB);
    EXPECT_LE(file_bytes(), limit);
    EXPECT_GT(file_bytes(), 18 * kMiB);
    const PMEMoid larger_root = pmemobj_root(pool_, 3 * kMiB);
    EXPECT_EQ(larger_root.off, 0u);
    limit = 64 * kMiB;
    ASSERT_EQ(pmemobj_ctl_set(pool_, "heap.size.limit", &limit), 0);
    EXPECT_NE(pmemobj_root(pool_, 3 * kMiB).off, 0u) << pmemobj_errormsg();
    EXPECT_NE(allocate(20 * kMiB).off, 0u) << "one object that is larger than a step";
    close();
    expect_sound();
}

TEST_P(Beyond, GrowingIsRefusedWithAReason) {
    create();
    EXPECT_EQ(pmemobj_extend(pool_, 0), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(pmemobj_extend(pool_, SIZE_MAX), -1);
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_EQ(file_bytes(), 8 * kMiB);
    for (int i = 1; i < 64; ++i)
        ASSERT_EQ(pmemobj_extend(pool_, 1), 0) << i << " " << pmemobj_errormsg();
    EXPECT_EQ(pmemobj_extend(pool_, 1), -1);
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_NE(strstr(pmemobj_errormsg(), "63 times"), nullptr) << pmemobj_errormsg();
    while (allocate(100000).off != 0) {
    }
    crash_and_open();
    close();
    expect_sound();
}

TEST_P(Beyond, GrowingOnAFullMediumChangesNothing) {
    create();
    const PMEMoid kept = allocate(1000);
    static const FileObserver full{[](void*, int, const void*, size_t, uint64_t) { return ENOSPC; },
                                   [](void*, int) { return 0; }, nullptr};
    observe_files(&full);
    EXPECT_EQ(pmemobj_extend(pool_, 4 * kMiB), -1);
    EXPECT_EQ(errno, ENOSPC);
    observe_files(nullptr);
    EXPECT_EQ(space().pool_bytes, 8 * kMiB);
    EXPECT_EQ(allocate(12 * kMiB).off, 0u);
    ASSERT_EQ(pmemobj_extend(pool_, 16 * kMiB), 0);
    EXPECT_NE(allocate(12 * kMiB).off, 0u);
    crash_and_open();
    EXPECT_EQ(pmemobj_first(pool_).off, kept.off);
}

TEST_P(Beyond, AnObjectMayNotReachFromOneRegionIntoTheNext) {
    create();
    ASSERT_EQ(pmemobj_extend(pool_, 8 * kMiB), 0);
    const PMEMoid a = allocate(5 * kMiB);
    const PMEMoid b = allocate(5 * kMiB);
    ASSERT_NE(a.off, 0u);
    ASSERT_NE(b.off, 0u);
    EXPECT_EQ(allocate(5 * kMiB).off, 0u);
    // The tables between the two are nobody's object.
    int error = 0;
    TX_BEGIN(pool_) {
        error =
            pmemobj_tx_xadd_range_direct(reinterpret_cast<char*>(pool_) + 8 * kMiB, 64, POBJ_XADD_NO_ABORT);
    }
    TX_END
    EXPECT_EQ(error, EINVAL);
}

// ---- opening ----

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

// ---- copies ----

struct Node {
    PMEMoid next;
    uint64_t value;
};

// A list of a few nodes whose names are inside the pool, one of them at an odd address.
struct ListRoot {
    PMEMoid first;
    char odd;
    char name[sizeof(PMEMoid)];
};

void make_list(PMEMobjpool* pool,
               ListRoot* list){TX_BEGIN(pool){pmemobj_tx_add_range_direct(list, sizeof *list);
for (uint64_t i = 0; i < 10; ++i) {
    const PMEMoid node = pmemobj_tx_zalloc(i % 2 == 0 ? sizeof(Node) : 200000, 1);
    *static_cast<Node*>(pmemobj_direct(node)) = {list->first, i};
    list->first = node;
}
memcpy(list->name, &list->first, sizeof list->first);
}  // namespace
TX_ONABORT {
    ADD_FAILURE() << pmemobj_errormsg();
}
TX_END
}  // namespace terrace::persist::testing

uint64_t sum_of_list(const PMEMobjpool* pool, const ListRoot* list) {
    uint64_t sum = 0;
    for (PMEMoid oid = list->first; oid.off != 0;) {
        EXPECT_EQ(pmemobj_pool_by_oid(oid), pool);
        const auto* node = static_cast<const Node*>(pmemobj_direct(oid));
        sum += node->value;
        oid = node->next;
    }
    PMEMoid odd;
    memcpy(&odd, list->name, sizeof odd);
    EXPECT_EQ(pmemobj_pool_by_oid(odd), pool);
    return sum;
}

TEST_P(Beyond, ACopyOpensBesideTheOriginal) {
    create();
    make_list(pool_, root<ListRoot>());
    ASSERT_EQ(pmemobj_extend(pool_, 4 * kMiB), 0);
    write_file(copy_path(), read_file(path_));
    PMEMobjpool* copy = pmemobj_open(copy_path().c_str(), "test");
    ASSERT_NE(copy, nullptr) << pmemobj_errormsg();
    auto* copied = static_cast<ListRoot*>(pmemobj_direct(pmemobj_root(copy, sizeof(ListRoot))));
    EXPECT_EQ(sum_of_list(copy, copied), 45u);
    EXPECT_EQ(sum_of_list(pool_, root<ListRoot>()), 45u);
    auto* node = static_cast<Node*>(pmemobj_direct(copied->first));
    TX_BEGIN(copy) {
        TX_ADD_DIRECT(&node->value);
        node->value += 1000;
    }
    TX_END
    EXPECT_EQ(sum_of_list(pool_, root<ListRoot>()), 45u);
    pmemobj_close(copy);
    EXPECT_EQ(pmemobj_check(copy_path().c_str(), "test"), 1) << pmemobj_errormsg();
    // From now on it is a pool of its own, which needs no such step.
    const std::string image = read_file(copy_path());
    copy = pmemobj_open(copy_path().c_str(), "test");
    ASSERT_NE(copy, nullptr) << pmemobj_errormsg();
    copied = static_cast<ListRoot*>(pmemobj_direct(pmemobj_root(copy, sizeof(ListRoot))));
    EXPECT_EQ(sum_of_list(copy, copied), 1045u);
    pmemobj_close(copy);
    close();
    expect_sound();
}

TEST_P(Beyond, AReaderOfACopyTellsItApartInMemory) {
    create();
    make_list(pool_, root<ListRoot>());
    write_file(copy_path(), read_file(path_));
    const std::string image = read_file(copy_path());
    PMEMobjpool* copy = pmemobj_xopen(copy_path().c_str(), "test", POBJ_OPEN_READ_ONLY);
    ASSERT_NE(copy, nullptr) << pmemobj_errormsg();
    auto* copied = static_cast<ListRoot*>(pmemobj_direct(pmemobj_root(copy, 0)));
    EXPECT_EQ(sum_of_list(copy, copied), 45u);
    EXPECT_EQ(sum_of_list(pool_, root<ListRoot>()), 45u);
    pmemobj_close(copy);
    EXPECT_TRUE(read_file(copy_path()) == image);
}

TEST_P(Beyond, AReaderOfACopyFindsNamesThatAreOnlyInItsLog) {
    struct Large {
        char unused[100000];
        PMEMoid name;
    };
    create();
    auto* const list = root<ListRoot>();
    ASSERT_EQ(pmemobj_zalloc(pool_, &list->first, sizeof(Large), 1), 0);
    std::string image = read_file(path_);
    auto* const large = static_cast<Large*>(pmemobj_direct(list->first));
    TX_BEGIN(pool_) {
        TX_ADD_DIRECT(&large->name);
        large->name = list->first;
    }
    TX_END
    // As after a power loss that left the record and not its home, which is a hole of the file.
    image.replace(kLogOffset, 1 << 20, read_file(path_), kLogOffset, 1 << 20);
    // Not in memory, where reading a hole fills it.
    const std::string path = ::testing::TempDir() + "terrace-copy-" + std::to_string(getpid());
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ASSERT_EQ(ftruncate(file, static_cast<off_t>(image.size())), 0);
    const std::string hole(kPageBytes, '\0');
    for (size_t at = 0; at < image.size(); at += kPageBytes) {
        if (image.compare(at, kPageBytes, hole) != 0) {
            ASSERT_EQ(pwrite(file, &image[at], kPageBytes, static_cast<off_t>(at)), kPageBytes);
        }
    }
    ::close(file);
    PMEMobjpool* copy = pmemobj_xopen(path.c_str(), "test", POBJ_OPEN_READ_ONLY);
    ASSERT_NE(copy, nullptr) << pmemobj_errormsg();
    const auto* copied = static_cast<ListRoot*>(pmemobj_direct(pmemobj_root(copy, 0)));
    EXPECT_EQ(pmemobj_pool_by_oid(copied->first), copy);
    EXPECT_EQ(pmemobj_pool_by_oid(static_cast<Large*>(pmemobj_direct(copied->first))->name), copy);
    pmemobj_close(copy);
    unlink(path.c_str());
}

TEST_P(Beyond, ACrashWhileACopyIsToldApartIsFinishedByTheNextOpen) {
    create();
    make_list(pool_, root<ListRoot>());
    const std::string image = read_file(path_);
    for (int event = 1; event < 1000; ++event) {
        write_file(copy_path(), image);
        const int status = in_child([&] {
            // This process's pools are a forked child's; their identities are still known.
            static int left;
            left = event;
            static const FileObserver dying{
                [](void*, int file, const void* source, size_t bytes, uint64_t offset) {
                    if (--left == 0) {
                        (void)!pwrite(file, source, bytes / 2, static_cast<off_t>(offset));
                        _exit(0);
                    }
                    return 0;
                },
                [](void*, int) {
                    if (--left == 0)
                        _exit(0);
                    return 0;
                },
                nullptr};
            observe_files(&dying);
            _exit(pmemobj_open(copy_path().c_str(), "test") != nullptr ? 1 : 2);
        });
        ASSERT_NE(WEXITSTATUS(status), 2);
        for (const unsigned flags : {POBJ_OPEN_READ_ONLY, POBJ_OPEN_COPY_ON_WRITE, 0u}) {
            PMEMobjpool* copy = pmemobj_xopen(copy_path().c_str(), "test", flags);
            if (copy == nullptr && flags != 0 && errno == EINVAL)
                continue;  // a copy of the superblock is torn, which only a writer may repair
            ASSERT_NE(copy, nullptr) << event << " " << pmemobj_errormsg();
            auto* copied = static_cast<ListRoot*>(pmemobj_direct(pmemobj_root(copy, 0)));
            EXPECT_EQ(sum_of_list(copy, copied), 45u) << event << " with flags " << flags;
            pmemobj_close(copy);
        }
        if (WEXITSTATUS(status) == 1 || HasFailure())
            break;
    }
}

// ---- figures ----

TEST_P(Beyond, FiguresAddUp) {
    create(32 * kMiB);
    const pobj_space empty = space();
    EXPECT_EQ(empty.pool_bytes, 32 * kMiB);
    EXPECT_EQ(empty.objects, 0u);
    EXPECT_EQ(empty.free_bytes, empty.heap_bytes);
    EXPECT_EQ(empty.largest_free_bytes, empty.heap_bytes);
    std::vector<PMEMoid> objects;
    uint64_t usable = 0;
    for (size_t bytes : {size_t{64}, size_t{64}, size_t{1000}, size_t{20000}, size_t{1000000}}) {
        objects.push_back(allocate(bytes));
        usable += pmemobj_alloc_usable_size(objects.back());
    }
    const pobj_space some = space();
    EXPECT_EQ(some.objects, objects.size());
    EXPECT_EQ(some.object_bytes, usable);
    EXPECT_EQ(some.small_object_bytes, 64u + 64 + pmemobj_alloc_usable_size(objects[2]));
    EXPECT_EQ(some.free_bytes + some.small_bytes + some.object_bytes - some.small_object_bytes,
              some.heap_bytes);
    for (PMEMoid& object : objects)
        pmemobj_free(&object);
    EXPECT_EQ(space().free_bytes, empty.free_bytes);
    EXPECT_EQ(pmemobj_space(pool_, nullptr, sizeof(pobj_space)), -1);
    EXPECT_EQ(errno, EINVAL);
    pobj_space other;
    EXPECT_EQ(pmemobj_space(pool_, &other, 8), -1);
}

// ---- commits without waiting ----

uint64_t add_without_waiting(PMEMobjpool* pool, uint64_t* word) {
    volatile uint64_t ticket = UINT64_MAX;
    TX_BEGIN(pool) {
        TX_ADD_DIRECT(word);
        ++*word;
        ticket = pmemobj_tx_commit_async();
    }
    TX_ONABORT {
        ticket = UINT64_MAX;
    }
    TX_END
    return ticket;
}

std::atomic<int> g_syncs, g_failure;

TEST_P(Beyond, ManyCommitsShareOneSync) {
    create();
    auto* word = root<uint64_t>();
    g_failure = 0;
    static const FileObserver counting{
        [](void*, int, const void*, size_t, uint64_t) { return g_failure.load(); },
        [](void*, int) {
            ++g_syncs;
            return g_failure.load();
        },
        nullptr};
    observe_files(&counting);
    g_syncs = 0;
    uint64_t last = 0;
    for (int i = 0; i < 100; ++i)
        last = add_without_waiting(pool_, word);
    EXPECT_EQ(*word, 100u);
    EXPECT_EQ(g_syncs, 0);
    if (is_page_granularity()) {
        EXPECT_NE(last, 0u);
        EXPECT_FALSE(pmemobj_is_durable(pool_, last));
    } else {
        EXPECT_EQ(last, 0u);
    }
    ASSERT_EQ(pmemobj_wait_durable(pool_, last), 0) << pmemobj_errormsg();
    EXPECT_TRUE(pmemobj_is_durable(pool_, last));
    EXPECT_EQ(g_syncs, is_page_granularity() ? 1 : 0);
    crash_and_open();
    EXPECT_EQ(*root<uint64_t>(), 100u);
    EXPECT_EQ(pmemobj_wait_durable(pool_, UINT64_MAX / 2), -1);
    EXPECT_EQ(errno, EINVAL);
}

TEST_P(Beyond, ACommitThatWaitsMakesTheEarlierOnesDurable) {
    create();
    auto* word = root<uint64_t>();
    PMEMoid object = allocate(1000);
    // Memory that is freed without waiting may be used at once: whatever uses it comes later in the log.
    volatile uint64_t ticket = 0;
    TX_BEGIN(pool_) {
        pmemobj_tx_free(object);
        ticket = pmemobj_tx_commit_async();
    }
    TX_END
    for (int i = 0; i < 50; ++i)
        add_without_waiting(pool_, word);
    object = allocate(1000);
    EXPECT_TRUE(pmemobj_is_durable(pool_, ticket));
    crash_and_open();
    EXPECT_EQ(*root<uint64_t>(), 50u);
    EXPECT_EQ(count_objects(), 1u);
    for (int i = 0; i < 50; ++i)
        add_without_waiting(pool_, root<uint64_t>());
    close();
    open();
    EXPECT_EQ(*root<uint64_t>(), 100u);
}

TEST_P(Beyond, ANestedOrEmptyTransactionHasNoTicket) {
    create();
    auto* word = root<uint64_t>();
    volatile uint64_t inner = 1;
    TX_BEGIN(pool_) {
        EXPECT_EQ(pmemobj_tx_commit_async(), 0u);
    }
    TX_END
    TX_BEGIN(pool_) {
        inner = add_without_waiting(pool_, word);
    }
    TX_END
    EXPECT_EQ(inner, 0u);
    crash_and_open();
    EXPECT_EQ(*root<uint64_t>(), 1u);
}

TEST_P(Beyond, AMediumThatFailsLosesWhatWasNotWaitedForAndSaysSo) {
    if (!is_page_granularity())
        GTEST_SKIP() << "stores to a mapped home do not fail";
    create();
    auto* word = root<uint64_t>();
    ASSERT_EQ(pmemobj_wait_durable(pool_, add_without_waiting(pool_, word)), 0);
    g_failure = 0;
    static const FileObserver failing{
        [](void*, int, const void*, size_t, uint64_t) { return g_failure.load(); },
        [](void*, int) { return g_failure.load(); }, nullptr};
    observe_files(&failing);
    const uint64_t ticket = add_without_waiting(pool_, word);
    g_failure = EIO;
    EXPECT_EQ(pmemobj_wait_durable(pool_, ticket), -1);
    EXPECT_EQ(errno, EIO);
    g_failure = 0;
    EXPECT_EQ(add_without_waiting(pool_, word), UINT64_MAX);
    EXPECT_EQ(pmemobj_wait_durable(pool_, ticket), -1);
    EXPECT_EQ(allocate(10).off, 0u);
    observe_files(nullptr);
    close();
    expect_sound();
    open();
    EXPECT_EQ(*root<uint64_t>(), 1u);
}

TEST_P(Beyond, ThreadsCommitWithAndWithoutWaiting) {
    create();
    auto* words = root<uint64_t[4][8]>();
    std::vector<std::thread> threads;
    for (size_t t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            uint64_t ticket = 0;
            for (int i = 0; i < 2000; ++i) {
                ticket = add_without_waiting(pool_, (*words)[t]);
                if (i % 50 == 0) {
                    ASSERT_EQ(pmemobj_wait_durable(pool_, ticket), 0);
                }
                if (i % 70 == 0) {
                    TX_BEGIN(pool_) {
                        TX_ADD_DIRECT(&(*words)[t][1]);
                        ++(*words)[t][1];
                    }
                    TX_END
                }
            }
            ASSERT_EQ(pmemobj_wait_durable(pool_, ticket), 0);
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    crash_and_open();
    words = root<uint64_t[4][8]>();
    for (size_t t = 0; t < 4; ++t) {
        EXPECT_EQ((*words)[t][0], 2000u);
        EXPECT_EQ((*words)[t][1], 29u);
    }
}

TERRACE_BOTH_GRANULARITIES(Beyond);

}  // namespace
}  // namespace terrace::persist::testing
