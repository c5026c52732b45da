// The heap of a pool: what objects cost, where they lie, that free space comes back and survives reopening.
#include <string.h>

#include <cmath>
#include <map>

#include "persist/pool/heap/size_classes.hpp"
#include "persist/pool/pool.hpp"
#include "tests/persist/engine_support.hpp"

namespace terrace::persist::testing {
namespace {

class HeapTest : public PoolTest {
  protected:
    uint64_t free_bytes() { return pool_of(pool_).heap.usage().free_bytes; }
};

TEST(SizeClasses, HoldEverySizeAndWasteAtMostAnEighth) {
    ASSERT_TRUE(size_classes_agree());
    for (uint64_t bytes = 128; bytes <= kLargestSmallObject; ++bytes)
        ASSERT_LE(kSizeClasses[size_class_of(bytes)].bytes, bytes + bytes / 8 + 1) << bytes;
    for (const SizeClass& c : kSizeClasses) {
        EXPECT_LE(c.capacity, kMostObjectsPerSlab);
        EXPECT_LE(uint64_t{c.bytes} * c.capacity, uint64_t{c.slab_pages} * kPageBytes);
        EXPECT_LE((c.bytes + sizeof(TypeEntry)) * c.mixed_capacity, uint64_t{c.slab_pages} * kPageBytes);
    }
}

TEST_P(HeapTest, AnObjectOf64BytesIsOneCacheLine) {
    create();
    uint64_t highest = 0, lowest = UINT64_MAX;
    constexpr int kObjects = 10000;
    for (int i = 0; i < kObjects; ++i) {
        PMEMoid oid;
        ASSERT_EQ(pmemobj_alloc(pool_, &oid, 64, 5, nullptr, nullptr), 0);
        ASSERT_EQ(oid.off % 64, 0u);
        ASSERT_EQ(pmemobj_alloc_usable_size(oid), 64u);
        highest = std::max(highest, oid.off);
        lowest = std::min(lowest, oid.off);
    }
    EXPECT_LE(highest - lowest, uint64_t{kObjects} * 64 * 102 / 100)
        << "64-byte objects take more than 64 bytes each";
}

TEST_P(HeapTest, FreedNeighboursMerge) {
    create(16 << 20);
    const uint64_t empty = free_bytes();
    std::vector<PMEMoid> objects;
    for (PMEMoid oid; pmemobj_alloc(pool_, &oid, 60000, 1, nullptr, nullptr) == 0;)
        objects.push_back(oid);
    ASSERT_GT(objects.size(), 100u);
    // Every other one first, so that no free extent has a free neighbour yet.
    for (size_t i = 0; i < objects.size(); i += 2)
        pmemobj_free(&objects[i]);
    PMEMoid large;
    EXPECT_EQ(pmemobj_alloc(pool_, &large, 1 << 20, 1, nullptr, nullptr), -1);
    for (size_t i = 1; i < objects.size(); i += 2)
        pmemobj_free(&objects[i]);
    EXPECT_EQ(free_bytes(), empty);
    EXPECT_EQ(pmemobj_alloc(pool_, &large, empty * 9 / 10, 1, nullptr, nullptr), 0);
}

TEST_P(HeapTest, SpaceOfSmallObjectsComesBackForOtherSizes) {
    create();
    const uint64_t empty = free_bytes();
    for (size_t bytes : {32u, 64u, 100u, 1000u, 5000u, 16384u, 30000u}) {
        std::vector<PMEMoid> objects;
        for (PMEMoid oid; pmemobj_alloc(pool_, &oid, bytes, bytes, nullptr, nullptr) == 0;)
            objects.push_back(oid);
        EXPECT_GE(objects.size() * bytes, empty * 8 / 10) << bytes;
        for (PMEMoid& oid : objects)
            pmemobj_free(&oid);
        EXPECT_EQ(free_bytes(), empty) << bytes;
    }
    crash_and_open();
    EXPECT_EQ(free_bytes(), empty);
}

TEST_P(HeapTest, RandomWorkMatchesAModelAcrossReopening) {
    std::mt19937_64 random(test_seed());
    create(24 << 20);
    struct Expected {
        uint64_t bytes, type;
        unsigned char fill;
    };
    std::map<uint64_t, Expected> model;
    const uint64_t identity = pmemobj_root(pool_, 8).pool_uuid_lo;
    for (int round = 0; round < 5; ++round) {
        for (int step = 0; step < 1500; ++step) {
            if (model.size() > 200 && random() % 100 < 55) {
                auto victim = model.lower_bound(random() % (24 << 20));
                if (victim == model.end())
                    victim = model.begin();
                PMEMoid oid{identity, victim->first};
                pmemobj_free(&oid);
                model.erase(victim);
                continue;
            }
            const uint64_t bytes = 1 + random() % (random() % 20 == 0 ? 300000 : 2000);
            const Expected expected{bytes, random() % 30, static_cast<unsigned char>(random())};
            PMEMoid oid = OID_NULL;
            TX_BEGIN(pool_) {
                oid = pmemobj_tx_alloc(bytes, expected.type);
                memset(pmemobj_direct(oid), expected.fill, bytes);
            }
            TX_ONABORT {
                oid = OID_NULL;
            }
            TX_END
            if (oid.off == 0)
                continue;
            ASSERT_TRUE(model.emplace(oid.off, expected).second) << "memory was given out twice";
        }
        if (round % 2 == 0) {
            crash_and_open();
        } else {
            close();
            open();
        }
        auto expected = model.begin();
        for (PMEMoid oid = pmemobj_first(pool_); oid.off != 0; oid = pmemobj_next(oid), ++expected) {
            ASSERT_NE(expected, model.end()) << "an object came back from the dead";
            ASSERT_EQ(oid.off, expected->first);
            ASSERT_EQ(pmemobj_type_num(oid), expected->second.type);
            ASSERT_GE(pmemobj_alloc_usable_size(oid), expected->second.bytes);
            const auto* bytes = static_cast<const unsigned char*>(pmemobj_direct(oid));
            for (uint64_t i = 0; i < expected->second.bytes; ++i)
                ASSERT_EQ(bytes[i], expected->second.fill);
        }
        ASSERT_EQ(expected, model.end()) << "an object is lost";
    }
}

TEST_P(HeapTest, AnObjectMayCoverSegments) {
    create(160 << 20);
    const uint64_t empty = free_bytes();
    PMEMoid small, large, behind;
    ASSERT_EQ(pmemobj_alloc(pool_, &small, 100000, 1, nullptr, nullptr), 0);
    ASSERT_EQ(pmemobj_alloc(pool_, &large, 90 << 20, 2, nullptr, nullptr), 0);
    ASSERT_EQ(pmemobj_alloc(pool_, &behind, 64, 3, nullptr, nullptr), 0);
    crash_and_open();
    EXPECT_EQ(count_objects(), 3u);
    EXPECT_EQ(pmemobj_alloc_usable_size(large), size_t{90 << 20});
    pmemobj_free(&small);
    pmemobj_free(&large);
    pmemobj_free(&behind);
    crash_and_open();
    EXPECT_EQ(count_objects(), 0u);
    EXPECT_EQ(free_bytes(), empty);
}

TEST_P(HeapTest, FreeingTwiceIsRefused) {
    create();
    PMEMoid oid;
    ASSERT_EQ(pmemobj_alloc(pool_, &oid, 64, 1, nullptr, nullptr), 0);
    PMEMoid again = oid;
    pmemobj_free(&oid);
    pmemobj_free(&again);
    EXPECT_NE(again.off, 0u);
    int error = 0;
    TX_BEGIN(pool_) {
        pmemobj_tx_free(again);
    }
    TX_ONABORT {
        error = pmemobj_tx_errno();
    }
    TX_END
    EXPECT_EQ(error, EINVAL);
}

TEST_P(HeapTest, AlignmentIsKept) {
    create(32 << 20);
    Heap& heap = pool_of(pool_).heap;
    for (uint64_t alignment = 16; alignment <= (1 << 20); alignment *= 2) {
        for (uint64_t bytes : {1u, 48u, 100u, 5000u, 100000u}) {
            const Block block = heap.reserve(bytes, 0, alignment);
            ASSERT_NE(block.offset, 0u);
            EXPECT_EQ(block.offset % alignment, 0u) << bytes << " bytes at " << alignment;
            EXPECT_GE(heap.usable_bytes(block), bytes);
            heap.release(block);
        }
    }
}

// Objects of random sizes that come and go, until ten times the pool's content has been allocated.
class Churn {
  public:
    Churn(PMEMobjpool* pool, bool even_sizes, uint64_t seed)
        : pool_(pool),
          even_sizes_(even_sizes),
          random_(seed),
          heap_bytes_(pool_of(pool).heap.usage().heap_bytes) {}

    bool allocate() {
        const size_t bytes = next_size();
        PMEMoid oid;
        if (pmemobj_alloc(pool_, &oid, bytes, 1, nullptr, nullptr) != 0)
            return false;
        live_.push_back({oid, bytes});
        live_bytes_ += bytes;
        all_bytes_ += bytes;
        return true;
    }
    void free_one() {
        auto& object = live_[random_() % live_.size()];
        live_bytes_ -= object.second;
        pmemobj_free(&object.first);
        object = live_.back();
        live_.pop_back();
    }
    void fill() {
        while (allocate()) {
        }
    }
    void replace_at(double share) {
        while (static_cast<double>(live_bytes_) > share * static_cast<double>(heap_bytes_))
            free_one();
        for (const uint64_t end = all_bytes_ + kTimes * heap_bytes_; all_bytes_ < end;) {
            free_one();
            while (static_cast<double>(live_bytes_) < share * static_cast<double>(heap_bytes_) &&
                   allocate()) {
            }
        }
    }
    double waste() const { return 1 - static_cast<double>(live_bytes_) / static_cast<double>(heap_bytes_); }

  private:
    static constexpr uint64_t kTimes = 10;
    size_t next_size() {
        if (even_sizes_)
            return 32 + random_() % (65536 - 31);
        return static_cast<size_t>(
            32 * std::pow(2048.0, static_cast<double>(random_() >> 11) / 9007199254740992.0));
    }

    PMEMobjpool* pool_;
    bool even_sizes_;
    std::mt19937_64 random_;
    uint64_t heap_bytes_;
    uint64_t live_bytes_ = 0;
    uint64_t all_bytes_ = 0;
    std::vector<std::pair<PMEMoid, size_t>> live_;
};

TEST_P(HeapTest, WastesAtMost15PercentOnRandomSizesAfterAChurn) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "one thread for minutes; the release build measures it";
#endif
    if (is_page_granularity())
        return;  // the same heap
    for (const bool even_sizes : {true, false}) {
        SCOPED_TRACE(even_sizes ? "32 B to 64 KiB, each size as likely"
                                : "32 B to 64 KiB, each doubling as likely");
        create(64 << 20);
        Churn churn(pool_, even_sizes, 1);
        churn.fill();
        EXPECT_LE(churn.waste(), 0.15) << "of a pool that was filled once";
        churn.replace_at(1.0);
        churn.fill();
        EXPECT_LE(churn.waste(), 0.15) << "of a pool that was full all the time";
        churn.replace_at(0.7);
        churn.fill();
        EXPECT_LE(churn.waste(), 0.15) << "of a pool that was filled up again";
        close();
        EXPECT_EQ(pmemobj_check(path_.c_str(), "test"), 1) << pmemobj_errormsg();
        unlink(path_.c_str());
    }
}

TERRACE_BOTH_GRANULARITIES(HeapTest);

}  // namespace
}  // namespace terrace::persist::testing
