// What the environment, or a file that it names, says about the tiers; and what is said when that cannot be had.
#pragma once

#include "tiering/threshold_config.hpp"
#include "tiering/tier_config.hpp"

namespace terrace::preload {

struct Configuration {
    tiering::TierConfig tiers;
    tiering::ThresholdConfig thresholds;  // DYNAMIC_THRESHOLD only
};

// Reads it; false, after a message for people, when it is wrong. The texts that it points to stay.
// To be called once.
[[nodiscard]] bool read_configuration(Configuration* configuration);

// One tier, MEMKIND_DEFAULT: what a program without tiers has.
Configuration plain_dram();

// What goes wrong is no reason to stop the program: MEMKIND_MEM_TIERING_LENIENT=1.
bool is_lenient();

// How messages name where the tiers were configured: a variable, or a file.
const char* configured_by();

}  // namespace terrace::preload
