// What a thread keeps of each kind it uses: a cache of free blocks, a stack for each size class. Taking a
// block from it and putting one back is all that most calls do. A cache is opened at the thread's first use
// of a kind and closed when the thread ends or the kind is destroyed. Thread safety: a cache belongs to its
// thread. The lists of a kind's caches are under a lock; another thread may look into a cache to count
// (racing, each number by itself), and ask for it to be emptied.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kinds/kind.hpp"
#include "src/page_map.hpp"
#include "src/thread_local.hpp"

namespace terrace::tiering {
struct LedgerEntry;
}

namespace terrace::kinds {

// A stack of free blocks of one class. Below the lowest block lies a nullptr, so that one load tells both the
// block and that there is none.
struct CacheBin {
    void** top;    // (atomic) the block to be taken next, or the nullptr below all
    void** limit;  // `top` of a full stack; classes without a stack have their `top` here for good

    // nullptr when it is empty.
    void* take() {
        void** const at = top;
        void* const block = *at;
        // Whoever counts blocks in caches may be looking.
        if (block != nullptr) [[likely]]
            __atomic_store_n(&top, at - 1, __ATOMIC_RELAXED);
        return block;
    }

    // False, and nothing done, when it is full.
    bool put(void* block) {
        void** const at = top;
        if (at >= limit) [[unlikely]]
            return false;
        at[1] = block;
        __atomic_store_n(&top, at + 1, __ATOMIC_RELAXED);
        return true;
    }
};

struct ThreadCaches;

struct ThreadCache {
    // By what a page map's entry may say, so that a free need not ask whether that is a class that is cached.
    CacheBin bins[page_map::kClassMask + 1];
    // Where the owning thread counts for the kind that users see; nullptr until it does.
    tiering::LedgerEntry* entry;
    memkind* kind;
    unsigned shown_slot;  // of the kind that users see
    Shard* shard;
    bool asked_to_empty;                     // (atomic) by memkind_trim in another thread
    unsigned visits;                         // to the shard, to know when to look for idle bins
    std::uint16_t seen[kCachedClasses + 1];  // how full each bin was at the last look
    // How many blocks to fetch when a bin is empty: doubles from 1, so that rare sizes stay few.
    std::uint16_t refill[kCachedClasses + 1];
    // In the list of the kind's caches; `home` is where the owning thread, whose caches these are, looks it up.
    ThreadCache* next;
    ThreadCache* previous;
    ThreadCache** home;
    ThreadCaches* thread;
};

// The caches of a thread, by owner number. Most programs use few kinds, with low numbers.
inline constexpr unsigned kNearCaches = 64;

// What the preload library needs to take blocks by itself from one tier, two or three (tiering/shortcut.hpp), whose
// state this is.
inline constexpr unsigned kMostOnShortcut = 3;

struct Shortcut {
    // (atomic) Of the changes that are counted, those that are taken into account; 0 while it may not.
    std::uint64_t seen;
    std::uint64_t lead;                      // the first tier's (tiering/lead.hpp)
    std::uint64_t settled_at;                // the lead at which `settled` is the choice
    std::uint64_t settled;                   // a tier
    std::uint64_t last_lead;                 // at the last choice that was not the settled one
    std::uint64_t weights[kMostOnShortcut];  // what a byte in each tier adds to the lead; 0 for one tier
    ThreadCache* caches[kMostOnShortcut];    // of the tiers
    unsigned owners[kMostOnShortcut];        // who have these weights in `near_weights`, too
    unsigned count;                          // of the tiers
    unsigned tries;                          // to take it, that found a tier without a cache
    std::uint64_t shut_at;                   // of the changes, those at which a tier kept it shut
};

struct ThreadCaches {
    ThreadCache* near[kNearCaches];  // (atomic) [0] stays nullptr, for nobody's addresses
    // What a byte in the kind adds to the lead: 0 but for the tiers of the shortcut. By owner as `near`, and not in the
    // cache, so that a free need not find the cache first: the next choice waits for this.
    std::uint64_t near_weights[kNearCaches];
    Shortcut shortcut;
    ThreadCache** far;    // for the owner numbers from kNearCaches on; nullptr until one is used
    unsigned number;      // of this thread, from 1 in order of first use; 0: not given yet
    bool ending;          // the thread's destructors run: open no more caches
    bool preparing_kind;  // a static kind is looking for its nodes, and allocates on the way
};

extern TERRACE_TLS ThreadCaches thread_caches;

// This thread's cache of a kind, nullptr when it has none. 1 load.
inline ThreadCache* cache_of(unsigned owner) {
    if (owner < kNearCaches) [[likely]]
        return __atomic_load_n(&thread_caches.near[owner], __ATOMIC_RELAXED);
    return thread_caches.far == nullptr ? nullptr
                                        : __atomic_load_n(&thread_caches.far[owner], __ATOMIC_RELAXED);
}

// Opens this thread's cache of a kind. nullptr when there is no memory for it, or the thread is about to end.
// REQUIRES: the kind is kReady and has no foreign heap.
ThreadCache* open_cache(memkind* kind);

// Fills an empty bin and takes one block of it; nullptr when the kind is full.
void* refill_and_take(ThreadCache* cache, unsigned class_number);

// Puts a block of a cached class into a bin that is full.
void make_room_and_put(ThreadCache* cache, unsigned class_number, void* block);

// Gives every block of a cache of the calling thread back.
void empty_cache(ThreadCache* cache);

// Asks every thread's cache of a kind to be emptied: the caller's at once, the others when they next refill
// or overflow.
void empty_caches_of(memkind* kind);

// The bytes in all threads' caches of a kind; exact while nobody uses the kind.
std::size_t bytes_in_caches(memkind* kind);

// Forgets every thread's cache of a kind, with the blocks in it.
// REQUIRES: no thread uses the kind any more.
void close_caches_of(memkind* kind);

// To be called when the thread ends, before jemalloc lets go of it.
void close_caches_of_this_thread();

// In a forked child, which has only the thread that forked: forgets the caches of the others, whose thread-local storage may
// be used by new threads, or be gone. The blocks in them are lost to the child: a thread may have been about to take one.
void forget_caches_of_other_threads();

// Calls action(cache) for each cache of the calling thread.
template <typename Action>
void for_each_own_cache(Action action) {
    const unsigned count = thread_caches.far == nullptr ? kNearCaches : kMaxKinds + 1;
    for (unsigned owner = 0; owner < count; ++owner)
        if (ThreadCache* const cache = cache_of(owner); cache != nullptr)
            action(cache);
}

// A small number that differs from other threads', to spread them over shards.
unsigned number_of_this_thread();

// The lock that open and close take. Lock order: it comes before the shards' locks.
Mutex& thread_caches_lock();

}  // namespace terrace::kinds
