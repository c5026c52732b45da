// The value of MEMKIND_MEM_THRESHOLDS as plain data: one section per threshold, between the tiers of
// MEMKIND_MEM_TIERS in order. Pure, as tier_config.hpp. The grammar stands in docs/tiering.md,
// "MEMKIND_MEM_THRESHOLDS".
#pragma once

#include "tiering/config_text.hpp"
#include "tiering/dynamic_threshold.hpp"
#include "tiering/tier_config.hpp"

namespace terrace::tiering {

struct ThresholdConfig {
    Threshold thresholds[kMostConfiguredTiers - 1];
    unsigned count = 0;
};

// The thresholds for `tier_count` tiers: the defaults, with what `text` says instead.
// REQUIRES: 2 <= tier_count <= kMostConfiguredTiers. ENSURES: without a fault, config has tier_count - 1
// thresholds in which find_fault() finds none.
[[nodiscard]] ConfigFault parse_threshold_config(std::string_view text, unsigned tier_count,
                                                 ThresholdConfig& config);

// As parse_threshold_config() without a text.
ThresholdConfig default_thresholds(unsigned tier_count);

}  // namespace terrace::tiering
