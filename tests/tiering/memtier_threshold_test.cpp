// DYNAMIC_THRESHOLD through the memtier interface, over DRAM and a file.
#include <errno.h>
#include <gtest/gtest.h>
#include <memkind_memtier.h>
#include <string.h>

#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/temporary_directory.hpp"

namespace {

using terrace::tests::TemporaryDirectory;

class MemtierThreshold : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_EQ(memkind_create_pmem(directory_.path(), 0, &file_), MEMKIND_SUCCESS);
        builder_ = memtier_builder_new(MEMTIER_POLICY_DYNAMIC_THRESHOLD);
        ASSERT_NE(builder_, nullptr);
        ASSERT_EQ(memtier_builder_add_tier(builder_, MEMKIND_DEFAULT, 1), 0);
    }
    void TearDown() override {
        memtier_delete_memtier_memory(memory_);
        memtier_builder_delete(builder_);
        EXPECT_EQ(memtier_kind_allocated_size(file_), 0u);
        memkind_destroy_kind(file_);
    }
    void construct(unsigned ratio) {
        ASSERT_EQ(memtier_builder_add_tier(builder_, file_, ratio), 0);
        memory_ = memtier_builder_construct_memtier_memory(builder_);
        ASSERT_NE(memory_, nullptr);
    }
    int set(const char* name, size_t value) const {
        return memtier_ctl_set(builder_, (std::string("policy.dynamic_threshold.") + name).c_str(), &value);
    }
    int set_float(const char* name, float value) const {
        return memtier_ctl_set(builder_, (std::string("policy.dynamic_threshold.") + name).c_str(), &value);
    }
    int set_count(unsigned value) const {
        return memtier_ctl_set(builder_, "policy.dynamic_threshold.check_cnt", &value);
    }

    TemporaryDirectory directory_;
    memkind_t file_ = nullptr;
    memtier_builder* builder_ = nullptr;
    memtier_memory* memory_ = nullptr;
};

TEST_F(MemtierThreshold, NeedsTwoTiers) {
    errno = 0;
    EXPECT_EQ(memtier_builder_construct_memtier_memory(builder_), nullptr);
    EXPECT_EQ(errno, EINVAL);
}

TEST_F(MemtierThreshold, OptionsAreSetByName) {
    EXPECT_EQ(set("thresholds[0].val", 700), -1) << "one tier has no threshold";
    ASSERT_EQ(memtier_builder_add_tier(builder_, file_, 4), 0);
    EXPECT_EQ(set("thresholds[0].val", 700), 0);
    EXPECT_EQ(set("thresholds[0].min", 600), 0);
    EXPECT_EQ(set("thresholds[0].max", 800), 0);
    EXPECT_EQ(set_count(5), 0);
    EXPECT_EQ(set_float("trigger", 0.5F), 0);
    EXPECT_EQ(set_float("degree", 0.5F), 0);
    for (const char* name :
         {"thresholds[1].val", "thresholds[-1].val", "thresholds[x].val", "thresholds[].val",
          "thresholds[0].value", "thresholds[0]val", "thresholds[0", "thresholds", "none", ""}) {
        errno = 0;
        EXPECT_EQ(set(name, 700), -1) << name;
        EXPECT_EQ(errno, EINVAL) << name;
    }
    size_t value = 700;
    EXPECT_EQ(memtier_ctl_set(builder_, nullptr, &value), -1);
    EXPECT_EQ(memtier_ctl_set(builder_, "policy.dynamic_threshold.thresholds[0].val", nullptr), -1);
    EXPECT_EQ(memtier_ctl_set(nullptr, "policy.dynamic_threshold.thresholds[0].val", &value), -1);
    memory_ = memtier_builder_construct_memtier_memory(builder_);
    EXPECT_NE(memory_, nullptr);
}

TEST_F(MemtierThreshold, ConstraintsAreCheckedWhenTheMemoryIsMade) {
    ASSERT_EQ(memtier_builder_add_tier(builder_, file_, 4), 0);
    const auto constructs = [this] {
        memtier_memory* memory = memtier_builder_construct_memtier_memory(builder_);
        memtier_delete_memtier_memory(memory);
        return memory != nullptr;
    };
    EXPECT_TRUE(constructs());
    EXPECT_EQ(set("thresholds[0].val", 5000), 0);
    EXPECT_FALSE(constructs()) << "above its maximum";
    EXPECT_EQ(set("thresholds[0].max", 5000), 0);
    EXPECT_TRUE(constructs());
    EXPECT_EQ(set("thresholds[0].min", 5001), 0);
    EXPECT_FALSE(constructs()) << "below its minimum";
    EXPECT_EQ(set("thresholds[0].min", 0), 0);
    EXPECT_EQ(set_float("degree", -1), 0);
    EXPECT_FALSE(constructs());
    EXPECT_EQ(set_float("degree", 1.5F), 0);
    EXPECT_EQ(set_float("trigger", -1), 0);
    EXPECT_FALSE(constructs());
}

TEST_F(MemtierThreshold, SizesDecideAndCallocCountsAsAWhole) {
    set_count(0);  // thresholds stay
    construct(4);
    const auto kind_of_new = [](auto allocate) {
        void* block = allocate();
        const memkind_t kind = memkind_detect_kind(block);
        memtier_free(block);
        return kind;
    };
    EXPECT_EQ(kind_of_new([this] { return memtier_malloc(memory_, 1023); }), MEMKIND_DEFAULT);
    EXPECT_EQ(kind_of_new([this] { return memtier_malloc(memory_, 1024); }), file_);
    EXPECT_EQ(kind_of_new([this] { return memtier_calloc(memory_, 10, 102); }), MEMKIND_DEFAULT);
    EXPECT_EQ(kind_of_new([this] { return memtier_calloc(memory_, 100, 100); }), file_);
    EXPECT_EQ(kind_of_new([this] {
                  void* block = nullptr;
                  EXPECT_EQ(memtier_posix_memalign(memory_, &block, 64, 2000), 0);
                  return block;
              }),
              file_);
}

TEST_F(MemtierThreshold, AResizedBlockCrossesTheThresholdWithItsContents) {
    set_count(0);
    construct(4);
    auto* block = static_cast<char*>(memtier_malloc(memory_, 1000));
    strcpy(block, "contents");
    block = static_cast<char*>(memtier_realloc(memory_, block, 100000));
    EXPECT_EQ(memkind_detect_kind(block), file_);
    EXPECT_STREQ(block, "contents");
    block = static_cast<char*>(memtier_realloc(memory_, block, 50000));
    EXPECT_EQ(memkind_detect_kind(block), file_);
    block = static_cast<char*>(memtier_realloc(memory_, block, 20));
    EXPECT_EQ(memkind_detect_kind(block), MEMKIND_DEFAULT);
    EXPECT_STREQ(block, "contents");
    memtier_free(block);
}

TEST_F(MemtierThreshold, ApproachesTheRatioAlsoWithThreads) {
    set("thresholds[0].min", 64);
    set("thresholds[0].max", 2000);
    construct(2);
    const size_t default_before = memtier_kind_allocated_size(MEMKIND_DEFAULT);
    constexpr unsigned kThreads = 4;
    std::vector<void*> blocks[kThreads];
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < kThreads; ++t)
        threads.emplace_back([&, t] {
            std::mt19937 random(t);
            for (int i = 0; i < 20000; ++i)
                blocks[t].push_back(memtier_malloc(memory_, 1 + random() % 2047));
        });
    for (std::thread& thread : threads)
        thread.join();
    const auto below = static_cast<double>(memtier_kind_allocated_size(MEMKIND_DEFAULT) - default_before);
    const auto above = static_cast<double>(memtier_kind_allocated_size(file_));
    EXPECT_NEAR(above / below, 2.0, 0.2);
    for (const std::vector<void*>& of_thread : blocks)
        for (void* block : of_thread)
            memtier_free(block);
}

}  // namespace
