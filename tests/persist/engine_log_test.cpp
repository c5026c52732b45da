// The log from outside: fences and syncs that are counted, transactions larger than the log, logs that fill
// up, threads that commit together, and a medium that fails.
#include <errno.h>
#include <string.h>

#include <atomic>
#include <thread>

#include "persist/flush/flush.hpp"
#include "persist/pool/format/checksum.hpp"
#include "persist/pool/medium.hpp"
#include "tests/persist/engine_support.hpp"

namespace terrace::persist::testing {
namespace {

std::atomic<uint64_t> g_fences, g_syncs;
std::atomic<int> g_failure;  // what every write and sync answers

void count_fence() {
    ++g_fences;
    __sync_synchronize();
}
int count_write(void*, int, const void*, size_t, uint64_t) {
    return g_failure;
}
int count_sync(void*, int) {
    ++g_syncs;
    return g_failure;
}

// A record of 64 equal bytes whose data never reached the medium: every word of it is zero instead.
TEST(Checksum, NoticesLostDataOfEqualWords) {
    for (uint64_t word : {0x3c3c3c3c3c3c3c3cull, 1ull, ~0ull}) {
        for (size_t first = 0; first < 16; ++first) {
            for (size_t count = 1; count <= 32; ++count) {
                uint64_t whole[64] = {};
                uint64_t lost[64] = {};
                whole[0] = lost[0] = 0x1122334455667788;
                for (size_t i = 0; i < count; ++i)
                    whole[1 + first + i] = word;
                const size_t bytes = (1 + first + count) * 8;
                ASSERT_NE(checksum_words(77, whole, bytes), checksum_words(77, lost, bytes)) << count;
                ASSERT_EQ(checksum_words(77, whole, bytes), checksum_words_portable(77, whole, bytes));
            }
        }
    }
}

class Log : public PoolTest {
  protected:
    void SetUp() override {
        PoolTest::SetUp();
        methods_ = flush_methods();
        methods_.fence = count_fence;
        g_failure = 0;
        static const FileObserver observer{count_write, count_sync, nullptr};
        observe_files(&observer);
        use_flush_methods(&methods_);
    }
    void TearDown() override {
        g_failure = 0;
        PoolTest::TearDown();
        observe_files(nullptr);
        use_flush_methods(nullptr);
    }
    // Fences, or syncs, whichever this granularity uses.
    static uint64_t barriers() { return g_fences + g_syncs; }

    FlushMethods methods_;
};

TEST_P(Log, ATransactionCostsOneBarrierWhateverItsRanges) {
    create();
    auto* words = root<uint64_t[1000]>();
    for (int ranges : {1, 10, 500}) {
        const uint64_t before = barriers();
        TX_BEGIN(pool_) {
            for (int i = 0; i < ranges; ++i) {
                pmemobj_tx_add_range_direct(&(*words)[i], 8);
                (*words)[i] = 1;
            }
        }
        TX_END
        EXPECT_EQ(barriers() - before, 1u) << ranges << " ranges";
    }
    const uint64_t before = barriers();
    TX_BEGIN(pool_) {}
    TX_END
    TX_BEGIN(pool_) {
        pmemobj_tx_add_range_direct(words, 8);
        pmemobj_tx_abort(0);
    }
    TX_END
    EXPECT_EQ(barriers() - before, 0u) << "an empty transaction and an abort make nothing durable";
}

TEST_P(Log, AnAtomicOperationCostsOneBarrier) {
    create();
    auto* where = root<PMEMoid[4]>();
    pmemobj_alloc(pool_, &(*where)[0], 64, 1, nullptr, nullptr);
    uint64_t before = barriers();
    ASSERT_EQ(pmemobj_zalloc(pool_, &(*where)[1], 64, 1), 0);
    EXPECT_EQ(barriers() - before, 1u) << "alloc";
    before = barriers();
    ASSERT_EQ(pmemobj_realloc(pool_, &(*where)[1], 500, 1), 0);
    EXPECT_EQ(barriers() - before, 1u) << "realloc";
    before = barriers();
    pmemobj_free(&(*where)[1]);
    EXPECT_EQ(barriers() - before, 1u) << "free";
    before = barriers();
    pmemobj_persist(pool_, where, 16);
    EXPECT_EQ(barriers() - before, 1u) << "persist";
}

TEST_P(Log, ATransactionLargerThanTheLogIsDurable) {
    create(64 << 20);
    constexpr size_t kBytes = 12 << 20;
    PMEMoid object = OID_NULL;
    ASSERT_EQ(pmemobj_zalloc(pool_, &object, kBytes, 1), 0);
    auto* bytes = static_cast<unsigned char*>(pmemobj_direct(object));
    TX_BEGIN(pool_) {
        pmemobj_tx_add_range(object, 0, kBytes);
        for (size_t i = 0; i < kBytes; ++i)
            bytes[i] = static_cast<unsigned char>(i * 7);
    }
    TX_ONABORT {
        FAIL() << pmemobj_errormsg();
    }
    TX_END
    const auto expect_content = [&] {
        bytes = static_cast<unsigned char*>(pmemobj_direct(object));
        for (size_t i = 0; i < kBytes; ++i)
            ASSERT_EQ(bytes[i], static_cast<unsigned char>(i * 7)) << i;
    };
    crash_and_open();
    expect_content();
    TX_BEGIN(pool_) {
        pmemobj_tx_add_range(object, 0, kBytes);
        memset(bytes, 0, kBytes);
        pmemobj_tx_abort(ECANCELED);
    }
    TX_END
    expect_content();
}

TEST_P(Log, AFullLogIsEmptiedAndUsedAgain) {
    create();
    auto* words = root<uint64_t[512]>();
    for (uint64_t i = 1; i <= 60000; ++i) {
        TX_BEGIN(pool_) {
            pmemobj_tx_add_range_direct(&(*words)[i % 512], 8);
            (*words)[i % 512] = i;
        }
        TX_END
    }
    crash_and_open();
    words = root<uint64_t[512]>();
    for (uint64_t i = 60000; i > 60000 - 512; --i)
        ASSERT_EQ((*words)[i % 512], i);
}

TEST_P(Log, ThreadsCommitTogether) {
    create();
    constexpr int kThreads = 6, kEach = 300;
    struct Slots {
        struct alignas(64) {
            uint64_t count;
            PMEMoid object;
        } of[kThreads];
    };
    auto* slots = root<Slots>();
    const uint64_t syncs_before = g_syncs;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            auto& mine = slots->of[t];
            for (uint64_t i = 0; i < kEach; ++i) {
                TX_BEGIN(pool_) {
                    pmemobj_tx_add_range_direct(&mine, sizeof mine);
                    ++mine.count;
                    if (mine.object.off != 0)
                        pmemobj_tx_free(mine.object);
                    mine.object = pmemobj_tx_zalloc(64 + i, 1);
                    *static_cast<uint64_t*>(pmemobj_direct(mine.object)) = mine.count;
                }
                TX_END
            }
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    if (is_page_granularity()) {
        EXPECT_LE(g_syncs - syncs_before, uint64_t{kThreads} * kEach + 50);
    }
    crash_and_open();
    slots = root<Slots>();
    for (const auto& mine : slots->of) {
        EXPECT_EQ(mine.count, uint64_t{kEach});
        EXPECT_EQ(*static_cast<uint64_t*>(pmemobj_direct(mine.object)), mine.count);
    }
    EXPECT_EQ(count_objects(), size_t{kThreads});
}

// The last store before a persist that returned must be found after a crash, whoever persisted last.
TEST_P(Log, RacingPersistsOfOneWordKeepTheNewest) {
    create();
    auto* word = root<std::atomic<uint64_t>>();
    std::atomic<uint64_t> persisted{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 2000; ++i) {
                const uint64_t value = word->fetch_add(1) + 1;
                pmemobj_persist(pool_, word, sizeof *word);
                uint64_t seen = persisted.load();
                while (seen < value && !persisted.compare_exchange_weak(seen, value)) {
                }
            }
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    crash_and_open();
    EXPECT_GE(root<std::atomic<uint64_t>>()->load(), persisted.load());
}

TEST_P(Log, APersistIsNotUndoneByAnOlderTransaction) {
    create();
    auto* words = root<uint64_t[64]>();
    TX_BEGIN(pool_) {
        pmemobj_tx_add_range_direct(words, sizeof *words);
        for (uint64_t& word : *words)
            word = 1;
    }
    TX_END(*words)[3] = 2;
    pmemobj_persist(pool_, &(*words)[3], 8);
    (*words)[5] = 3;
    pmemobj_flush(pool_, &(*words)[5], 8);
    pmemobj_drain(pool_);
    (*words)[7] = 9;  // never made durable
    crash_and_open();
    words = root<uint64_t[64]>();
    EXPECT_EQ((*words)[3], 2u);
    EXPECT_EQ((*words)[5], 3u);
    EXPECT_EQ((*words)[7], 1u);
}

TEST_P(Log, APersistInsideATransactionDoesNotGiveItAway) {
    create();
    auto* words = root<uint64_t[64]>();
    TX_BEGIN(pool_) {
        pmemobj_tx_add_range_direct(&(*words)[0], 8);
        (*words)[0] = 1;
        (*words)[1] = 2;
        pmemobj_persist(pool_, words, 16);
        const std::string image = read_file(path_);
        write_file(path_ + ".image", image);
    }
    TX_END
    close();
    ASSERT_EQ(rename((path_ + ".image").c_str(), path_.c_str()), 0);
    open();
    words = root<uint64_t[64]>();
    EXPECT_EQ((*words)[0], 0u) << "part of an unfinished transaction became durable";
    EXPECT_EQ((*words)[1], 2u) << "a persist inside a transaction was lost";
}

TEST_P(Log, ACleanCloseKeepsStoresThatNobodyPersisted) {
    create();
    (*root<uint64_t[64]>())[9] = 77;
    close();
    open();
    EXPECT_EQ((*root<uint64_t[64]>())[9], 77u);
}

TEST_P(Log, AMediumThatFailsAbortsTheTransactionAndKeepsThePool) {
    if (!is_page_granularity())
        GTEST_SKIP() << "stores to a mapping do not report errors";
    create();
    auto* words = root<uint64_t[8]>();
    (*words)[0] = 5;
    pmemobj_persist(pool_, words, 8);
    for (int error : {ENOSPC, EIO}) {
        int seen = 0;
        g_failure = error;
        TX_BEGIN(pool_) {
            pmemobj_tx_add_range_direct(words, 8);
            (*words)[0] = 6;
        }
        TX_ONABORT {
            seen = pmemobj_tx_errno();
        }
        TX_ONCOMMIT {
            ADD_FAILURE() << "committed to a medium that fails";
        }
        TX_END
        EXPECT_EQ(seen, error);
        EXPECT_EQ((*words)[0], 5u);
        g_failure = 0;
    }
    TX_BEGIN(pool_) {
        pmemobj_tx_add_range_direct(words, 8);
        (*words)[0] = 7;
    }
    TX_ONABORT {
        ADD_FAILURE() << pmemobj_errormsg();
    }
    TX_END
    crash_and_open();
    EXPECT_EQ((*root<uint64_t[8]>())[0], 7u);
}

TERRACE_BOTH_GRANULARITIES(Log);

}  // namespace
}  // namespace terrace::persist::testing
