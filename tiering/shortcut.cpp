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

// The ratio may have one tier chosen again and again, and no cache of the other be opened for that. A thread that
// allocates so often has use for one.
constexpr unsigned kTriesBeforeOpening = 32;

kinds::ThreadCache* cache_of_tier(const Tier& tier) {
    kinds::ThreadCache* const cache = kinds::cache_of(kinds::owner_number(tier.slot));
    if (cache != nullptr || kinds::state_of(tier.kind) != kinds::KindState::kReady ||
        tier.kind->foreign_heap != nullptr ||
        ++kinds::thread_caches.shortcut.tries % kTriesBeforeOpening != 0)
        return cache;
    return kinds::open_cache(tier.kind);
}

// This thread's cache of a tier, ready to be taken from; nullptr when there is none.
kinds::ThreadCache* prepare(const Tier& tier, LedgerPage* page) {
    if (kinds::owner_number(tier.slot) >= kinds::kNearCaches)
        return nullptr;
    kinds::ThreadCache* const cache = cache_of_tier(tier);
    if (cache == nullptr || tier.full_at.load(std::memory_order_relaxed) != UINT64_MAX)
        return nullptr;
    tiering::keep_entry(cache, page);
    return cache;
}

// From here on the lead follows what this thread counts in the tiers.
void weigh(const memtier_memory* memory, kinds::ThreadCache* const* caches, const LedgerPage* page) {
    kinds::Shortcut& own = kinds::thread_caches.shortcut;
    for (const unsigned owner : own.owners)
        kinds::thread_caches.near_weights[owner] = 0;
    own.lead = 0;
    for (unsigned i = 0; i < memory->count; ++i) {
        const Tier& tier = memory->tiers[i];
        own.caches[i] = caches[i];
        own.owners[i] = kinds::owner_number(tier.slot);
        own.weights[i] = kinds::thread_caches.near_weights[own.owners[i]] = tier.weight;
        own.lead += tiering::own_view(tier.slot, page) * tier.weight;
    }
    own.settled_at = own.last_lead = own.lead;
    own.settled = own.lead > 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void terrace_preload_2_renew(memtier_memory* memory) {
    LedgerPage* const page = tiering::own_page();
    if (!memory->has_shortcut || page == nullptr)
        return;
    kinds::Shortcut& own = kinds::thread_caches.shortcut;
    __atomic_store_n(&own.seen, 0, __ATOMIC_RELAXED);
    // Looked at before what they count.
    const std::uint64_t seen = tiering::changes.count.load(std::memory_order_acquire);
    kinds::ThreadCache* caches[2] = {};
    for (unsigned i = 0; i < memory->count; ++i)
        if ((caches[i] = prepare(memory->tiers[i], page)) == nullptr)
            return;
    weigh(memory, caches, page);
    __atomic_store_n(&own.seen, seen, __ATOMIC_RELAXED);
}
