// The ledger counts the bytes that are allocated in each kind. Every thread writes only its own page of it;
// the policy reads a shared estimate, to which a thread adds its balance each time that has drifted by
// kPublishBytes. Thread safety: all functions, from any thread, without a lock and without calling malloc.
// See docs/tiering.md, "Accounting".
#pragma once

#include <atomic>
#include <cstdint>

#include "src/thread_local.hpp"

namespace terrace::tiering {

// Kinds are told apart by their slot, a dense index that the kinds folder hands out.
inline constexpr unsigned kLedgerSlots = 4096;

// How far a thread's balance may drift before the policy hears of it. 16 KiB keeps two threads that allocate
// 64-byte objects at one shared write in 256 allocations, and the ratio within 16 KiB times (threads - 1) per tier.
inline constexpr std::int64_t kPublishBytes = 16 * 1024;

struct alignas(64) LedgerEntry {
    // bytes allocated minus bytes freed by this page's owners; written by the owner only
    std::atomic<std::int64_t> net{0};
    // When `net` arrives at one of these, the shared estimate is to hear of it: kPublishBytes from `published`,
    // and in a new entry at once. Touched by the owner only, as is what follows.
    std::int64_t upper = 0;
    std::int64_t lower = 0;
    // the part of net that the shared estimate contains
    std::int64_t published = 0;
    // how many blocks were allocated; written by the owner only
    std::atomic<std::uint64_t> allocations{0};
};

// One thread's page. Its numbers outlive the thread: the next owner carries on where it stopped.
struct LedgerPage {
    std::atomic<bool> owned{false};
    LedgerEntry entries[kLedgerSlots];
};

// What the policy sees of a kind; one cache line each, written once per kPublishBytes of drift.
struct alignas(64) SharedBalance {
    std::atomic<std::int64_t> estimate{0};           // sum of every published, minus base
    std::atomic<std::int64_t> base{0};               // what forgotten kinds left behind in this slot
    std::atomic<std::int64_t> peak{0};               // highest estimate
    std::atomic<std::uint64_t> allocations_base{0};  // as base
    std::atomic<std::uint32_t> tenant{0};            // the kind that the numbers are about
};

// How often something changed, from 1: one load tells whether it did again. On a line of its own.
struct alignas(64) ChangeCount {
    std::atomic<std::uint64_t> count{1};

    void increment() { count.fetch_add(1, std::memory_order_release); }
};

// What the shortcuts of all threads rest on: that no tier became full, or broke, or has room again; and, when some
// compare tiers, the shared estimates.
extern ChangeCount changes;
extern std::atomic<bool> estimates_are_compared;

namespace internal {
extern __attribute__((visibility("hidden"))) TERRACE_TLS LedgerPage* own_page;
extern SharedBalance shared_balances[kLedgerSlots];
void publish(unsigned slot, LedgerEntry& entry);
void account_without_page(unsigned slot, std::int64_t bytes);

// Called, where it is set, when a thread gives its page away: it may have kept pointers into it.
extern std::atomic<void (*)()> before_release;

template <class Result>
__attribute__((noinline)) Result publish_and_return(unsigned slot, LedgerEntry& entry, Result result) {
    publish(slot, entry);
    return result;
}

template <class Result>
__attribute__((noinline)) Result account_without_page_and_return(unsigned slot, std::int64_t bytes,
                                                                 Result result) {
    account_without_page(slot, bytes);
    return result;
}
}  // namespace internal

// The calling thread's page; nullptr until it first counts something, and when there is none for it.
inline LedgerPage* own_page() {
    return internal::own_page;
}

// Notes that `bytes` more (or, negative, fewer) are allocated in the kind at `slot`, and passes `result` on,
// so that a caller who returns it has nothing to save across the rare calls. 1 addition, no lock.
template <class Result>
inline Result account_in(LedgerPage* page, unsigned slot, std::int64_t bytes, Result result) {
    LedgerEntry& entry = page->entries[slot];
    const std::int64_t net = entry.net.load(std::memory_order_relaxed) + bytes;
    entry.net.store(net, std::memory_order_relaxed);
    if (net >= entry.upper || net <= entry.lower) [[unlikely]]
        return internal::publish_and_return(slot, entry, result);
    return result;
}

template <class Result>
inline Result account_and_return(unsigned slot, std::int64_t bytes, Result result) {
    LedgerPage* const page = own_page();
    if (page == nullptr) [[unlikely]]
        return internal::account_without_page_and_return(slot, bytes, result);
    return account_in(page, slot, bytes, result);
}

// Notes a block more in the kind at `slot`; its bytes are for account_in(). 1 addition, no lock.
inline void count_block_in(LedgerPage* page, unsigned slot) {
    std::atomic<std::uint64_t>& allocations = page->entries[slot].allocations;
    allocations.store(allocations.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// The same and its bytes, with or without a page.
void account_block(unsigned slot, std::int64_t bytes);

inline void account(unsigned slot, std::int64_t bytes) {
    account_and_return(slot, bytes, 0);
}

// The policy's view: exact for a process with one thread, else at most kPublishBytes per other thread away; negative
// for a moment when others have freed first what they have not yet told of. `page` is the calling thread's, or nullptr.
inline std::int64_t own_view(unsigned slot, const LedgerPage* page) {
    const std::int64_t told = internal::shared_balances[slot].estimate.load(std::memory_order_relaxed);
    if (page == nullptr)
        return told;
    const LedgerEntry& entry = page->entries[slot];
    return told + entry.net.load(std::memory_order_relaxed) - entry.published;
}

// The same, never negative.
inline std::uint64_t estimated_bytes(unsigned slot, const LedgerPage* page) {
    const std::int64_t bytes = own_view(slot, page);
    return bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
}

inline std::uint64_t estimated_bytes(unsigned slot) {
    return estimated_bytes(slot, own_page());
}

// The sum over every thread's page: exact whenever no thread is in the middle of a call, and never negative.
// Cost: one load per thread that ever ran at the same time as others; not for allocation paths.
std::uint64_t allocated_bytes(unsigned slot);

// How many blocks were ever allocated. As allocated_bytes().
std::uint64_t allocated_blocks(unsigned slot);

// The highest the estimate has been, and at least what is allocated now.
std::uint64_t peak_bytes(unsigned slot);

namespace internal {
void change_tenant(unsigned slot, std::uint32_t tenant);
}

// To be called before a kind's first allocation is accounted. Slots are used again after a kind is destroyed,
// and what was never freed of the old kind is gone with it: the new one, which has another `tenant` number,
// starts at zero. 1 load, unless the tenant is new.
inline void ensure_tenant(unsigned slot, std::uint32_t tenant) {
    if (internal::shared_balances[slot].tenant.load(std::memory_order_acquire) != tenant) [[unlikely]]
        internal::change_tenant(slot, tenant);
}

}  // namespace terrace::tiering
