// A kind: an extent source with jemalloc arenas over it, in windows of address space of its own.
// Arenas are made when a thread first needs them, a few per kind, chosen by the CPU the thread runs on.
// Thread safety: fields marked (growth_lock) are guarded by it; the rest is set before the kind is published.
#pragma once

#include <cstddef>
#include <cstdint>

#include "include/memkind.h"
#include "kinds/extent_source.hpp"
#include "src/jemalloc/jemalloc.hpp"
#include "src/mutex.hpp"
#include "src/windows.hpp"

namespace terrace::kinds {

inline constexpr unsigned kMaxKinds = MEMKIND_MAX_KIND;
inline constexpr unsigned kMostShards = 64;
inline constexpr unsigned kMostWindows = 128;

// A heap that is not jemalloc's: a pool of durable objects. The kind's memory lies where `owns` says.
struct ForeignHeap {
    void* (*allocate)(memkind_t kind, std::size_t size, std::size_t alignment, bool zeroed);
    void (*deallocate)(memkind_t kind, void* pointer);
    std::size_t (*usable_size)(memkind_t kind, const void* pointer);
    bool (*owns)(memkind_t kind, const void* pointer);
    bool (*may_move)(memkind_t kind, const void* pointer);  // false: something durable refers to the block
    void (*destroy)(memkind_t kind);
};

// One arena of a kind. 0 is "not made yet", else jemalloc's arena number plus one.
using ArenaSlot = unsigned;

}  // namespace terrace::kinds

// The type behind memkind_t.
struct memkind {
    // First, so that a hook's pointer is the kind's.
    terrace::jemalloc::ExtentHooks hooks;
    const char* name;
    terrace::kinds::ExtentSource* source;
    const terrace::kinds::ForeignHeap* foreign_heap;  // nullptr for jemalloc's
    void* foreign_state;

    // Unlike the slot never used twice, so that what a thread remembers of a kind cannot outlive it. 0: no
    // kind.
    std::uint32_t serial;
    unsigned slot;
    unsigned shard_count;      // 0: one for each CPU
    std::size_t first_window;  // bytes; each further window is twice as large, up to kLargestWindow
    bool dying;                // memory need not be given back piece by piece any more

    terrace::Mutex growth_lock;
    terrace::kinds::ArenaSlot arenas[terrace::kinds::kMostShards];   // (growth_lock to write)
    terrace::windows::Window windows[terrace::kinds::kMostWindows];  // (growth_lock)
    unsigned window_count;                                           // (growth_lock)
    std::size_t carved;  // bytes of the last window that are handed out      (growth_lock)

    // Which of jemalloc's tcaches belong to this kind; destroyed with it. (thread_caches.cpp's lock)
    std::uint64_t tcaches[(terrace::jemalloc::kMostTcaches + 64) / 64];
};

namespace terrace::kinds {

inline constexpr std::size_t kLargestWindow = std::size_t{64} << 30;
inline constexpr std::size_t kSmallestFirstWindow = std::size_t{1} << 30;

inline constexpr windows::Owner owner_number(unsigned slot) {
    return static_cast<windows::Owner>(slot + 1);
}

// The number of the arena that the calling thread should use, made if need be; false when no arena can be
// made.
[[nodiscard]] bool arena_for_this_cpu(memkind* kind, unsigned* arena);

// Gives the free extents of all the kind's arenas back to its source, so that what one arena holds and cannot
// use for a request (jemalloc does not cut a large dirty extent for a small one) becomes room for another.
void give_free_extents_back(memkind* kind);

// REQUIRES: no thread uses the kind, its tcaches are destroyed.
// ENSURES: its arenas are gone and its addresses are nobody's.
void tear_down(memkind* kind);

// Invariants, checked in debug builds: what is carved fits the last window; every window has the kind's owner
// number.
bool is_valid(const memkind* kind);

}  // namespace terrace::kinds
