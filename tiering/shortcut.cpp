// libmemkind.so's side of the shortcut: the names that libmemtier.so knows, and when the shortcut may be taken.
#include "tiering/shortcut.hpp"

#include "kinds/places.hpp"
#include "tiering/kept_entries.hpp"
#include "tiering/memory.hpp"

using namespace terrace;
using tiering::LedgerEntry;
using tiering::LedgerPage;
using tiering::Tier;

namespace {

void close_shortcut() {
    for (kinds::ThreadCache*& cache : kinds::thread_caches.shortcut)
        __atomic_store_n(&cache, static_cast<kinds::ThreadCache*>(nullptr), __ATOMIC_RELAXED);
}

// The ratio may have one tier chosen again and again, and no cache of the other be opened for that. A thread that
// allocates so often has use for one.
constexpr unsigned kTriesBeforeOpening = 32;

kinds::ThreadCache* cache_of_tier(const Tier& tier) {
    kinds::ThreadCache* const cache = kinds::cache_of(kinds::owner_number(tier.slot));
    if (cache != nullptr || kinds::state_of(tier.kind) != kinds::KindState::kReady ||
        tier.kind->foreign_heap != nullptr ||
        ++kinds::thread_caches.shortcut_tries % kTriesBeforeOpening != 0)
        return cache;
    return kinds::open_cache(tier.kind);
}

// This thread's cache of a tier, ready to be taken from; nullptr when there is none.
kinds::ThreadCache* prepare(const Tier& tier, LedgerPage* page) {
    kinds::ThreadCache* const cache = cache_of_tier(tier);
    if (cache == nullptr || tier.full_at.load(std::memory_order_relaxed) != UINT64_MAX)
        return nullptr;
    tiering::keep_entry(cache, page);
    LedgerEntry& entry = *cache->entry;
    entry.elsewhere = tiering::estimate_without(tier.slot, entry);
    entry.weight = tier.weight;
    return cache;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void terrace_preload_1_renew(memtier_memory* memory) {
    LedgerPage* const page = tiering::own_page();
    if (!memory->has_shortcut || page == nullptr)
        return;
    close_shortcut();
    // Looked at before what they count.
    tiering::ChangeCount& changes = memory->count == 1 ? tiering::tier_changes : tiering::estimate_changes;
    const std::uint64_t seen = changes.count.load(std::memory_order_acquire);
    kinds::ThreadCache* caches[2] = {};
    for (unsigned i = 0; i < memory->count; ++i)
        if ((caches[i] = prepare(memory->tiers[i], page)) == nullptr)
            return;
    kinds::thread_caches.shortcut_seen = seen;
    __atomic_store_n(&kinds::thread_caches.shortcut[1], caches[1], __ATOMIC_RELAXED);
    __atomic_store_n(&kinds::thread_caches.shortcut[0], caches[0], __ATOMIC_RELAXED);
}
