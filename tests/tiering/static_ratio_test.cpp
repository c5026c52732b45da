// The STATIC_RATIO policy as a pure function: bytes and shares in, a tier's index out.
#include "tiering/static_ratio.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

namespace terrace::tiering {
namespace {

using Tiers = std::vector<TierLoad>;

TEST(StaticRatio, OneTierTakesEverything) {
    EXPECT_EQ(choose_by_static_ratio(Tiers{{0, 1}}), 0u);
    EXPECT_EQ(choose_by_static_ratio(Tiers{{UINT64_MAX, 7}}), 0u);
}

TEST(StaticRatio, TheFirstAllocationGoesToTheFirstTier) {
    EXPECT_EQ(choose_by_static_ratio(Tiers{{0, 1}, {0, 4}}), 0u);
}

TEST(StaticRatio, ATierThatLagsBehindItsShareIsChosen) {
    EXPECT_EQ(choose_by_static_ratio(Tiers{{100, 1}, {399, 4}}), 1u);
    EXPECT_EQ(choose_by_static_ratio(Tiers{{100, 1}, {400, 4}}), 0u);
    EXPECT_EQ(choose_by_static_ratio(Tiers{{100, 1}, {401, 4}}), 0u);
}

TEST(StaticRatio, OfSeveralThatLagTheLastIsChosen) {
    EXPECT_EQ(choose_by_static_ratio(Tiers{{100, 1}, {0, 1}, {0, 1}}), 2u);
    EXPECT_EQ(choose_by_static_ratio(Tiers{{100, 1}, {0, 1}, {100, 1}}), 1u);
}

TEST(StaticRatio, NeitherRoundsNorOverflowsAtTheEdges) {
    constexpr std::uint64_t kHuge = UINT64_MAX;
    constexpr std::uint64_t kLargestShare = 0xffffffff;
    EXPECT_EQ(choose_by_static_ratio(Tiers{{kHuge, kLargestShare}, {kHuge, kLargestShare}}), 0u);
    EXPECT_EQ(choose_by_static_ratio(Tiers{{kHuge, kLargestShare}, {kHuge - 1, kLargestShare}}), 1u);
    // A double would call these equal.
    EXPECT_EQ(choose_by_static_ratio(Tiers{{(1ull << 60) + 1, 1}, {1ull << 60, 1}}), 1u);
}

// Places objects of one size and returns the bytes per tier.
std::vector<std::uint64_t> place(Tiers tiers, int objects, std::uint64_t size) {
    for (int i = 0; i < objects; ++i)
        tiers[choose_by_static_ratio(tiers)].bytes += size;
    std::vector<std::uint64_t> bytes;
    for (const TierLoad& tier : tiers)
        bytes.push_back(tier.bytes);
    return bytes;
}

TEST(StaticRatio, HoldsTheRatioToTheObjectWhateverItIs) {
    EXPECT_EQ(place({{0, 1}, {0, 4}}, 1000, 64), (std::vector<std::uint64_t>{200 * 64, 800 * 64}));
    EXPECT_EQ(place({{0, 10}, {0, 40}}, 1000, 64), (std::vector<std::uint64_t>{200 * 64, 800 * 64}));
    EXPECT_EQ(place({{0, 1}, {0, 2}, {0, 5}}, 800, 100), (std::vector<std::uint64_t>{10000, 20000, 50000}));
    EXPECT_EQ(place({{0, 7}, {0, 1}}, 800, 1), (std::vector<std::uint64_t>{700, 100}));
}

TEST(StaticRatio, StaysWithinTheLargestObjectForRandomSizesAndFrees) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    for (int round = 0; round < 50; ++round) {
        const std::uint64_t r0 = 1 + random() % 9;
        const std::uint64_t r1 = 1 + random() % 9;
        Tiers tiers{{0, r0}, {0, r1}};
        constexpr std::uint64_t kLargest = 4096;
        for (int i = 0; i < 2000; ++i) {
            tiers[choose_by_static_ratio(tiers)].bytes += 1 + random() % kLargest;
            const auto here = static_cast<double>(tiers[0].bytes * r1);
            const auto there = static_cast<double>(tiers[1].bytes * r0);
            ASSERT_LE(std::abs(here - there), static_cast<double>(kLargest * std::max(r0, r1)));
        }
    }
}

}  // namespace
}  // namespace terrace::tiering
