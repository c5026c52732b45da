// The DYNAMIC_THRESHOLD policy by itself, from plain numbers; and its moving part, with made-up loads.
#include "tiering/dynamic_threshold.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tiering/thresholds.hpp"

namespace terrace::tiering {
namespace {

constexpr ThresholdOptions kOptions;

TEST(DynamicThreshold, HasMemkindsDefaults) {
    EXPECT_EQ(kOptions.check_count, 20u);
    EXPECT_FLOAT_EQ(kOptions.trigger, 0.02F);
    EXPECT_FLOAT_EQ(kOptions.degree, 0.15F);
    const Threshold first = default_threshold(0);
    EXPECT_EQ(first.value, 1024u);
    EXPECT_EQ(first.least, 512u);
    EXPECT_EQ(first.most, 1535u);
    const Threshold third = default_threshold(2);
    EXPECT_EQ(third.value, 3072u);
    EXPECT_EQ(third.least, 2560u);
    EXPECT_EQ(third.most, 3583u);
}

TEST(DynamicThreshold, FindsWhatIsWrongWithThresholds) {
    const Threshold good[] = {default_threshold(0), default_threshold(1), default_threshold(2)};
    EXPECT_FALSE(find_fault(good, kOptions));
    for (unsigned bad = 0; bad < 3; ++bad) {
        Threshold above[] = {good[0], good[1], good[2]};
        above[bad].least = above[bad].value + 1;
        EXPECT_TRUE(find_fault(above, kOptions));
        EXPECT_EQ(find_fault(above, kOptions).index, bad);
        Threshold below[] = {good[0], good[1], good[2]};
        below[bad].most = below[bad].value - 1;
        EXPECT_TRUE(find_fault(below, kOptions));
        EXPECT_EQ(find_fault(below, kOptions).index, bad);
    }
    Threshold overlapping[] = {good[0], good[1], good[2]};
    overlapping[0].most = overlapping[1].least;
    ASSERT_TRUE(find_fault(overlapping, kOptions));
    EXPECT_EQ(find_fault(overlapping, kOptions).index, 1u);
    EXPECT_TRUE(find_fault(good, {.check_count = 20, .trigger = -0.1F, .degree = 0.1F}));
    EXPECT_TRUE(find_fault(good, {.check_count = 20, .trigger = 0.1F, .degree = -0.1F}));
    EXPECT_TRUE(find_fault(good, {.check_count = 20, .trigger = NAN, .degree = 0.1F}));
}

TEST(DynamicThreshold, MeasuresHowFarTheTiersAreFromTheirRatio) {
    EXPECT_DOUBLE_EQ(ratio_error({100, 1}, {400, 4}), 0);
    EXPECT_DOUBLE_EQ(ratio_error({100, 1}, {500, 4}), 1);
    EXPECT_DOUBLE_EQ(ratio_error({100, 1}, {0, 4}), -4);
    EXPECT_DOUBLE_EQ(ratio_error({0, 1}, {0, 4}), 0) << "nothing there yet";
    EXPECT_EQ(ratio_error({0, 1}, {1, 4}), HUGE_VAL);
}

TEST(DynamicThreshold, MovesTowardsTheRatioByTheDegree) {
    const Threshold threshold{1000, 500, 1500};
    EXPECT_EQ(adapted(threshold, 0.5, 0, kOptions), 1150u) << "too much above: more sizes go below";
    EXPECT_EQ(adapted(threshold, -0.5, 0, kOptions), 850u) << "too much below";
    EXPECT_EQ(adapted(threshold, HUGE_VAL, 0, kOptions), 1150u);
}

TEST(DynamicThreshold, StaysWhileTheErrorIsSmallOrShrinks) {
    const Threshold threshold{1000, 500, 1500};
    EXPECT_EQ(adapted(threshold, 0.019, 0, kOptions), 1000u);
    EXPECT_EQ(adapted(threshold, -0.019, 0, kOptions), 1000u);
    EXPECT_EQ(adapted(threshold, 0.5, 0.6, kOptions), 1000u);
    EXPECT_EQ(adapted(threshold, 0.5, -0.6, kOptions), 1000u);
    EXPECT_NE(adapted(threshold, 0.5, 0.5, kOptions), 1000u);
    EXPECT_EQ(adapted(threshold, 0, 0, {.check_count = 1, .trigger = 0, .degree = 0.5F}), 1000u)
        << "nothing is wrong";
}

TEST(DynamicThreshold, NeverLeavesItsBounds) {
    EXPECT_EQ(adapted({1000, 900, 1100}, 5, 0, kOptions), 1000u) << "1150 would be too much";
    EXPECT_EQ(adapted({1000, 900, 1100}, -5, 0, kOptions), 1000u);
    EXPECT_EQ(adapted({UINT64_MAX - 1, 0, UINT64_MAX}, 5, 0, kOptions), UINT64_MAX - 1);
    EXPECT_EQ(adapted({3, 0, 10}, 5, 0, kOptions), 4u) << "a small threshold moves, too";
    EXPECT_EQ(adapted({0, 0, 10}, -5, 0, kOptions), 0u);
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    for (int i = 0; i < 100000; ++i) {
        std::uint64_t numbers[] = {random() >> random() % 64, random() >> random() % 64,
                                   random() >> random() % 64};
        std::sort(std::begin(numbers), std::end(numbers));
        const double error =
            std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 80) - 100) *
            (random() % 2 == 0 ? 1 : -1);
        const std::uint64_t moved =
            adapted({numbers[1], numbers[0], numbers[2]}, error, 0,
                    {.check_count = 1, .trigger = 0, .degree = static_cast<float>(random() % 3)});
        ASSERT_GE(moved, numbers[0]);
        ASSERT_LE(moved, numbers[2]);
    }
}

TEST(Thresholds, SendEachSizeToItsTier) {
    Thresholds thresholds;
    const Threshold initial[] = {default_threshold(0), default_threshold(1)};
    thresholds.set(initial, kOptions);
    EXPECT_EQ(thresholds.choose(0), 0u);
    EXPECT_EQ(thresholds.choose(1023), 0u);
    EXPECT_EQ(thresholds.choose(1024), 1u);
    EXPECT_EQ(thresholds.choose(2048), 2u);
    EXPECT_EQ(thresholds.choose(UINT64_MAX), 2u);
}

TEST(Thresholds, AreDueOnceInACountOfAThreadsAllocations) {
    Thresholds thresholds;
    const Threshold initial[] = {default_threshold(0)};
    thresholds.set(initial, {.check_count = 5, .trigger = 0.02F, .degree = 0.15F});
    const auto due_in = [&](int allocations) {
        int due = 0;
        for (int i = 0; i < allocations; ++i)
            due += thresholds.is_due();
        return due;
    };
    EXPECT_EQ(due_in(4), 0);
    EXPECT_EQ(due_in(1), 1);
    EXPECT_EQ(due_in(500), 100);
    int in_other_thread = 0;
    std::thread([&] { in_other_thread = due_in(500); }).join();
    EXPECT_EQ(in_other_thread, 100);
    thresholds.set(initial, {.check_count = 0, .trigger = 0.02F, .degree = 0.15F});
    EXPECT_EQ(due_in(1000), 0) << "0 means never";
}

// Sizes drawn evenly from 1 to 2047 and never freed: a threshold of t puts t^2 / 2048^2 of the bytes below.
TEST(Thresholds, ConvergeToTheRatio) {
    Thresholds thresholds;
    const Threshold initial[] = {{1024, 64, 2000}};
    thresholds.set(initial, kOptions);
    std::mt19937 random(7);
    std::uint64_t bytes[2] = {0, 0};
    const auto load_of = [&](unsigned i) { return TierLoad{bytes[i], 1}; };
    for (int i = 0; i < 200000; ++i) {
        const std::uint64_t size = 1 + random() % 2047;
        if (thresholds.is_due())
            thresholds.adapt(load_of);
        bytes[thresholds.choose(size)] += size;
    }
    EXPECT_NEAR(static_cast<double>(bytes[1]) / static_cast<double>(bytes[0]), 1.0, 0.05);
}

TEST(Thresholds, StayOrderedAndBoundedUnderManyThreads) {
    Thresholds thresholds;
    const Threshold initial[] = {default_threshold(0), default_threshold(1)};
    thresholds.set(initial, {.check_count = 1, .trigger = 0, .degree = 0.3F});
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 4; ++t)
        threads.emplace_back([&thresholds, t] {
            std::mt19937 random(t);
            for (int i = 0; i < 20000; ++i) {
                thresholds.adapt([&random](unsigned) { return TierLoad{random() % 1000, 1}; });
                ASSERT_EQ(thresholds.choose(511), 0u);
                ASSERT_EQ(thresholds.choose(1535), 1u);
                ASSERT_EQ(thresholds.choose(2559), 2u);
            }
        });
    for (std::thread& thread : threads)
        thread.join();
}

}  // namespace
}  // namespace terrace::tiering
