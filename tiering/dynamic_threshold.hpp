// The DYNAMIC_THRESHOLD policy: small allocations to the first tier, larger ones to the next, with thresholds
// between the tiers that move so that the bytes in the tiers approach the wished ratio. Pure functions over
// plain numbers: no memory, no clock, no state. The rules and the defaults are memkind's, so that a memkind
// user's settings mean the same here.
#pragma once

#include <cstdint>
#include <span>

#include "tiering/static_ratio.hpp"

namespace terrace::tiering {

// Between tier i and tier i + 1: allocations of less than `value` bytes go to tier i or below.
struct Threshold {
    std::uint64_t value;
    std::uint64_t least;  // value never moves below this
    std::uint64_t most;   // nor above this
};

struct ThresholdOptions {
    unsigned check_count = 20;  // allocations of a thread between two looks at the ratio; 0: never look
    float trigger = 0.02F;      // how far the ratio may be off before a threshold moves
    float degree = 0.15F;       // by which part of itself a threshold moves
};

constexpr Threshold default_threshold(unsigned index) {
    const std::uint64_t start = std::uint64_t{1024} * index;
    return {start + 1024, start + 512, start + 1535};
}

// What keeps thresholds from being used; `what` is nullptr when nothing does.
struct ThresholdFault {
    const char* what = nullptr;
    unsigned index = 0;  // of the threshold, where it is about one

    explicit constexpr operator bool() const { return what != nullptr; }
};

constexpr ThresholdFault find_fault(std::span<const Threshold> thresholds, const ThresholdOptions& options) {
    for (unsigned i = 0; i < thresholds.size(); ++i) {
        if (thresholds[i].least > thresholds[i].value)
            return {"the minimum is above the initial value", i};
        if (thresholds[i].value > thresholds[i].most)
            return {"the maximum is below the initial value", i};
        if (i > 0 && thresholds[i - 1].most >= thresholds[i].least)
            return {"the minimum is not above the maximum of the threshold before", i};
    }
    if (!(options.trigger >= 0))  // NaN is no number to compare with either
        return {"the trigger is not 0 or more"};
    if (!(options.degree >= 0))
        return {"the degree is not 0 or more"};
    return {};
}

// How far two neighbouring tiers are from their wished ratio: above / below as it is, minus as it should be.
// 0 while there is nothing in either.
constexpr double ratio_error(const TierLoad& below, const TierLoad& above) {
    if (below.bytes == 0 && above.bytes == 0)
        return 0;
    const double wished = static_cast<double>(above.ratio) / static_cast<double>(below.ratio);
    if (below.bytes == 0)
        return __builtin_inf();
    return static_cast<double>(above.bytes) / static_cast<double>(below.bytes) - wished;
}

// Where a threshold moves: nowhere while the ratio is off by less than the trigger, or by less than at the
// last look; else by `degree` of itself towards the wished ratio, unless that leads out of its bounds.
// REQUIRES: find_fault() finds none.
constexpr std::uint64_t adapted(const Threshold& threshold, double error, double error_before,
                                const ThresholdOptions& options) {
    const double distance = error < 0 ? -error : error;
    const double distance_before = error_before < 0 ? -error_before : error_before;
    if (distance == 0 || distance < static_cast<double>(options.trigger) || distance < distance_before)
        return threshold.value;
    const double wished_step = static_cast<double>(threshold.value) * static_cast<double>(options.degree);
    if (!(wished_step < 9e18))  // beyond every bound, and beyond what a conversion can hold
        return threshold.value;
    auto step = static_cast<std::uint64_t>(wished_step);
    if (step == 0 && options.degree > 0)
        step = 1;   // small thresholds move, too
    if (error > 0)  // too much above: more sizes go below
        return step <= threshold.most - threshold.value ? threshold.value + step : threshold.value;
    return step <= threshold.value - threshold.least ? threshold.value - step : threshold.value;
}

}  // namespace terrace::tiering
