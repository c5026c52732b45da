/* See bench_pool.h: the time until a program has its full pool open and its first object.
 *
 * The pool is filled once for all rounds, in memory: on disk it would take the peer most of an hour. A pool may lie anywhere,
 * so the one on disk is a copy. One object in 16,384, all over the pool, is freed again: an allocation finds room, but the
 * heap is far from empty. */
#include <libpmemobj.h>

#include "bench_pool.h"

enum { OBJECT = 64, IN_ONE_TRANSACTION = 2000, FREED_AGAIN = 16384, OPENS = 12 };
static const size_t pool_bytes = (size_t)2 << 30;

/* Whether `count` objects could be allocated in one transaction; the last of them. */
static int allocate_some(PMEMobjpool* pop, unsigned count, PMEMoid* last) {
    volatile int is_done = 0;
    TX_BEGIN(pop) {
        for (unsigned i = 0; i < count; ++i)
            *last = pmemobj_tx_alloc(OBJECT, 1);
    }
    TX_ONCOMMIT {
        is_done = 1;
    }
    TX_END
    return is_done;
}

static void fill(const char* path, size_t bytes) {
    PMEMobjpool* const pop = pmemobj_create(path, "bench", bytes, 0600);
    if (pop == NULL)
        give_up(path);
    PMEMoid* const freed = malloc(bytes / OBJECT / FREED_AGAIN * sizeof *freed + sizeof *freed);
    size_t freed_count = 0;
    size_t since = FREED_AGAIN;
    for (unsigned count = IN_ONE_TRANSACTION; count > 0;) {
        PMEMoid last = OID_NULL;
        if (!allocate_some(pop, count, &last)) {
            count /= 8;
            continue;
        }
        since += count;
        if (since >= FREED_AGAIN) {
            freed[freed_count++] = last;
            since = 0;
        }
    }
    while (freed_count > 0)
        pmemobj_free(&freed[--freed_count]);
    free(freed);
    pmemobj_close(pop);
}

static double ns_to_open_and_allocate(const char* path) {
    const double begin = now_ns();
    PMEMobjpool* const pop = pmemobj_open(path, "bench");
    if (pop == NULL)
        give_up(path);
    PMEMoid object;
    if (pmemobj_alloc(pop, &object, OBJECT, 1, NULL, NULL) != 0)
        give_up("the first allocation in a full pool");
    const double ns = now_ns() - begin;
    pmemobj_free(&object);
    pmemobj_close(pop);
    return ns;
}

double ns_to_open_a_full_pool(const char* memory_directory, const char* disk_directory, double share) {
    const size_t bytes = (size_t)((double)pool_bytes * (share < 1 ? share : 1)) / 4096 * 4096;
    char path[4096];
    char disk_path[4096];
    snprintf(path, sizeof path, "%s/full-pool-" SIDE, memory_directory);
    if (!file_exists(path))
        fill(path, bytes);
    if (disk_directory != NULL) {
        snprintf(disk_path, sizeof disk_path, "%s/full-pool-" SIDE, disk_directory);
        if (!file_exists(disk_path))
            copy_file(path, disk_path);
    }
    double best = 1e18;
    for (int i = 0; i < OPENS; ++i) {
        const double ns = ns_to_open_and_allocate(disk_directory != NULL ? disk_path : path);
        if (ns < best)
            best = ns;
    }
    return best;
}
