// What libpmemobj tells libpmem and libpmem2 about its open pools, so that pmem_persist on an address in a pool reaches the pool's home:
// what the program sees there is a private working copy, which no flush of cache lines makes durable.
// Three names between Terrace's own libraries (version node TERRACE_PRIVATE_1), each found by the other library if it is in the
// process, whichever was loaded first. Not an interface for anybody else.
// Thread safety: the table's functions may be called from any thread.
#pragma once

#include <stddef.h>

#define TERRACE_POOL_STORES_VERSION 1u

struct terrace_pool_stores {
    unsigned version;  // TERRACE_POOL_STORES_VERSION
    bool (*any_is_open)(void);

    // Cuts a range at the first pool that it touches: *before bytes lie in no pool, the *inside bytes after them in one.
    void (*find)(const void* address, size_t size, size_t* before, size_t* inside);
    // Notes that a range, which lies inside a pool, is to be durable; what the calling thread noted is so after drain().
    void (*flush)(const void* address, size_t size);
    void (*drain)(void);
    // Makes a range inside a pool durable. 0, or -1 with errno.
    int (*persist)(const void* address, size_t size);
    // And on to the pool's medium, with a sync of its file. 0, or -1 with errno.
    int (*sync)(const void* address, size_t size);
};

// In libpmem: minds these pools from now on if any is open, else none. Call it when that may have changed.
extern "C" __attribute__((visibility("default"), weak)) void terrace_pmem_mind_pools(
    const struct terrace_pool_stores* stores);

// The same in libpmem2.
extern "C" __attribute__((visibility("default"), weak)) void terrace_pmem2_mind_pools(
    const struct terrace_pool_stores* stores);

// In libpmemobj.
extern "C" __attribute__((visibility("default"), weak)) const struct terrace_pool_stores*
terrace_pool_stores_table(void);
