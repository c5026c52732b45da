// What a constructed memtier memory is: an array of tiers, fixed for its life, and for each what is known of
// its room. Thread safety: the numbers are atomic, everything else is constant after construction.
#pragma once

#include <atomic>
#include <cstdint>

#include "include/memkind.h"
#include "kinds/heap.hpp"
#include "tiering/ledger.hpp"
#include "tiering/thresholds.hpp"

namespace terrace::tiering {

static_assert(kinds::kMaxKinds <= kLedgerSlots, "every kind has an entry in the ledger");

struct Tier {
    memkind_t kind;
    unsigned slot;           // of the kind, in the ledger
    unsigned ratio;          // 1 or more
    std::int64_t share = 1;  // on the shortcut: the ratio without what all tiers' have in common

    // The tier refused an allocation when it held this many bytes; while it holds as many, it is passed over.
    std::atomic<std::uint64_t> full_at{UINT64_MAX};
    // How often it was passed over since: now and then it is tried all the same, for room can come from elsewhere.
    std::atomic<std::uint32_t> passed_over{0};
    // What its memory lies on is broken. Nothing is allocated there any more; full_at is 0 then.
    std::atomic<bool> has_failed{false};
    // For memtier_get_tier_statistics().
    std::atomic<std::uint64_t> refusals{0};
    std::atomic<std::uint64_t> passed_on{0};
};

}  // namespace terrace::tiering

// The C interface's name for it, so it stands outside the namespace.
struct memtier_memory {
    unsigned count = 0;         // INVARIANT: 1 to kMostTiers, kinds differ from each other
    bool by_threshold = false;  // the policy is DYNAMIC_THRESHOLD: thresholds are in use
    bool in_order = false;      // the policy is CAPACITY_ORDER: the first tier with room
    bool is_strict = false;     // no tier stands in for another
    // The policy is so simple that libmemtier.so may follow it by itself, among so many of the first tiers; or 0.
    unsigned on_shortcut = 0;
    // every tier; MEMKIND_DEFAULT last if it is one, but for CAPACITY_ORDER
    unsigned fallback_order[terrace::tiering::kMostTiers] = {};
    terrace::tiering::Tier tiers[terrace::tiering::kMostTiers] = {};
    terrace::tiering::Thresholds thresholds;
};
