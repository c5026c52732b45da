// A thread's caches keep pointers to the entries of the ledger in which their thread counts, so that an allocation
// finds both with one look. They are forgotten when the thread gives its page of the ledger away. Thread safety: a
// thread's caches are its own.
#pragma once

#include "kinds/thread_caches.hpp"
#include "tiering/ledger.hpp"

namespace terrace::tiering {

namespace internal {
void keep_entry(kinds::ThreadCache* cache, LedgerPage* page);
}

// ENSURES: cache->entry is that of the cache's kind in `page`. REQUIRES: both are the calling thread's.
inline void keep_entry(kinds::ThreadCache* cache, LedgerPage* page) {
    if (cache->entry == nullptr) [[unlikely]]
        internal::keep_entry(cache, page);
}

}  // namespace terrace::tiering
