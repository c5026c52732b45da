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

// What a tier is made of: the static kind of this number, or a file.
using TierKind = unsigned;
inline constexpr TierKind kDramTier = kinds::kDefault;
inline constexpr TierKind kKmemDaxTier = kinds::kDaxKmem;
inline constexpr TierKind kFileTier = kinds::kStaticKindCount;

enum class TierPolicy { kStaticRatio, kDynamicThreshold };

// The name that the grammar has for a kind, for messages and reports; where it has two, memkind's.
const char* name_of(TierKind kind);

struct TierSpec {
    TierKind kind = kDramTier;
    std::string_view path;         // FS_DAX: the directory, never empty; otherwise empty
    std::uint64_t size_limit = 0;  // FS_DAX: bytes, 0 for no limit
    unsigned ratio = 0;            // 1 or more
    unsigned column = 0;           // where the kind's name stands, counted from 1
};

struct TierConfig {
    TierSpec tiers[kMostConfiguredTiers];
    unsigned count = 0;
    TierPolicy policy = TierPolicy::kStaticRatio;
    unsigned policy_column = 0;
};

// ENSURES: without a fault, config holds 1 to kMostConfiguredTiers complete tiers; with one, it is not to be used.
[[nodiscard]] ConfigFault parse_tier_config(std::string_view text, TierConfig& config);

}  // namespace terrace::tiering
