// A kind: an extent source with shards of a heap over it, in windows of address space of its own. Shards are
// made when a thread first needs them. Thread safety: fields marked (growth_lock) are guarded by it; the rest
// is set before the kind is used.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "include/memkind.h"
#include "kinds/extent_source.hpp"
#include "kinds/shard.hpp"
#include "kinds/static_kind.hpp"
#include "src/jemalloc/jemalloc.hpp"
#include "src/mutex.hpp"
#include "src/windows.hpp"

namespace terrace::kinds {

// How many kinds there can be: eight times what memkind's MEMKIND_MAX_KIND says.
inline constexpr unsigned kMaxKinds = 4096;
inline constexpr unsigned kMostShards = 64;
inline constexpr unsigned kMostWindows = 64;

// What a foreign heap holds, in bytes: what memkind_get_usage() tells, and what memkind_get_stat() tells.
struct ForeignUsage {
    std::size_t taken;
    std::size_t limit;
};
struct ForeignStatistics {
    std::size_t allocated;
    std::size_t active;
    std::size_t resident;
};

// A heap that is not jemalloc's: a pool of durable objects. The kind's memory lies where `owns` says.
struct ForeignHeap {
    void* (*allocate)(memkind_t kind, std::size_t size, std::size_t alignment, bool zeroed);
    void (*deallocate)(memkind_t kind, void* pointer);
    std::size_t (*usable_size)(memkind_t kind, const void* pointer);
    bool (*owns)(memkind_t kind, const void* pointer);
    bool (*may_move)(memkind_t kind, const void* pointer);  // false: something durable refers to the block
    void (*destroy)(memkind_t kind);
    std::size_t (*capacity)(memkind_t kind);
    ForeignUsage (*usage)(memkind_t kind);
    ForeignStatistics (*statistics)(memkind_t kind);
    void (*set_limit)(memkind_t kind, std::size_t bytes);  // SIZE_MAX: none
    void (*trim)(memkind_t kind);
    // The live block around an address that the heap owns; false when there is none.
    bool (*find_block)(memkind_t kind, const void* address, void** start, std::size_t* size);
};

struct ThreadCache;
struct NodeChoice;

// What a kind is right now.
enum class KindState : unsigned char {
    kNotPrepared,  // a static kind that nobody has used yet
    kReady,        // has a source, or a foreign heap
    kSeveral,  // its memory comes from other kinds: one for each place, or the members of a fallback chain
    kUnavailable,  // `error` tells why
};

}  // namespace terrace::kinds

// The type behind memkind_t.
struct memkind {
    const char* name;
    terrace::kinds::ExtentSource* source;
    const terrace::kinds::ForeignHeap* foreign_heap;  // nullptr for a heap of our own
    void* foreign_state;

    // Unlike the slot never used twice. 0: no kind.
    std::uint32_t serial;
    unsigned slot;
    unsigned shard_count;            // 0: one for each CPU
    std::size_t first_window;        // bytes; each further window is twice as large, up to kLargestWindow
    terrace::windows::Window fixed;  // a buffer of the user's instead of windows; its whole pages
    memkind* next_over_buffer;       // of the kinds over such buffers (registry.cpp's lock)
    bool gives_back_at_once;
    bool allows_zero_size;
    bool dying;  // memory need not be given back piece by piece any more

    std::atomic<terrace::kinds::KindState> state;
    int error;          // why it is unavailable
    memkind* shown_as;  // the kind that users see: itself, except for the places of a kind

    // Of a kind in state kSeveral: either places, chosen by the CPU, or members, tried in order.
    const terrace::kinds::NodeChoice* choice;  // nullptr: members
    memkind** parts;
    unsigned part_count;
    // As a member of such a kind: how many more allocations pass it over, because it was full.
    std::atomic<unsigned> passed_over;

    terrace::Mutex growth_lock;
    terrace::kinds::Shard* shards[terrace::kinds::kMostShards];  // (atomic; thread_caches_lock() to make one)
    terrace::windows::Window windows[terrace::kinds::kMostWindows];  // (growth_lock)
    unsigned window_count;                                           // (growth_lock)
    std::size_t carved;  // bytes of the last window that are handed out      (growth_lock)

    // Bytes of memory that the kind holds, the most it ever held, and the most it may hold. (growth_lock to write)
    std::size_t taken;
    std::size_t peak;
    std::size_t limit;

    // Threads' caches of this kind. (thread_caches.cpp's lock)
    terrace::kinds::ThreadCache* caches;

    // Bytes in blocks of 16 KiB and more that are in no span; on a line of its own. (atomic)
    alignas(64) std::size_t run_bytes;
};

namespace terrace::kinds {

inline constexpr std::size_t kLargestWindow = std::size_t{64} << 30;
inline constexpr std::size_t kSmallestFirstWindow = std::size_t{1} << 30;

inline constexpr windows::Owner owner_number(unsigned slot) {
    return static_cast<windows::Owner>(slot + 1);
}

// Who owns this address, for the page map; `kind` where other memory shares the granule.
inline unsigned owner_at(const void* address, const memkind* kind) {
    const windows::Owner owner = windows::owner_of(address);
    return owner == windows::kMixed ? owner_number(kind->slot) : owner;
}

// The shard that the calling thread should use, made if need be; nullptr when none can be made.
[[nodiscard]] Shard* shard_for_this_thread(memkind* kind);

template <typename Action>
void for_each_shard(memkind* kind, Action action) {
    for (Shard* const& slot : kind->shards)
        if (Shard* const shard = __atomic_load_n(&slot, __ATOMIC_ACQUIRE); shard != nullptr)
            action(shard);
}

// jemalloc's side of a shard.
[[nodiscard]] bool make_arena(memkind* kind, jemalloc::ExtentHooks* hooks, unsigned* arena);
void purge_arena(const memkind* kind, unsigned arena);
void destroy_arena(const memkind* kind, unsigned arena);

// No arena goes while this is held. Comes just before jemalloc's own locks.
Mutex& arenas_lock();

// REQUIRES: no thread uses the kind, its threads' caches are gone.
// ENSURES: its shards are gone and its addresses are nobody's.
void tear_down(memkind* kind);

// Invariants, checked in debug builds: what is carved fits the last window; every window has the kind's owner
// number; taken <= peak.
bool is_valid(const memkind* kind);

}  // namespace terrace::kinds
