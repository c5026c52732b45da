// The shortcut of libmemtier.so: what malloc and free do when this thread's cache can serve them, compiled into
// that library over the state of libmemkind.so. take() and put() do all of it, counting included, or nothing: then
// the memtier functions do. It takes the same decisions, but not for every memory: one tier, two or three in a fixed
// ratio, or the first of tiers in order, none of which ever refused an allocation. The hot functions are inlined by
// force: only so malloc and free need no frame. Thread safety: everything here, from any thread, without a lock.
//
// The two libraries share these names and the layouts behind them and nothing else that is private. Whoever changes
// a layout below gets to a static_assert, and raises the number in the names: the loader does not start a program
// with two libraries that do not belong together.
#pragma once

#include <cstddef>
#include <cstdint>

#include "include/memkind_memtier.h"
#include "kinds/size_classes.hpp"
#include "kinds/thread_caches.hpp"
#include "src/page_map.hpp"
#include "tiering/lead.hpp"
#include "tiering/ledger.hpp"

extern "C" {
// kinds::thread_caches, page_map::sheets and tiering::changes.
extern TERRACE_TLS terrace::kinds::ThreadCaches terrace_preload_3_caches;
extern terrace::page_map::Entry* terrace_preload_3_sheets[terrace::page_map::kGranuleCount];
extern terrace::tiering::ChangeCount terrace_preload_3_changes;

// Opens the calling thread's shortcut to a memory, or brings it up to date; closes it when it may not be taken now.
// All calls in a process are about the same memory.
void terrace_preload_3_renew(memtier_memory* memory);
}

namespace terrace::tiering::shortcut {

static_assert(sizeof(kinds::CacheBin) == 16 && offsetof(kinds::ThreadCache, bins) == 0 &&
              offsetof(kinds::ThreadCache, entry) == 1024 && offsetof(kinds::ThreadCaches, near) == 0 &&
              offsetof(kinds::ThreadCaches, near_weights) == 512 &&
              offsetof(kinds::ThreadCaches, shortcut) == 1024 && offsetof(kinds::Shortcut, caches) == 64);
static_assert(sizeof(LedgerEntry) == 64 && offsetof(LedgerEntry, net) == 0 &&
              offsetof(LedgerEntry, upper) == 8 && offsetof(LedgerEntry, lower) == 16 &&
              offsetof(LedgerEntry, allocations) == 32);
static_assert(kinds::kCachedClasses == 45 && kinds::size_class(45).size == 65536 &&
              page_map::kGranuleBits == 26 && page_map::kOwnerShift == 48 && page_map::kClassMask == 63);

// The class of a block of malloc's, by (size + 7) / 8: the C library's blocks lie at multiples of 16, even those of
// no bytes, so class 1 is not used.
struct ClassesOfMalloc {
    std::uint8_t by_eighth[kinds::kMostByTable / 8 + 1] = {};

    constexpr ClassesOfMalloc() {
        for (std::size_t eighth = 0; eighth <= kinds::kMostByTable / 8; ++eighth)
            by_eighth[eighth] = static_cast<std::uint8_t>(kinds::class_of_size(eighth < 2 ? 16 : eighth * 8));
    }
};
constexpr ClassesOfMalloc kClassesOfMalloc{};

inline std::int64_t net_of(const kinds::ThreadCache* cache) {
    return cache->entry->net.load(std::memory_order_relaxed);
}

// The tier that the policy chooses: the last over which the first leads, or the first. An index and not a branch, for
// which tier it is looks like chance to the processor when sizes or lifetimes do, and a wrong guess costs as much as
// the rest of a malloc.
inline std::uint64_t chosen_at(unsigned count, std::uint64_t lead) {
    if (count <= 2)
        return static_cast<std::uint64_t>(static_cast<std::int64_t>(lead) > 0);
    const auto leads_second = static_cast<std::uint64_t>(lead_over_second(lead) > 0);
    const auto leads_third = static_cast<std::uint64_t>(lead_over_third(lead) > 0);
    return 2 * leads_third | (leads_second & ~leads_third);
}

// The same. Who waits for the lead waits for the last free, too, and that for its malloc before: a loop that allocates
// and frees the same would go round in single file. There the lead is the same each time; once it was so twice in a row
// the choice is settled, and taken on the guess that it still is. Where the lead wanders, that it stays twice is rare,
// so that this guess, too, is right.
inline std::uint64_t choose(kinds::Shortcut& own, std::uint64_t lead) {
    constexpr std::uint64_t kNever = 1ULL << 63;  // no lead is so far back
    std::uint64_t chosen = own.settled;
    if (lead != own.settled_at) {
        chosen = chosen_at(own.count, lead);
        own.settled_at = lead == own.last_lead ? lead : kNever;
        own.last_lead = lead;
        own.settled = chosen;
    }
    return chosen;
}

// What malloc(size) gives, in the tier that the memory's policy chooses; or nullptr. Sizes beyond kMostByTable
// are not worth it: their memory costs more than the way to it.
__attribute__((always_inline)) inline void* take(std::size_t size) {
    if (size > kinds::kMostByTable) [[unlikely]]
        return nullptr;
    const std::size_t class_number = kClassesOfMalloc.by_eighth[(size + 7) / 8];
    kinds::Shortcut& own = terrace_preload_3_caches.shortcut;
    if (terrace_preload_3_changes.count.load(std::memory_order_relaxed) !=
        __atomic_load_n(&own.seen, __ATOMIC_RELAXED)) [[unlikely]]
        return nullptr;
    const std::uint64_t lead = own.lead;
    const std::uint64_t chosen = choose(own, lead);
    kinds::ThreadCache* const cache = own.caches[chosen];
    LedgerEntry& entry = *cache->entry;
    const std::int64_t bytes = kinds::size_class(class_number).size;
    const std::uint64_t new_lead = lead + own.weights[chosen] * static_cast<std::uint64_t>(bytes);
    const std::int64_t net = net_of(cache) + bytes;
    if (net >= entry.upper) [[unlikely]]
        return nullptr;
    void* const block = cache->bins[class_number].take();
    if (block == nullptr) [[unlikely]]
        return nullptr;
    own.lead = new_lead;
    entry.net.store(net, std::memory_order_relaxed);
    entry.allocations.store(entry.allocations.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return block;
}

// Frees a block if that only takes to put it into this thread's cache; else false, and nothing is done.
__attribute__((always_inline)) inline bool put(void* block) {
    const page_map::Entry entry = page_map::entry_in(terrace_preload_3_sheets, block);
    const std::size_t owner = page_map::owner_in(entry);
    if (owner >= kinds::kNearCaches) [[unlikely]]
        return false;
    kinds::ThreadCache* const cache = terrace_preload_3_caches.near[owner];
    if (cache == nullptr || cache->entry == nullptr) [[unlikely]]
        return false;
    LedgerEntry& counts = *cache->entry;
    const std::size_t class_number = page_map::class_in(entry);
    const std::int64_t bytes = kinds::size_class(class_number).size;
    const std::int64_t net = net_of(cache) - bytes;
    if (net <= counts.lower || !cache->bins[class_number].put(block)) [[unlikely]]
        return false;
    counts.net.store(net, std::memory_order_relaxed);
    terrace_preload_3_caches.shortcut.lead -=
        static_cast<std::uint64_t>(bytes) * terrace_preload_3_caches.near_weights[owner];
    return true;
}

}  // namespace terrace::tiering::shortcut
