// The shortcut of libmemtier.so: what malloc and free do when this thread's cache can serve them, compiled into
// that library over the state of libmemkind.so. take() and put() do all of it, counting included, or nothing: then
// the memtier functions do. It takes the same decisions, but not for every memory: one tier, or two in a fixed ratio,
// none of which ever refused an allocation. Thread safety: everything here, from any thread, without a lock.
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
#include "tiering/ledger.hpp"

extern "C" {
// kinds::thread_caches, page_map::sheets, tiering::estimate_changes, and how often a tier filled up or recovered.
extern TERRACE_TLS terrace::kinds::ThreadCaches terrace_preload_1_caches;
extern terrace::page_map::Entry* terrace_preload_1_sheets[terrace::page_map::kGranuleCount];
extern terrace::tiering::ChangeCount terrace_preload_1_estimate_changes;
extern terrace::tiering::ChangeCount terrace_preload_1_tier_changes;

// Opens the calling thread's shortcut to a memory, or brings it up to date; closes it when it may not be taken now.
// All calls in a process are about the same memory.
void terrace_preload_1_renew(memtier_memory* memory);
}

namespace terrace::tiering::shortcut {

static_assert(sizeof(kinds::CacheBin) == 16 && offsetof(kinds::ThreadCache, bins) == 0 &&
              offsetof(kinds::ThreadCache, entry) == 1024 && offsetof(kinds::ThreadCaches, near) == 0 &&
              offsetof(kinds::ThreadCaches, shortcut) == 512 &&
              offsetof(kinds::ThreadCaches, shortcut_seen) == 528);
static_assert(sizeof(LedgerEntry) == 64 && offsetof(LedgerEntry, net) == 0 &&
              offsetof(LedgerEntry, upper) == 8 && offsetof(LedgerEntry, lower) == 16 &&
              offsetof(LedgerEntry, allocations) == 32 && offsetof(LedgerEntry, elsewhere) == 40 &&
              offsetof(LedgerEntry, weight) == 48);
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

inline bool is_unchanged(const kinds::ThreadCaches& own, const ChangeCount& changes) {
    return changes.count.load(std::memory_order_relaxed) == own.shortcut_seen;
}

inline std::int64_t net_of(const kinds::ThreadCache* cache) {
    return cache->entry->net.load(std::memory_order_relaxed);
}

// A block of a class from this cache, counted; nullptr, and nothing done, when that is not all there is to do.
inline void* take_from(kinds::ThreadCache* cache, std::size_t class_number) {
    LedgerEntry& entry = *cache->entry;
    const std::int64_t net = net_of(cache) + kinds::size_class(class_number).size;
    if (net >= entry.upper) [[unlikely]]
        return nullptr;
    void* const block = cache->bins[class_number].take();
    if (block == nullptr) [[unlikely]]
        return nullptr;
    entry.net.store(net, std::memory_order_relaxed);
    entry.allocations.store(entry.allocations.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return block;
}

// A tier's bytes, which the ratio compares when each is multiplied by the other tier's share.
inline std::int64_t weighed(const kinds::ThreadCache* cache) {
    return (net_of(cache) + cache->entry->elsewhere) * cache->entry->weight;
}

// What malloc(size) gives, in the tier that the memory's policy chooses; or nullptr. Sizes beyond kMostByTable
// are not worth it: their memory costs more than the way to it.
inline void* take(std::size_t size) {
    if (size > kinds::kMostByTable) [[unlikely]]
        return nullptr;
    const std::size_t class_number = kClassesOfMalloc.by_eighth[(size + 7) / 8];
    const kinds::ThreadCaches& own = terrace_preload_1_caches;
    kinds::ThreadCache* const second = own.shortcut[1];
    kinds::ThreadCache* const first = own.shortcut[0];
    if (second == nullptr) {
        if (first == nullptr || !is_unchanged(own, terrace_preload_1_tier_changes)) [[unlikely]]
            return nullptr;
        return take_from(first, class_number);
    }
    if (!is_unchanged(own, terrace_preload_1_estimate_changes)) [[unlikely]]
        return nullptr;
    // Two calls, not one of the cache that is chosen: the processor shall guess the tier, and not wait for it.
    if (weighed(second) < weighed(first))
        return take_from(second, class_number);
    return take_from(first, class_number);
}

// Frees a block if that only takes to put it into this thread's cache; else false, and nothing is done.
inline bool put(void* block) {
    const page_map::Entry entry = page_map::entry_in(terrace_preload_1_sheets, block);
    const std::size_t owner = page_map::owner_in(entry);
    if (owner >= kinds::kNearCaches) [[unlikely]]
        return false;
    kinds::ThreadCache* const cache = terrace_preload_1_caches.near[owner];
    if (cache == nullptr || cache->entry == nullptr) [[unlikely]]
        return false;
    LedgerEntry& counts = *cache->entry;
    const std::size_t class_number = page_map::class_in(entry);
    const std::int64_t net = net_of(cache) - kinds::size_class(class_number).size;
    if (net <= counts.lower || !cache->bins[class_number].put(block)) [[unlikely]]
        return false;
    counts.net.store(net, std::memory_order_relaxed);
    return true;
}

}  // namespace terrace::tiering::shortcut
