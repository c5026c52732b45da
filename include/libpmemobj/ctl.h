/*
 * Settings, statistics and commands by name. A program calls the three functions at the end; its user sets
 * the same names in the environment:
 *
 *     PMEMOBJ_CONF="prefault.at_open=1;heap.alloc_class.128.desc=500,0,1000,compact"
 *     PMEMOBJ_CONF_FILE=/etc/shop.conf     the same text in a file; # begins a comment
 *
 * Both are read when the library is first used and again for each pool that is made or opened, which fails with
 * EINVAL if one of them is wrong; pmemobj_errormsg names the entry.
 *
 * get, set, exec: which of the functions a name goes with, and the type that arg points to; r is what get
 * stores, w what set reads. Names of the process are used with pop NULL (or any pool), the others need a pool
 * and are forgotten when it is closed. In text, booleans are 0, 1, y or n.
 *
 *     name                           arg                          of the process
 *     prefault.at_create        rw   int        touch every page of a pool that is made: no page faults later
 *     prefault.at_open          rw   int        the same for a pool that is opened
 *     sds.at_create             rw   int        kept, no effect: unsafe shutdowns are no danger to these pools
 *     fallocate.at_create       rw   int        0: a new file is sparse, its blocks are taken as they are used; when the
 *                                               disk is full then, a store may be SIGBUS (docs/sigbus.md)
 *     copy_on_write.at_open     rw   int        nothing that is stored reaches the file; gone at close
 *     working_copy.limit        rw   uint64_t   bytes of DRAM that the private pages of a pool opened later may
 *                                               take (docs/working-copy.md), 0: no limit, else at least 4 MiB.
 *                                               Default: half of what the machine or its memory cgroup allows
 *     heap.arenas_assignment_type rw enum pobj_arenas_assignment_type (thread, global), of pools opened later
 *     heap.arenas_default_max   rw   unsigned   how many arenas a pool that is opened later has
 *
 *     name                           arg                          of a pool
 *     heap.alloc_class.[id].desc rw  struct pobj_alloc_class_desc   set makes class id: unit_size,alignment,
 *                                               units_per_block,header. EEXIST: it is there. ENOENT: get finds
 *                                               none. ERANGE: id over 254. EINVAL: impossible, or made already
 *     heap.alloc_class.new.desc -w   struct pobj_alloc_class_desc   the same with the first free id from 128,
 *                                               which is stored in class_id
 *     heap.arena.[id].size      r-   uint64_t   bytes that the arena holds; ids begin with 1. ERANGE: no such
 *     heap.arena.[id].automatic rw   int        whether threads are given this arena without asking. EINVAL:
 *                                               the last automatic one cannot be switched off
 *     heap.arena.create         exec unsigned   makes an arena, not automatic, and stores its id. ENOMEM
 *     heap.thread.arena_id      rw   unsigned   the calling thread's arena
 *     heap.narenas.automatic    r-   unsigned   how many automatic arenas there are
 *     heap.narenas.total        r-   unsigned   how many at all
 *     heap.narenas.max          rw   unsigned   how many there may be; at most 65535
 *     heap.size.granularity     rw   uint64_t   bytes by which a pool grows, 0 or at least PMEMOBJ_MIN_PART
 *     heap.size.limit           rw   uint64_t   bytes up to which a pool grows by itself; 0, the default: never (Terrace's)
 *     heap.size.extend          exec uint64_t   grows the pool by so many bytes. EINVAL: under PMEMOBJ_MIN_PART
 *     stats.enabled             rw   enum pobj_stats_enabled (transient, both, persistent, disabled). These
 *                                               figures come from the heap itself: exact however it is set
 *     stats.heap.curr_allocated r-   uint64_t   bytes of all objects
 *     stats.heap.run_allocated  r-   uint64_t   of those that share pages with others (up to 16 KiB)
 *     stats.heap.run_active     r-   uint64_t   bytes of the pages that hold such objects, free places included
 *     tx.cache.size             rw   long long  kept, no effect: old bytes are kept in DRAM. EINVAL: under 0 or
 *                                               over PMEMOBJ_MAX_ALLOC_SIZE
 *     tx.debug.skip_expensive_checks rw int     kept, no effect
 *     tx.debug.verify_user_buffers rw int       pmemobj_tx_log_append_buffer refuses a buffer that is in use
 *     debug.heap.alloc_pattern  rw   int        a byte to fill new objects with; negative: none
 *     tx.cache.threshold, tx.post_commit.queue_depth, .worker, .stop   kept for old programs, no effect
 */
#ifndef LIBPMEMOBJ_CTL_H
#define LIBPMEMOBJ_CTL_H 1

#include <libpmemobj/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Which counters "stats.enabled" switches on. */
enum pobj_stats_enabled {
    POBJ_STATS_ENABLED_TRANSIENT,
    POBJ_STATS_ENABLED_BOTH,
    POBJ_STATS_ENABLED_PERSISTENT,
    POBJ_STATS_DISABLED
};

/* Whether each thread keeps to an arena, or all share one: "heap.arenas_assignment_type". */
enum pobj_arenas_assignment_type { POBJ_ARENAS_ASSIGNMENT_THREAD_KEY, POBJ_ARENAS_ASSIGNMENT_GLOBAL };

/* How a class of allocations remembers an object's size and type number; none remembers nothing. */
enum pobj_header_type { POBJ_HEADER_LEGACY, POBJ_HEADER_COMPACT, POBJ_HEADER_NONE, MAX_POBJ_HEADER_TYPES };

/* A class of allocations, for "heap.alloc_class.…". */
struct pobj_alloc_class_desc {
    size_t unit_size;         /* bytes; an allocation takes whole units */
    size_t alignment;         /* bytes, 0 for the default; unit_size is a multiple of it */
    unsigned units_per_block; /* how many units are set aside at a time */
    enum pobj_header_type header_type;
    unsigned class_id; /* 0 … 254; filled in when the class is new */
};
_POBJ_EXACT_SIZE(struct pobj_alloc_class_desc, 2 * sizeof(size_t) + 16);

/* Read, change, do. pop may be NULL for a name of the process. arg is the caller's and points to what the
 * table above says; it must not be NULL. Return 0, or -1 with errno EINVAL (no such name, not this operation,
 * no pool given, a value that is not accepted) or what the table says. */
int pmemobj_ctl_get(PMEMobjpool* pop, const char* name, void* arg);
int pmemobj_ctl_set(PMEMobjpool* pop, const char* name, void* arg);
int pmemobj_ctl_exec(PMEMobjpool* pop, const char* name, void* arg);

#ifdef __cplusplus
}
#endif
#endif
