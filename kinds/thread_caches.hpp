// What a thread keeps of each kind it uses: a cache of free blocks, a stack for each size class. Taking a
// block from it and putting one back is all that most calls do. A cache is opened at the thread's first use
// of a kind and closed when the thread ends or the kind is destroyed. Thread safety: a cache belongs to its
// thread. The lists of a kind's caches are under a lock; another thread may look into a cache to count
// (racing, each number by itself), and ask for it to be emptied.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kinds/kind.hpp"
#include "src/thread_local.hpp"

namespace terrace::kinds {

// A stack of free blocks of one class.
struct CacheBin {
    std::uint32_t count;
    std::uint16_t room;  // 0 in classes that are not used yet
    std::uint16_t
        refill;  // how many blocks to fetch when it is empty: doubles from 1, so that rare sizes stay few
    void** blocks;
};

struct ThreadCache {
    CacheBin bins[kCachedClasses + 1];
    memkind* kind;
    unsigned shown_slot;  // of the kind that users see
    Shard* shard;
    bool asked_to_empty;                     // (atomic) by memkind_trim in another thread
    unsigned visits;                         // to the shard, to know when to look for idle bins
    std::uint16_t seen[kCachedClasses + 1];  // how full each bin was at the last look
    // In the list of the kind's caches; `home` is where the owning thread looks it up.
    ThreadCache* next;
    ThreadCache* previous;
    ThreadCache** home;
    unsigned* last_owner;  // of the owning thread, to be made 0 when the cache goes
};

// The caches of a thread, by owner number. Most programs use few kinds, with low numbers.
inline constexpr unsigned kNearCaches = 64;

struct ThreadCaches {
    // The cache that the thread last freed into; 0: none.
    unsigned last_owner;  // (atomic)
    ThreadCache* last;
    ThreadCache* near[kNearCaches];
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

// The same, for an owner that a block's address told. A thread frees into the same cache again and again: a
// comparison that the processor predicts takes one load out of a chain of five, each of which waits for the
// one before.
inline ThreadCache* cache_of_freed(unsigned owner) {
    if (owner == __atomic_load_n(&thread_caches.last_owner, __ATOMIC_RELAXED)) [[likely]]
        return thread_caches.last;
    ThreadCache* const cache = cache_of(owner);
    if (cache != nullptr) {
        thread_caches.last = cache;
        __atomic_store_n(&thread_caches.last_owner, owner, __ATOMIC_RELAXED);
    }
    return cache;
}

// Opens this thread's cache of a kind. nullptr when there is no memory for it, or the thread is about to end.
// REQUIRES: the kind is kReady and has no foreign heap.
ThreadCache* open_cache(memkind* kind);

// Fills an empty bin and takes one block of it; nullptr when the kind is full.
void* refill_and_take(ThreadCache* cache, unsigned class_number);

// Puts a block into a bin that is full, or not in use yet.
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

// A small number that differs from other threads', to spread them over shards.
unsigned number_of_this_thread();

// The lock that open and close take. Lock order: it comes before the shards' locks.
Mutex& thread_caches_lock();

}  // namespace terrace::kinds
