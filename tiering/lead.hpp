// The lead of the first of two tiers in a ratio: its bytes times the second's share, less the second's bytes times
// the first's share. Its sign is the STATIC_RATIO policy's choice (static_ratio.hpp). A thread on the shortcut
// (shortcut.hpp) keeps it up to date with each byte that it counts, by whatever way, so that the choice is one
// comparison; others' bytes come in when the shortcut is renewed. Thread safety: a thread's lead is its own.
#pragma once

#include "kinds/thread_caches.hpp"
#include "tiering/ledger.hpp"

namespace terrace::tiering {

namespace internal {
inline void move_lead(unsigned slot, std::int64_t bytes) {
    if (const unsigned owner = kinds::owner_number(slot); owner < kinds::kNearCaches)
        kinds::thread_caches.shortcut.lead += bytes * kinds::thread_caches.near_weights[owner];
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
