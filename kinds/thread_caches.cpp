#include "kinds/thread_caches.hpp"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <new>

#include "kinds/registry.hpp"
#include "src/check.hpp"
#include "src/own_memory.hpp"

namespace terrace::kinds {

__attribute__((visibility("hidden"))) TERRACE_TLS ThreadCaches thread_caches;

// What libmemtier.so knows it by (tiering/shortcut.hpp).
extern "C" __attribute__((visibility("default"), alias("_ZN7terrace5kinds13thread_cachesE")))
TERRACE_TLS ThreadCaches terrace_preload_3_caches;

namespace {

constinit Mutex caches_lock;
unsigned threads_so_far = 0;  // (atomic)

constexpr std::size_t kFarBytes = (kMaxKinds + 1) * sizeof(ThreadCache*);

constexpr std::size_t slots_before(unsigned class_number) {
    std::size_t slots = 0;
    for (unsigned number = 1; number < class_number; ++number)
        slots += size_class(number).cache + 1U;
    return slots;
}
constexpr std::size_t kCacheBytes =
    (sizeof(ThreadCache) + slots_before(kCachedClasses + 1) * sizeof(void*) + 4095) / 4096 * 4096;

// Where this thread looks for its cache of a kind; nullptr when there is no memory for the table.
ThreadCache** home_of(unsigned owner) {
    if (owner < kNearCaches)
        return &thread_caches.near[owner];
    if (thread_caches.far == nullptr)
        thread_caches.far = static_cast<ThreadCache**>(map_own_memory(kFarBytes));
    return thread_caches.far == nullptr ? nullptr : &thread_caches.far[owner];
}

// The slots of all bins lie behind the cache, one after the other, a nullptr below each.
void put_bins_to_use(ThreadCache* cache) {
    void** slots = reinterpret_cast<void**>(cache + 1);
    for (CacheBin& bin : cache->bins)
        bin = {slots, slots};
    for (unsigned number = 1; number <= kCachedClasses; ++number) {
        cache->bins[number] = {slots, slots + size_class(number).cache};
        cache->refill[number] = 1;
        slots += size_class(number).cache + 1U;
    }
}

// The nullptr below the lowest block.
void** bottom_of(const CacheBin& bin, unsigned class_number) {
    return bin.limit - size_class(class_number).cache;
}

unsigned count_in(const ThreadCache* cache, unsigned class_number) {
    const CacheBin& bin = cache->bins[class_number];
    return static_cast<unsigned>(__atomic_load_n(&bin.top, __ATOMIC_RELAXED) - bottom_of(bin, class_number));
}

void set_top(CacheBin& bin, void** top) {
    __atomic_store_n(&bin.top, top, __ATOMIC_RELAXED);
}

// REQUIRES: caches_lock is held.
void unlink(ThreadCache* cache) {
    __atomic_store_n(cache->home, static_cast<ThreadCache*>(nullptr), __ATOMIC_RELAXED);
    // It may be one of a shortcut's, which opens again for others: nobody is in the middle of taking a block from it.
    __atomic_store_n(&cache->thread->shortcut.seen, 0, __ATOMIC_RELAXED);
    if (cache->previous != nullptr)
        cache->previous->next = cache->next;
    else
        cache->kind->caches = cache->next;
    if (cache->next != nullptr)
        cache->next->previous = cache->previous;
}

void give_back(ThreadCache* cache, unsigned class_number, unsigned count) {
    CacheBin& bin = cache->bins[class_number];
    void** const lowest = bottom_of(bin, class_number) + 1;
    // The oldest ones: what was freed last is still in the processor's caches.
    give_blocks_back(lowest, count);
    memmove(lowest, lowest + count, (count_in(cache, class_number) - count) * sizeof *lowest);
    set_top(bin, bin.top - count);
}

// A bin that holds just what it held some time ago is of a size that the thread no longer uses, or hardly.
void give_back_what_is_idle(ThreadCache* cache) {
    for (unsigned number = 1; number <= kCachedClasses; ++number) {
        if (const unsigned count = count_in(cache, number); count > 0 && count == cache->seen[number]) {
            give_back(cache, number, count);
            cache->refill[number] = 1;
        }
        cache->seen[number] = static_cast<std::uint16_t>(count_in(cache, number));
    }
}

// To be called when the thread is to visit a shard anyway.
void tidy(ThreadCache* cache) {
    constexpr unsigned kVisitsBetweenLooks = 128;
    if (__atomic_load_n(&cache->asked_to_empty, __ATOMIC_RELAXED)) [[unlikely]] {
        __atomic_store_n(&cache->asked_to_empty, false, __ATOMIC_RELAXED);
        empty_cache(cache);
    }
    if (++cache->visits % kVisitsBetweenLooks == 0)
        give_back_what_is_idle(cache);
}

}  // namespace

ThreadCache* open_cache(memkind* kind) {
    REQUIRES(kind->foreign_heap == nullptr);
    const unsigned owner = owner_number(kind->slot);
    if (thread_caches.ending)
        return nullptr;
    const int saved_errno = errno;
    initialise();
    // jemalloc has to know the thread, to tell us when it ends.
    bool enabled = false;
    [[maybe_unused]] const int error = jemalloc::read_value("thread.tcache.enabled", &enabled);
    ThreadCache** const home = home_of(owner);
    Shard* const shard = home == nullptr ? nullptr : shard_for_this_thread(kind);
    void* const memory = shard == nullptr ? nullptr : map_own_memory(kCacheBytes);
    errno = saved_errno;
    if (memory == nullptr)
        return nullptr;
    ThreadCache* const cache = new (memory) ThreadCache{};
    put_bins_to_use(cache);
    cache->kind = kind;
    cache->shown_slot = kind->shown_as->slot;
    cache->shard = shard;
    cache->home = home;
    cache->thread = &thread_caches;
    LockGuard guard(caches_lock);
    cache->next = kind->caches;
    if (cache->next != nullptr)
        cache->next->previous = cache;
    kind->caches = cache;
    __atomic_store_n(home, cache, __ATOMIC_RELAXED);
    return cache;
}

void* refill_and_take(ThreadCache* cache, unsigned class_number) {
    tidy(cache);
    if (class_number > kSmallClasses)
        return allocate_run(cache->shard, size_class(class_number).size, 0);
    REQUIRES(count_in(cache, class_number) == 0);
    CacheBin& bin = cache->bins[class_number];
    const unsigned wanted = cache->refill[class_number];
    if (wanted * 2 <= size_class(class_number).cache)
        cache->refill[class_number] = static_cast<std::uint16_t>(wanted * 2);
    const unsigned taken = take_blocks(cache->shard, class_number, bin.top + 1, wanted);
    set_top(bin, bin.top + taken);
    return bin.take();
}

void make_room_and_put(ThreadCache* cache, unsigned class_number, void* block) {
    tidy(cache);
    CacheBin& bin = cache->bins[class_number];
    const unsigned room = size_class(class_number).cache;
    if (bin.top == bin.limit)
        give_back(cache, class_number, room - room / 2);
    bin.put(block);
}

void empty_cache(ThreadCache* cache) {
    for (unsigned number = 1; number <= kCachedClasses; ++number) {
        if (const unsigned count = count_in(cache, number); count > 0)
            give_back(cache, number, count);
        cache->refill[number] = 1;
    }
}

void empty_caches_of(memkind* kind) {
    ThreadCache* const own = cache_of(owner_number(kind->slot));
    if (own != nullptr)
        empty_cache(own);
    LockGuard guard(caches_lock);
    for (ThreadCache* cache = kind->caches; cache != nullptr; cache = cache->next)
        if (cache != own)
            __atomic_store_n(&cache->asked_to_empty, true, __ATOMIC_RELAXED);
}

std::size_t bytes_in_caches(memkind* kind) {
    std::size_t bytes = 0;
    LockGuard guard(caches_lock);
    for (ThreadCache* cache = kind->caches; cache != nullptr; cache = cache->next)
        for (unsigned number = 1; number <= kCachedClasses; ++number)
            bytes += std::size_t{count_in(cache, number)} * size_class(number).size;
    return bytes;
}

void close_caches_of(memkind* kind) {
    LockGuard guard(caches_lock);
    while (kind->caches != nullptr) {
        ThreadCache* const cache = kind->caches;
        unlink(cache);
        munmap(cache, kCacheBytes);
    }
}

// Whoever in this thread still allocates and frees after this goes without a cache.
void close_caches_of_this_thread() {
    thread_caches.ending = true;
    const unsigned count = thread_caches.far == nullptr ? kNearCaches : kMaxKinds + 1;
    for (unsigned owner = 0; owner < count; ++owner) {
        if (cache_of(owner) == nullptr)
            continue;
        // Looked up again under the lock: somebody may be destroying the kind, which this thread need not know.
        LockGuard guard(caches_lock);
        ThreadCache* const cache = cache_of(owner);
        if (cache == nullptr)
            continue;
        empty_cache(cache);
        unlink(cache);
        munmap(cache, kCacheBytes);
    }
    if (thread_caches.far != nullptr)
        munmap(thread_caches.far, kFarBytes);
    thread_caches.far = nullptr;
}

void forget_caches_of_other_threads() {
    for_each_kind([](memkind* kind) {
        ThreadCache** link = &kind->caches;
        ThreadCache* previous = nullptr;
        while (ThreadCache* const cache = *link) {
            if (cache->thread == &thread_caches) {
                cache->previous = previous;
                previous = cache;
                link = &cache->next;
            } else {
                *link = cache->next;
                munmap(cache, kCacheBytes);
            }
        }
    });
}

unsigned number_of_this_thread() {
    if (thread_caches.number == 0)
        thread_caches.number = __atomic_add_fetch(&threads_so_far, 1, __ATOMIC_RELAXED);
    return thread_caches.number;
}

Mutex& thread_caches_lock() {
    return caches_lock;
}

}  // namespace terrace::kinds
