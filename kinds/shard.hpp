// A shard: one part of a kind's heap, with its own lock and its own jemalloc arena. Threads are spread over a
// kind's shards, so that they seldom meet; each small block goes back to the shard it came from, whoever
// frees it. jemalloc gives runs of pages: spans of small blocks, and larger blocks as they are. Thread
// safety: every function may be called by any thread. Lock order: shard, then jemalloc's, then growth_lock.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kinds/span.hpp"
#include "src/jemalloc/jemalloc.hpp"
#include "src/mutex.hpp"

struct memkind;

namespace terrace::kinds {

struct Shard {
    // First, so that a hook's pointer is the shard's.
    jemalloc::ExtentHooks hooks;
    memkind* kind;
    unsigned arena;

    Mutex lock;
    struct Bin {
        Span* partial;             // spans with free blocks, the latest first
        Span* spare;               // one span without a block in use, kept for the next need
        std::uint32_t span_count;  // all spans of the class
        std::uint32_t live;        // blocks handed out, those in threads' caches included
    } bins[kSmallClasses + 1];     // (lock)

    // Descriptors of spans come from chunks of memory that belong to the shard and go with it.
    struct Chunk {
        Chunk* next;
    } * chunks;                 // (lock)
    char* chunk_next;           // (lock)
    std::size_t chunk_left;     // (lock)
    Span* free_descriptors[6];  // by size / 64 (lock)
};

// Makes a shard of a kind, with its arena. nullptr when there is no memory or jemalloc has no arena left.
[[nodiscard]] Shard* make_shard(memkind* kind);

// REQUIRES: nobody uses the kind any more. Frees the arena, and with it every block of the shard.
void destroy_shard(Shard* shard);

// Takes up to `wanted` blocks of a small class into the array; the last one is to be used first. Returns how
// many there are; none means that the kind is full.
unsigned take_blocks(Shard* shard, unsigned class_number, void** blocks, unsigned wanted);

// Gives blocks of cached classes (small ones and those up to 64 KiB) back, each to where it came from. What
// is no block, or is free already, is reported and left alone.
void give_blocks_back(void* const* blocks, unsigned count);

// A block of at least `size` bytes that is no part of a span; `flags` are jemalloc's for alignment and
// zeroing. REQUIRES: size > kMostSmall.
void* allocate_run(Shard* shard, std::size_t size, int flags);
void free_run(void* block);

// Tries to change the size of such a block of more than kMostCached bytes without moving it.
[[nodiscard]] bool resize_run(void* block, std::size_t size);

// The bytes of a block that is no part of a span. REQUIRES: it is alive.
std::size_t size_of_run(const void* block);

// One line of log for a pointer that free() got and cannot free.
void report_wrong_free(const void* pointer, const char* why);

// Gives spare spans, and free pages that jemalloc keeps, back to the kind's source.
void give_free_memory_back(Shard* shard);

// Another place for this small block, if moving it would help to empty its span; nullptr otherwise.
void* better_place_for(const void* block);

}  // namespace terrace::kinds
