#include "kinds/thread_caches.hpp"

#include <errno.h>
#include <sys/mman.h>

#include "kinds/registry.hpp"
#include "src/check.hpp"

namespace terrace::kinds {

__attribute__((visibility("hidden"))) TERRACE_TLS ThreadCaches thread_caches;

namespace {

constexpr std::size_t kRestBytes = (kMaxKinds - kInlineEntries) * sizeof(CacheEntry);

constinit Mutex caches_lock;

unsigned tcache_of(int flags) {
    return (static_cast<unsigned>(flags) >> 8 & 0xfff) - 2;
}
bool has_tcache(int flags) {
    return (flags & 0xfff00) != jemalloc::kTcacheNone;
}

void destroy_tcache(unsigned tcache) {
    [[maybe_unused]] const int error = jemalloc::write_value("tcache.destroy", tcache);
    INVARIANT(error == 0);
}

void note_tcache(memkind* kind, unsigned tcache, bool belongs) {
    const std::uint64_t bit = std::uint64_t{1} << tcache % 64;
    if (belongs)
        kind->tcaches[tcache / 64] |= bit;
    else
        kind->tcaches[tcache / 64] &= ~bit;
}

// REQUIRES: caches_lock is held.
void close_entry(unsigned slot, CacheEntry& entry) {
    memkind* const kind = kind_in_slot(slot);
    if (entry.serial != 0 && kind != nullptr && kind->serial == entry.serial && entry.flags != kNoFlags &&
        has_tcache(entry.flags)) {
        note_tcache(kind, tcache_of(entry.flags), false);
        destroy_tcache(tcache_of(entry.flags));
    }
    entry = {};
}

}  // namespace

// Whoever in this thread still allocates and frees after this goes without a cache.
void close_caches_of_this_thread() {
    LockGuard guard(caches_lock);
    thread_caches.ending = true;
    for (unsigned slot = 0; slot < kInlineEntries; ++slot)
        close_entry(slot, thread_caches.first[slot]);
    if (thread_caches.rest == nullptr)
        return;
    for (unsigned slot = kInlineEntries; slot < kMaxKinds; ++slot)
        close_entry(slot, thread_caches.rest[slot - kInlineEntries]);
    munmap(thread_caches.rest, kRestBytes);
    thread_caches.rest = nullptr;
}

namespace {

CacheEntry* entry_of(unsigned slot) {
    if (slot < kInlineEntries)
        return &thread_caches.first[slot];
    if (thread_caches.rest == nullptr) {
        void* const memory =
            mmap(nullptr, kRestBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            return nullptr;
        thread_caches.rest = static_cast<CacheEntry*>(memory);
    }
    return &thread_caches.rest[slot - kInlineEntries];
}

}  // namespace

int open_cache(memkind* kind) {
    if (kind->foreign_heap != nullptr)
        return kNoFlags;
    const int saved_errno = errno;
    initialise();
    unsigned arena = 0;
    if (!arena_for_this_cpu(kind, &arena))
        return kNoFlags;
    int flags = jemalloc::arena_flag(arena) | jemalloc::kTcacheNone;
    CacheEntry* const entry = thread_caches.ending ? nullptr : entry_of(kind->slot);
    if (entry != nullptr) {
        // jemalloc takes its fast path only in threads whose automatic cache is on, used or not: 120
        // instructions less.
        [[maybe_unused]] const int error = jemalloc::write_value("thread.tcache.enabled", true);
        LockGuard guard(caches_lock);
        unsigned tcache = 0;
        if (jemalloc::read_value("tcache.create", &tcache) == 0) {
            if (tcache < jemalloc::kMostTcaches) {
                note_tcache(kind, tcache, true);
                flags = jemalloc::arena_flag(arena) | jemalloc::tcache_flag(tcache);
            } else {
                destroy_tcache(tcache);
            }
        }
        *entry = {kind->serial, flags};
    }
    errno = saved_errno;
    return flags;
}

void close_caches_of(memkind* kind) {
    LockGuard guard(caches_lock);
    for (unsigned word = 0; word < sizeof kind->tcaches / sizeof kind->tcaches[0]; ++word)
        for (; kind->tcaches[word] != 0; kind->tcaches[word] &= kind->tcaches[word] - 1)
            destroy_tcache(word * 64 + static_cast<unsigned>(__builtin_ctzl(kind->tcaches[word])));
}

Mutex& thread_caches_lock() {
    return caches_lock;
}

}  // namespace terrace::kinds
