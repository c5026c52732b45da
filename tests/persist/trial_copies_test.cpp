// Copies into a pool that are many times as large as its working copy may be: pmemobj_memset and its relatives, and
// pmemobj_persist of as much. Readers have opened every block before, so that nothing holds the writer back.
#include <numeric>

#include "tests/persist/bounded_support.hpp"

using namespace terrace::persist;
using namespace terrace::persist::testing;

namespace {

// The most anonymous memory of this process while it exists, looked at every millisecond.
class PeakOfMemory {
  public:
    PeakOfMemory() : before_(anonymous_bytes()) {
        watcher_ = std::thread([this] {
            while (!stopping_.load(std::memory_order_relaxed)) {
                peak_ = std::max(peak_, anonymous_bytes());
                usleep(1000);
            }
        });
    }
    uint64_t more_than_before() {
        if (watcher_.joinable()) {
            stopping_.store(true);
            watcher_.join();
        }
        return peak_ - std::min(peak_, before_);
    }
    ~PeakOfMemory() { more_than_before(); }

  private:
    uint64_t before_;
    uint64_t peak_ = 0;
    std::atomic<bool> stopping_{false};
    std::thread watcher_;
};

class LargeCopies : public BoundedTest {
  protected:
    static constexpr uint64_t kTarget = 448_MiB;
    static constexpr uint64_t kPool = kTarget + 32_MiB;
    // Busy machines let the sweep begin late; but what is private does not grow with what is copied.
    static constexpr uint64_t kMost = kTarget / 4;
    static constexpr uint64_t kSmall = 16_MiB;

    void SetUp() override {
        BoundedTest::SetUp();
        set_limit(kSmall);
    }
    char* read_through() {
        PMEMoid oid = OID_NULL;
        if (pmemobj_alloc(pool_, &oid, kTarget, 1, nullptr, nullptr) != 0)
            return nullptr;
        auto* const target = static_cast<char*>(pmemobj_direct(oid));
        uint64_t sum = 0;
        for (uint64_t at = 0; at < kTarget; at += kPageBytes)
            sum += *reinterpret_cast<volatile uint8_t*>(target + at);
        EXPECT_LE(sum, kTarget);
        return target;
    }
    static bool is_filled(const char* bytes, char value) {
        return bytes[0] == value && memcmp(bytes, bytes + 1, kTarget - 1) == 0;
    }
};
TERRACE_BOTH_GRANULARITIES(LargeCopies);

TEST_P(LargeCopies, OfOneByteAreNeverPrivateAsAWhole) {
    SKIP_UNLESS_BOUNDED(kPool);
    char* const target = read_through();
    ASSERT_NE(target, nullptr);
    PeakOfMemory peak;
    EXPECT_EQ(pmemobj_memset_persist(pool_, target, 7, kTarget), target);
    if (kFiguresMeanSomething) {
        EXPECT_LE(peak.more_than_before(), kMost);
    }
    EXPECT_TRUE(is_filled(target, 7));
    close();
    open();
    EXPECT_TRUE(is_filled(static_cast<char*>(pmemobj_direct(pmemobj_first(pool_))), 7));
}

TEST_P(LargeCopies, FromElsewhereAndWithinThePoolAreNeverPrivateAsAWhole) {
    SKIP_UNLESS_BOUNDED(kPool);
    char* const target = read_through();
    ASSERT_NE(target, nullptr);
    const std::vector<char> source(kTarget, 9);
    PeakOfMemory peak;
    EXPECT_EQ(pmemobj_memcpy(pool_, target, source.data(), kTarget, 0), target);
    EXPECT_EQ(pmemobj_memmove(pool_, target, target + 5000, kTarget - 5000, 0), target);
    if (kFiguresMeanSomething) {
        EXPECT_LE(peak.more_than_before(), kMost);
    }
    EXPECT_TRUE(is_filled(target, 9));
}

// Pieces in the wrong order would copy what was copied already.
TEST_P(LargeCopies, ThatOverlapAreRight) {
    SKIP_UNLESS_BOUNDED(kPool);
    char* const target = read_through();
    ASSERT_NE(target, nullptr);
    auto* const words = reinterpret_cast<uint64_t*>(target);
    constexpr uint64_t kWords = 64_MiB / 8;
    constexpr uint64_t kShift = 12345;
    std::iota(words, words + kWords, 0);
    pmemobj_memmove(pool_, words + kShift, words, (kWords - kShift) * 8, 0);
    for (uint64_t i = kShift; i < kWords; ++i)
        ASSERT_EQ(words[i], i - kShift) << i;
    std::iota(words, words + kWords, 0);
    pmemobj_memmove(pool_, words, words + kShift, (kWords - kShift) * 8, 0);
    for (uint64_t i = 0; i < kWords - kShift; ++i)
        ASSERT_EQ(words[i], i + kShift) << i;
}

}  // namespace
