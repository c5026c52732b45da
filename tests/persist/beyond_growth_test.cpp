// Pools that grow, by a call and by themselves, and the figures that say what is in use.
#include <errno.h>
#include <string.h>

#include <atomic>
#include <thread>

#include "tests/persist/beyond.hpp"

namespace terrace::persist::testing {
namespace {

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

// For the other files of this program too.
TERRACE_BOTH_GRANULARITIES(Beyond);

}  // namespace
}  // namespace terrace::persist::testing
