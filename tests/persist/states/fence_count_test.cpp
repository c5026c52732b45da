// How many fences (cache-line granularity) or fdatasyncs (page granularity) each operation takes: one where something
// becomes durable, whatever it is and however much, none where nothing does. What a checkpoint takes is counted apart.
#include <cerrno>
#include <cstring>

#include "tests/persist/engine_support.hpp"
#include "tests/persist/states/seam.hpp"

namespace terrace::persist::testing {
namespace {

class Barriers : public states::SeamListener {
  public:
    uint64_t count = 0;

  private:
    void about_to_fence() override { ++count; }
    void about_to_sync(int) override { ++count; }
};

struct Content {
    uint64_t words[1000];
    PMEMoid slots[16];
};

class FenceCount : public PoolTest {
  protected:
    void SetUp() override {
        PoolTest::SetUp();
        create();
        content_ = root<Content>();
        ASSERT_EQ(pmemobj_zalloc(pool_, &content_->slots[15], 64, 1), 0);
        states::listen(barriers_);
    }
    void TearDown() override {
        states::stop_listening(barriers_);
        PoolTest::TearDown();
    }
    template <class Operation>
    void expect(uint64_t expected, const char* what, Operation operation) {
        const uint64_t before = barriers_.count;
        operation();
        EXPECT_EQ(barriers_.count - before, expected) << what;
    }
    template <class Work>
    void transact(Work work) {
        TX_BEGIN(pool_) {
            work();
        }
        TX_ONABORT {
            ADD_FAILURE() << pmemobj_errormsg();
        }
        TX_END
    }
    void set_word(size_t i, uint64_t value) {
        TX_ADD_DIRECT(&content_->words[i]);
        content_->words[i] = value;
    }

    Barriers barriers_;
    Content* content_ = nullptr;
};

TEST_P(FenceCount, IsOneForATransactionWhateverItDoes) {
    for (size_t ranges : {1u, 10u, 1000u}) {
        expect(1, "ranges", [&] {
            transact([&] {
                for (size_t i = 0; i < ranges; ++i)
                    set_word(i, ranges);
            });
        });
    }
    PMEMoid* const slots = content_->slots;
    expect(1, "alloc", [&] {
        transact([&] {
            TX_ADD_DIRECT(&slots[0]);
            slots[0] = pmemobj_tx_alloc(64, 1);
        });
    });
    expect(1, "alloc of another size, type and many pages, zalloc", [&] {
        transact([&] {
            pmemobj_tx_add_range_direct(&slots[1], 3 * sizeof *slots);
            slots[1] = pmemobj_tx_alloc(700, 2);
            slots[2] = pmemobj_tx_alloc(9000, 3);
            slots[3] = pmemobj_tx_zalloc(100, 4);
        });
    });
    expect(1, "realloc and free", [&] {
        transact([&] {
            pmemobj_tx_add_range_direct(&slots[0], 3 * sizeof *slots);
            slots[0] = pmemobj_tx_realloc(slots[0], 3000, 1);
            pmemobj_tx_free(slots[1]);
            pmemobj_tx_free(slots[2]);
            slots[1] = slots[2] = OID_NULL;
        });
    });
    expect(1, "nested", [&] {
        transact([&] {
            set_word(0, 5);
            TX_BEGIN(pool_) {
                set_word(1, 6);
                TX_BEGIN(pool_) {
                    set_word(2, 7);
                }
                TX_END
            }
            TX_END
        });
    });
    expect(1, "with actions", [&] {
        pobj_action actions[3];
        const PMEMoid oid = pmemobj_reserve(pool_, &actions[0], 64, 1);
        pmemobj_set_value(pool_, &actions[1], &slots[4].pool_uuid_lo, oid.pool_uuid_lo);
        pmemobj_set_value(pool_, &actions[2], &slots[4].off, oid.off);
        transact([&] {
            set_word(3, 1);
            ASSERT_EQ(pmemobj_tx_publish(actions, 3), 0);
        });
    });
    expect(1, "with flushes before it that wait for a drain", [&] {
        content_->words[50] = 1;
        pmemobj_flush(pool_, &content_->words[50], 8);
        transact([&] { set_word(4, 9); });
        pmemobj_drain(pool_);
    });
}

TEST_P(FenceCount, IsNoneForATransactionThatChangesNothing) {
    expect(0, "empty", [&] { transact([] {}); });
    expect(0, "empty, nested", [&] {
        transact([&] {
            TX_BEGIN(pool_) {}
            TX_END
        });
    });
    expect(0, "aborted", [&] {
        TX_BEGIN(pool_) {
            set_word(0, 77);
            pmemobj_tx_alloc(64, 1);
            pmemobj_tx_free(content_->slots[15]);
            pmemobj_tx_abort(ECANCELED);
        }
        TX_END
    });
    expect(0, "allocated and freed again",
           [&] { transact([] { pmemobj_tx_free(pmemobj_tx_alloc(64, 1)); }); });
}

TEST_P(FenceCount, IsOneForEachAtomicOperation) {
    PMEMoid* const slots = content_->slots;
    for (size_t bytes : {16u, 64u, 1000u, 8000u}) {
        expect(1, "alloc",
               [&] { ASSERT_EQ(pmemobj_alloc(pool_, &slots[0], bytes, 1, nullptr, nullptr), 0); });
        expect(1, "zalloc", [&] { ASSERT_EQ(pmemobj_zalloc(pool_, &slots[1], bytes, 2), 0); });
        expect(1, "realloc", [&] { ASSERT_EQ(pmemobj_realloc(pool_, &slots[0], bytes * 2, 1), 0); });
        expect(1, "free", [&] { pmemobj_free(&slots[0]); });
        expect(1, "free", [&] { pmemobj_free(&slots[1]); });
    }
    const auto construct = [](PMEMobjpool* pool, void* memory, void*) {
        memset(memory, 1, 100);
        pmemobj_persist(pool, memory, 100);
        return 0;
    };
    expect(1, "a constructor that persists",
           [&] { ASSERT_EQ(pmemobj_alloc(pool_, &slots[0], 100, 1, construct, nullptr), 0); });
    PMEMoid outside;
    expect(1, "alloc with the name outside the pool",
           [&] { ASSERT_EQ(pmemobj_alloc(pool_, &outside, 100, 1, nullptr, nullptr), 0); });
    expect(1, "free", [&] { pmemobj_free(&outside); });
    expect(1, "a larger root", [&] { pmemobj_root(pool_, sizeof(Content) + 4000); });
    expect(0, "the root as it is", [&] { pmemobj_root(pool_, sizeof(Content)); });
}

// Content of that size is written home at once instead of through the log, which has to be emptied before. Zeros are a
// few bytes in the log.
TEST_P(FenceCount, IsSmallForObjectsThatDoNotFitIntoTheLog) {
    PMEMoid* const slots = content_->slots;
    const auto expect_few = [&](const char* what, auto operation) {
        const uint64_t before = barriers_.count;
        operation();
        EXPECT_LE(barriers_.count - before, 6u) << what;
    };
    constexpr size_t kBytes = 300000;
    expect(1, "zalloc", [&] { ASSERT_EQ(pmemobj_zalloc(pool_, &slots[0], kBytes, 2), 0); });
    expect_few("realloc", [&] { ASSERT_EQ(pmemobj_realloc(pool_, &slots[0], kBytes * 2, 2), 0); });
    expect(1, "a transaction", [&] {
        transact([&] {
            TX_ADD_DIRECT(&slots[1]);
            slots[1] = pmemobj_tx_zalloc(kBytes, 2);
        });
    });
    expect(1, "alloc", [&] { ASSERT_EQ(pmemobj_alloc(pool_, &slots[2], kBytes, 2, nullptr, nullptr), 0); });
    expect(1, "free", [&] { pmemobj_free(&slots[0]); });
}

TEST_P(FenceCount, IsOneForAllActionsOfAPublish) {
    PMEMoid* const slots = content_->slots;
    pobj_action actions[7];
    PMEMoid oids[2];
    expect(0, "reserve, set_value, defer_free", [&] {
        oids[0] = pmemobj_reserve(pool_, &actions[0], 64, 1);
        oids[1] = pmemobj_reserve(pool_, &actions[1], 640, 2);
        pmemobj_defer_free(pool_, slots[15], &actions[2]);
        for (size_t i = 0; i < 2; ++i) {
            pmemobj_set_value(pool_, &actions[3 + i * 2], &slots[14 + i].pool_uuid_lo, oids[i].pool_uuid_lo);
            pmemobj_set_value(pool_, &actions[4 + i * 2], &slots[14 + i].off, oids[i].off);
        }
    });
    expect(1, "publish of seven", [&] { ASSERT_EQ(pmemobj_publish(pool_, actions, 7), 0); });
    expect(0, "cancel", [&] {
        pmemobj_reserve(pool_, &actions[0], 64, 1);
        pmemobj_cancel(pool_, actions, 1);
    });
}

TEST_P(FenceCount, IsOneForEachDirectStore) {
    uint64_t* const words = content_->words;
    expect(1, "persist", [&] {
        words[0] = 1;
        pmemobj_persist(pool_, words, 8);
    });
    expect(1, "persist of many lines", [&] {
        memset(words, 3, 3000);
        pmemobj_persist(pool_, words, 3000);
    });
    expect(0, "flush", [&] {
        for (size_t i = 0; i < 10; ++i)
            pmemobj_flush(pool_, &words[i * 20], 8);
    });
    expect(1, "drain", [&] { pmemobj_drain(pool_); });
    expect(0, "drain of nothing", [&] { pmemobj_drain(pool_); });
    expect(1, "memcpy_persist", [&] { pmemobj_memcpy_persist(pool_, words, words + 100, 400); });
    expect(1, "memset_persist", [&] { pmemobj_memset_persist(pool_, words, 1, 400); });
    expect(0, "memcpy without a drain",
           [&] { pmemobj_memcpy(pool_, words, words + 100, 400, PMEMOBJ_F_MEM_NODRAIN); });
    expect(1, "its drain", [&] { pmemobj_drain(pool_); });
}

TEST_P(FenceCount, IsNoneForReading) {
    expect(0, "reading", [&] {
        for (PMEMoid oid = pmemobj_first(pool_); !OID_IS_NULL(oid); oid = pmemobj_next(oid)) {
            EXPECT_NE(pmemobj_direct(oid), nullptr);
            EXPECT_EQ(pmemobj_type_num(oid), 1u);
            EXPECT_GE(pmemobj_alloc_usable_size(oid), 64u);
        }
        EXPECT_EQ(pmemobj_root_size(pool_), sizeof(Content));
    });
}

// Emptying the log costs a few barriers each time that it is full, which many commits share.
TEST_P(FenceCount, IsHardlyMoreThanOneOverManyCommits) {
    constexpr uint64_t kCommits = 20000;
    const uint64_t before = barriers_.count;
    for (uint64_t i = 0; i < kCommits; ++i)
        transact([&] { set_word(i % 1000, i); });
    EXPECT_GE(barriers_.count - before, kCommits);
    EXPECT_LE(barriers_.count - before, kCommits + kCommits / 100);
}

TERRACE_BOTH_GRANULARITIES(FenceCount);

}  // namespace
}  // namespace terrace::persist::testing
