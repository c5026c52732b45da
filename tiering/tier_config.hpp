// The value of MEMKIND_MEM_TIERS as plain data, and the parser that makes it: text in, tiers or one fault
// out. Pure: allocates nothing, reads nothing but the text, and the results point into the text. The grammar
// stands in docs/tiering.md, "MEMKIND_MEM_TIERS".
#pragma once

#include <cstdint>
#include <string_view>

#include "kinds/static_kind.hpp"
#include "tiering/config_text.hpp"

namespace terrace::tiering {

inline constexpr unsigned kMostConfiguredTiers = 16;

// What a tier is made of: the static kind of this number, or one of the words behind them.
using TierKind = unsigned;
inline constexpr TierKind kDramTier = kinds::kDefault;
inline constexpr TierKind kKmemDaxTier = kinds::kDaxKmem;
inline constexpr TierKind kFileTier = kinds::kStaticKindCount;
inline constexpr TierKind kNodesTier = kFileTier + 1;  // nodes that the configuration names
inline constexpr TierKind kCxlTier = kFileTier + 2;    // nodes without CPUs that are no high-bandwidth memory

enum class TierPolicy { kStaticRatio, kDynamicThreshold, kCapacityOrder };

// The longest list of nodes, without its terminator.
inline constexpr unsigned kLongestNodeList = 255;

// The name that the grammar has for a kind, for messages and reports; where it has two, memkind's.
const char* name_of(TierKind kind);

struct TierSpec {
    TierKind kind = kDramTier;
    std::string_view name;         // the kind as the configuration has it
    std::string_view path;         // FS_DAX: the directory, never empty; otherwise empty
    std::string_view nodes;        // NODES: as "0-1+4"; otherwise empty
    std::uint64_t size_limit = 0;  // bytes, 0 for no limit
    unsigned ratio = 1;            // 1 or more
    unsigned column = 0;           // where the kind's name stands, counted from 1
};

struct TierConfig {
    TierSpec tiers[kMostConfiguredTiers];
    unsigned count = 0;
    TierPolicy policy = TierPolicy::kStaticRatio;
    unsigned policy_column = 0;
    bool strict = false;  // every tier must be there, and none stands in for another
};

// ENSURES: without a fault, config holds 1 to kMostConfiguredTiers complete tiers; with one, it is not to be used.
[[nodiscard]] ConfigFault parse_tier_config(std::string_view text, TierConfig& config);

}  // namespace terrace::tiering
