#include "tiering/kept_entries.hpp"

namespace terrace::tiering {
namespace {

void forget_entries() {
    __atomic_store_n(&kinds::thread_caches.shortcut.seen, 0, __ATOMIC_RELAXED);
    kinds::for_each_own_cache([](kinds::ThreadCache* cache) { cache->entry = nullptr; });
}

}  // namespace

void internal::keep_entry(kinds::ThreadCache* cache, LedgerPage* page) {
    before_release.store(forget_entries, std::memory_order_relaxed);
    cache->entry = &page->entries[cache->shown_slot];
}

}  // namespace terrace::tiering
