// The value of MEMKIND_MEM_TIERS as plain data, and the parser that makes it: text in, tiers or one fault
// out. Pure: allocates nothing, reads nothing but the text, and the results point into the text. The grammar
// stands in docs/tiering.md, "MEMKIND_MEM_TIERS".
#pragma once

#include <cstdint>
#include <string_view>

namespace terrace::tiering {

inline constexpr unsigned kMostConfiguredTiers = 16;

enum class TierKind { kDram, kKmemDax, kFsDax };
enum class TierPolicy { kStaticRatio, kDynamicThreshold };

// The name that the grammar has for a kind, for messages and reports.
const char* name_of(TierKind kind);

struct TierSpec {
    TierKind kind = TierKind::kDram;
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

// What is wrong, where, and what would be right. `what` is nullptr when nothing is.
struct ConfigFault {
    const char* what = nullptr;      // "unknown kind"
    std::string_view token;          // the offending part of the text; may be empty
    unsigned column = 0;             // where the token begins, counted from 1
    const char* accepted = nullptr;  // what may stand there

    explicit operator bool() const { return what != nullptr; }
};

// ENSURES: without a fault, config holds 1 to kMostConfiguredTiers complete tiers; with one, it is not to be
// used.
[[nodiscard]] ConfigFault parse_tier_config(std::string_view text, TierConfig& config);

// What is well-formed but cannot be had yet: KMEM_DAX tiers and DYNAMIC_THRESHOLD.
[[nodiscard]] ConfigFault find_unsupported(std::string_view text, const TierConfig& config);

}  // namespace terrace::tiering
