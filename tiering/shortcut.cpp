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

// The ratio may have one tier chosen again and again, and no cache of another be opened for that, nor a static kind come
// to life. A thread that allocates so often has use for it.
constexpr unsigned kTriesBeforeOpening = 32;

kinds::ThreadCache* cache_of_tier(const Tier& tier) {
    kinds::ThreadCache* const cache = kinds::cache_of(kinds::owner_number(tier.slot));
    if (cache != nullptr || ++kinds::thread_caches.shortcut.tries % kTriesBeforeOpening != 0)
        return cache;
    kinds::KindState state = kinds::state_of(tier.kind);
    if (state == kinds::KindState::kNotPrepared && !kinds::thread_caches.preparing_kind)
        state = kinds::prepare(tier.kind);
    return state == kinds::KindState::kReady && tier.kind->foreign_heap == nullptr
               ? kinds::open_cache(tier.kind)
               : nullptr;
}

// This thread's cache of a tier, ready to be taken from; nullptr when there is none.
kinds::ThreadCache* prepare(const Tier& tier, LedgerPage* page) {
    kinds::ThreadCache* const cache = cache_of_tier(tier);
    if (cache != nullptr)
        tiering::keep_entry(cache, page);
    return cache;
}

// Keeps the shortcut shut until something changes: the tier is full, or of a kind that has no near caches. A static kind
// that was not used yet may still have some.
bool does_not_fit(const Tier& tier) {
    const kinds::KindState state = kinds::state_of(tier.kind);
    return tier.full_at.load(std::memory_order_relaxed) != UINT64_MAX ||
           kinds::owner_number(tier.slot) >= kinds::kNearCaches ||
           (state == kinds::KindState::kReady ? tier.kind->foreign_heap != nullptr
                                              : state != kinds::KindState::kNotPrepared);
}

bool has_misfit(const memtier_memory* memory) {
    for (unsigned i = 0; i < memory->on_shortcut; ++i)
        if (does_not_fit(memory->tiers[i]))
            return true;
    return false;
}

// What a byte in tier `of` adds to the first tier's lead over tier `over`.
std::int64_t weight(const memtier_memory* memory, unsigned of, unsigned over) {
    if (over >= memory->on_shortcut || (of != 0 && of != over))
        return 0;
    return of == 0 ? memory->tiers[over].share : -memory->tiers[0].share;
}

// From here on the lead follows what this thread counts in the tiers.
void weigh(const memtier_memory* memory, kinds::ThreadCache* const* caches, const LedgerPage* page) {
    kinds::ThreadCaches& all = kinds::thread_caches;
    kinds::Shortcut& own = all.shortcut;
    for (const unsigned owner : own.owners)
        all.near_weights[owner] = 0;
    own.count = memory->on_shortcut;
    std::int64_t over_second = 0;
    std::int64_t over_third = 0;
    for (unsigned i = 0; i < own.count; ++i) {
        own.caches[i] = caches[i];
        own.owners[i] = kinds::owner_number(memory->tiers[i].slot);
        own.weights[i] = tiering::both(weight(memory, i, 1), weight(memory, i, 2));
        all.near_weights[own.owners[i]] = own.weights[i];
        const std::int64_t bytes = tiering::own_view(memory->tiers[i].slot, page);
        over_second += bytes * weight(memory, i, 1);
        over_third += bytes * weight(memory, i, 2);
    }
    own.lead = own.count == 3 ? tiering::both_leads(over_second, over_third)
                              : static_cast<std::uint64_t>(over_second);
    own.settled_at = own.last_lead = own.lead;
    own.settled = tiering::shortcut::chosen_at(own.count, own.lead);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void terrace_preload_3_renew(memtier_memory* memory) {
    LedgerPage* const page = tiering::own_page();
    if (memory->on_shortcut == 0 || page == nullptr)
        return;
    kinds::Shortcut& own = kinds::thread_caches.shortcut;
    __atomic_store_n(&own.seen, 0, __ATOMIC_RELAXED);
    // Looked at before what they count.
    const std::uint64_t seen = tiering::changes.count.load(std::memory_order_acquire);
    if (seen == own.shut_at)
        return;
    if (has_misfit(memory)) {
        own.shut_at = seen;
        return;
    }
    kinds::ThreadCache* caches[kinds::kMostOnShortcut] = {};
    for (unsigned i = 0; i < memory->on_shortcut; ++i)
        if ((caches[i] = prepare(memory->tiers[i], page)) == nullptr)
            return;
    weigh(memory, caches, page);
    __atomic_store_n(&own.seen, seen, __ATOMIC_RELAXED);
}
