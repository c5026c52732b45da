// CAPACITY_ORDER, strictness, and what is known of each tier.
#include <gtest/gtest.h>
#include <memkind_memtier.h>

#include <cerrno>
#include <vector>

namespace {

constexpr size_t kLimit = size_t{16} << 20;
constexpr size_t kBlock = 10000;

// A fast tier of 16 MiB before one without a limit.
class MemtierOrder : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_EQ(memkind_create_on_nodes("0", MEMKIND_PLACEMENT_BIND, nullptr, &fast_), 0);
        ASSERT_EQ(memkind_set_limit(fast_, kLimit), 0);
        ASSERT_EQ(memkind_create_on_nodes("0", MEMKIND_PLACEMENT_BIND, nullptr, &slow_), 0);
    }
    void TearDown() override {
        for (void* const block : blocks_)
            memtier_free(block);
        memtier_delete_memtier_memory(memory_);
        for (const memkind_t kind : {fast_, slow_})
            if (kind != nullptr)
                memkind_destroy_kind(kind);
    }

    void construct(memtier_policy_t policy, int strict) {
        memtier_builder* const builder = memtier_builder_new(policy);
        ASSERT_NE(builder, nullptr);
        EXPECT_EQ(memtier_builder_add_tier(builder, fast_, 1), 0);
        EXPECT_EQ(memtier_builder_add_tier(builder, slow_, 1), 0);
        EXPECT_EQ(memtier_ctl_set(builder, "policy.strict", &strict), 0);
        memory_ = memtier_builder_construct_memtier_memory(builder);
        memtier_builder_delete(builder);
        ASSERT_NE(memory_, nullptr);
    }
    // Returns how many blocks there were.
    size_t fill(size_t count) {
        for (size_t i = 0; i < count; ++i) {
            void* const block = memtier_malloc(memory_, kBlock);
            if (block == nullptr)
                return i;
            blocks_.push_back(block);
        }
        return count;
    }
    memtier_tier_statistics of(unsigned tier) const {
        memtier_tier_statistics statistics{};
        EXPECT_EQ(memtier_get_tier_statistics(memory_, tier, &statistics), 0);
        return statistics;
    }

    memkind_t fast_ = nullptr;
    memkind_t slow_ = nullptr;
    memtier_memory* memory_ = nullptr;
    std::vector<void*> blocks_;
};

TEST_F(MemtierOrder, FillsTheFirstTierBeforeTheNext) {
    construct(MEMTIER_POLICY_CAPACITY_ORDER, 0);
    EXPECT_EQ(fill(500), 500u);
    EXPECT_EQ(of(0).allocations, 500u);
    EXPECT_EQ(of(1).allocations, 0u) << "the first has room";
    EXPECT_EQ(fill(3000), 3000u);
    EXPECT_GT(of(0).allocated, kLimit * 3 / 4);
    EXPECT_LE(of(0).allocated, kLimit);
    EXPECT_EQ(of(0).allocations + of(1).allocations, 3500u);
    EXPECT_EQ(of(0).passed_on, of(1).allocations);
    EXPECT_GT(of(0).refusals, 0u);
    EXPECT_EQ(of(1).refusals, 0u);
    EXPECT_EQ(of(0).kind, fast_);
    EXPECT_EQ(of(1).kind, slow_);
    // With room in the first tier again, that is the one.
    for (void*& block : blocks_)
        if (memkind_detect_kind(block) == fast_) {
            memtier_free(block);
            block = nullptr;
        }
    EXPECT_EQ(of(0).allocated, 0u);
    const size_t before = of(1).allocations;
    EXPECT_EQ(fill(500), 500u);
    EXPECT_EQ(of(1).allocations, before);
}

TEST_F(MemtierOrder, IsStrictWhenAskedToBe) {
    construct(MEMTIER_POLICY_CAPACITY_ORDER, 1);
    errno = 0;
    const size_t count = fill(3500);
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_GT(count, kLimit * 3 / 4 / kBlock);
    EXPECT_LT(count, kLimit / kBlock);
    EXPECT_EQ(of(1).allocations, 0u);
    EXPECT_EQ(memtier_calloc(memory_, 1000, 10000), nullptr);
    void* block = nullptr;
    EXPECT_EQ(memtier_posix_memalign(memory_, &block, 4096, kLimit), ENOMEM);
    memtier_free(blocks_.back());
    blocks_.pop_back();
    EXPECT_EQ(fill(1), 1u) << "there is room for one again";
}

TEST_F(MemtierOrder, IsStrictUnderARatio) {
    construct(MEMTIER_POLICY_STATIC_RATIO, 1);
    const size_t count = fill(3500);
    EXPECT_LT(count, 3500u);
    EXPECT_GT(of(1).allocated, kLimit * 3 / 4) << "the other half had room, and kept to its half";
}

TEST_F(MemtierOrder, RefusesStatisticsOfWhatIsNotThere) {
    construct(MEMTIER_POLICY_CAPACITY_ORDER, 0);
    memtier_tier_statistics statistics{};
    for (const auto& ask : std::vector<std::pair<memtier_memory*, memtier_tier_statistics*>>{
             {nullptr, &statistics}, {memory_, nullptr}}) {
        errno = 0;
        EXPECT_EQ(memtier_get_tier_statistics(ask.first, 0, ask.second), -1);
        EXPECT_EQ(errno, EINVAL);
    }
    EXPECT_EQ(memtier_get_tier_statistics(memory_, 2, &statistics), -1);
}

}  // namespace
