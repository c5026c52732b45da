// What a thread remembers of each kind it uses: the arena it allocates from and its cache of free blocks
// (jemalloc's explicit tcache), as the flags to pass to jemalloc. Found through thread-local storage in a few
// instructions; opened at the thread's first use of a kind and closed when the thread ends or the kind is
// destroyed. jemalloc has about 4,090 such caches for the whole process; threads beyond that work without,
// only slower.
#pragma once

#include <cstdint>

#include "kinds/kind.hpp"
#include "src/thread_local.hpp"

namespace terrace::kinds {

struct CacheEntry {
    std::uint32_t serial;  // of the kind these flags are for; another one: stale
    int flags;
};

inline constexpr unsigned kInlineEntries = 8;

struct ThreadCaches {
    CacheEntry first[kInlineEntries];
    CacheEntry* rest;  // for the slots from kInlineEntries on; nullptr until one is used
    bool ending;       // the thread's destructors run: open no more caches
};

extern TERRACE_TLS ThreadCaches thread_caches;

// No flags of jemalloc's: the kind's heap is not jemalloc's, or it has no arena.
inline constexpr int kNoFlags = -1;

// Opens this thread's cache of a kind. Returns the flags, or kNoFlags.
int open_cache(memkind* kind);

// 3 loads, 1 compare once the cache is open.
inline int flags_for(memkind* kind) {
    if (kind->slot < kInlineEntries) [[likely]] {
        const CacheEntry& entry = thread_caches.first[kind->slot];
        if (entry.serial == kind->serial) [[likely]]
            return entry.flags;
    } else if (thread_caches.rest != nullptr) [[likely]] {
        const CacheEntry& entry = thread_caches.rest[kind->slot - kInlineEntries];
        if (entry.serial == kind->serial) [[likely]]
            return entry.flags;
    }
    return open_cache(kind);
}

// Destroys every thread's cache of a kind.
// REQUIRES: no thread uses the kind any more.
void close_caches_of(memkind* kind);

// To be called when the thread ends, before jemalloc lets go of it.
void close_caches_of_this_thread();

// The lock that open and close take, for fork().
Mutex& thread_caches_lock();

}  // namespace terrace::kinds
