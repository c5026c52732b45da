// The lead of the first of two tiers in a ratio: its bytes times the second's share, less the second's bytes times
// the first's share. Its sign is the STATIC_RATIO policy's choice (static_ratio.hpp). A thread on the shortcut
// (shortcut.hpp) keeps it up to date with each byte that it counts, by whatever way, so that the choice is one
// comparison; others' bytes come in when the shortcut is renewed. Thread safety: a thread's lead is its own.
//
// Among three tiers the first has a lead over the second and one over the third. Both are in one number, the latter
// times 2^32, and so are the weights, so that counting is the same one multiplication. Each has 32 bits: enough for its
// sign while no tier's bytes move by more than 2 * kPublishBytes, after which the shortcut is renewed at the latest.
#pragma once

#include <algorithm>

#include "kinds/thread_caches.hpp"
#include "tiering/ledger.hpp"

namespace terrace::tiering {

// A byte's weight in each lead is one of these at most.
inline constexpr std::int64_t kMostWeightOfTwo = 1 << 15;
inline constexpr std::int64_t kMostWeightOfThree = 1 << 13;

inline std::uint64_t both(std::int64_t over_second, std::int64_t over_third) {
    return static_cast<std::uint64_t>(over_second) + (static_cast<std::uint64_t>(over_third) << 32);
}

// The leads in one number, to begin with. Far from 0 only their sign matters.
inline std::uint64_t both_leads(std::int64_t over_second, std::int64_t over_third) {
    constexpr std::int64_t kFar = 1 << 30;
    static_assert(kFar + 2 * (2 * kPublishBytes) * kMostWeightOfThree < INT32_MAX);
    return both(std::clamp(over_second, -kFar, kFar), std::clamp(over_third, -kFar, kFar));
}

inline std::int64_t lead_over_second(std::uint64_t both) {
    return static_cast<std::int32_t>(both);
}

inline std::int64_t lead_over_third(std::uint64_t both) {
    return static_cast<std::int64_t>(both - static_cast<std::uint64_t>(lead_over_second(both))) >> 32;
}

namespace internal {
inline void move_lead(unsigned slot, std::int64_t bytes) {
    if (const unsigned owner = kinds::owner_number(slot); owner < kinds::kNearCaches)
        kinds::thread_caches.shortcut.lead +=
            static_cast<std::uint64_t>(bytes) * kinds::thread_caches.near_weights[owner];
}
}  // namespace internal

// As the ledger's functions, for the lead, too.
template <class Result>
inline Result count_in(LedgerPage* page, unsigned slot, std::int64_t bytes, Result result) {
    internal::move_lead(slot, bytes);
    return account_in(page, slot, bytes, result);
}

template <class Result>
inline Result count_and_return(unsigned slot, std::int64_t bytes, Result result) {
    internal::move_lead(slot, bytes);
    return account_and_return(slot, bytes, result);
}

inline void count(unsigned slot, std::int64_t bytes) {
    count_and_return(slot, bytes, 0);
}

inline void count_block(unsigned slot, std::int64_t bytes) {
    internal::move_lead(slot, bytes);
    account_block(slot, bytes);
}

}  // namespace terrace::tiering
