// What the pool engine gives the persistent kind of libmemkind, which finds it by dlopen: a table of C
// functions, and one exported name (version node TERRACE_PRIVATE_1). Not an interface for anybody else. A
// block is reserved (DRAM only, gone after a crash) or published (durable); which of them is found from its
// address. Thread safety: every function may be called from any thread.
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "include/libpmemobj/base.h"

#define TERRACE_POOL_ENGINE_VERSION 2u

// In bytes. Counted afresh by figures(), which looks at the whole heap.
struct terrace_pool_figures {
    size_t pool_bytes;    // the file's part that is the pool
    size_t heap_bytes;    // of it, for objects
    size_t free_bytes;    // of that, pages that no object is in
    size_t object_bytes;  // that the objects, reserved ones included, can hold
};

struct terrace_pool_engine {
    unsigned version;  // TERRACE_POOL_ENGINE_VERSION

    // Opens the pool at `path`, or creates it with `size` bytes if there is no such file (size 0: open only).
    // NULL with errno and pmemobj_errormsg() set.
    PMEMobjpool* (*create_or_open)(const char* path, const char* layout, size_t size, mode_t mode);
    void (*close)(PMEMobjpool* pool);
    size_t (*size)(PMEMobjpool* pool);  // in bytes; of the mapping, which begins at the pool's address
    size_t (*room)(PMEMobjpool* pool);  // bytes of addresses from there on, into which the pool may grow
    size_t (*heap_bytes)(PMEMobjpool* pool);  // of the size, for objects
    bool (*contains)(PMEMobjpool* pool, const void* address);

    // `alignment`: a power of two; 0 and 1 mean any (16 bytes at least). NULL with ENOMEM.
    void* (*reserve)(PMEMobjpool* pool, size_t size, size_t alignment);
    bool (*is_reserved)(PMEMobjpool* pool, const void* block);
    // Makes the block, its contents and its name in *where durable in one step; outside the pool `where` is
    // simply stored to, NULL names nothing. 0, or an errno with nothing done. REQUIRES: is_reserved(block).
    int (*publish)(PMEMobjpool* pool, PMEMoid* where, void* block);
    // Takes back a reserved block; frees a published one durably. Anything else: a message, and nothing happens.
    void (*free)(PMEMobjpool* pool, void* block);
    size_t (*usable_size)(PMEMobjpool* pool, const void* block);  // 0: no block begins there
    // The block around an address; false when no live block is there.
    bool (*find_around)(PMEMobjpool* pool, const void* address, void** start, size_t* size);

    void (*figures)(PMEMobjpool* pool, struct terrace_pool_figures* figures);
    // The size up to which the pool grows by itself; at most its size now: it does not grow.
    size_t (*growth_limit)(PMEMobjpool* pool);
    void (*set_growth_limit)(PMEMobjpool* pool, size_t bytes);
};

extern "C" __attribute__((visibility("default"))) const struct terrace_pool_engine* terrace_pool_engine_table(
    void);
