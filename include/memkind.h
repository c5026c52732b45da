/* SPDX-License-Identifier: BSD-2-Clause
 *
 * memkind.h: memory by kind.
 *
 * A kind is a source of memory with a placement rule and a heap over it. You name the kind, you get memory of
 * it, and you free it like any other:
 *
 *     memkind_t file;
 *     if (memkind_create_pmem("/mnt/pmem", 0, &file) == MEMKIND_SUCCESS) {
 *         char *text = memkind_malloc(file, 100);
 *         memkind_free(file, text);
 *         memkind_destroy_kind(file);
 *     }
 *
 * Every function may be called from any thread at any time, also before the program's constructors and after
 * its destructors, except where a function says otherwise. Names, numbers and results are those of
 * memkind 1.14 (memkind(3)); where this library answers better than memkind, the function says so. What
 * memkind does not have is at the end, under "Beyond memkind". C99, C++98 and everything later can include
 * this file.
 *
 * Sizes are bytes. Functions that return int answer MEMKIND_SUCCESS or a negative MEMKIND_ERROR_* number,
 * which memkind_error_message() puts into words, and with an error leave everything as it was. A kind that
 * does not exist (NULL) is MEMKIND_ERROR_INVALID or EINVAL, never a crash. A memkind_t that was destroyed
 * must not be used.
 *
 * Cost: an allocation or a free of up to 64 KiB normally costs a few tens of instructions and no lock, in
 * every kind.
 */
#ifndef MEMKIND_H
#define MEMKIND_H

#include <stddef.h>
#include <sys/types.h>
#ifndef __cplusplus
#include <stdbool.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Numbers ---- */

/* Limits that callers may rely on. */
enum memkind_const {
    MEMKIND_MAX_KIND = 512,           /* kinds that can exist at one time, the static ones included */
    MEMKIND_ERROR_MESSAGE_SIZE = 128, /* bytes; enough for every text of memkind_error_message() */
    MEMKIND_PMEM_MIN_SIZE = 16777216  /* bytes; the smallest limit that a file kind can have: 16 MiB */
};

/* What a function that returns int answers: 0, or one of these negative numbers. */
enum {
    MEMKIND_SUCCESS = 0,
    MEMKIND_ERROR_UNAVAILABLE = -1,            /* this machine has no memory of that kind */
    MEMKIND_ERROR_MBIND = -2,                  /* mbind(2) failed */
    MEMKIND_ERROR_MMAP = -3,                   /* mmap(2) failed */
    MEMKIND_ERROR_MALLOC = -6,                 /* out of memory for the library's own records */
    MEMKIND_ERROR_ENVIRON = -12,               /* a MEMKIND_* environment variable has no valid value */
    MEMKIND_ERROR_INVALID = -13,               /* an argument is out of its range; errno may say more */
    MEMKIND_ERROR_TOOMANY = -15,               /* MEMKIND_MAX_KIND kinds exist already */
    MEMKIND_ERROR_BADOPS = -17,                /* never returned; kept for source compatibility */
    MEMKIND_ERROR_HUGETLB = -18,               /* no huge pages of that size are configured */
    MEMKIND_ERROR_MEMTYPE_NOT_AVAILABLE = -20, /* the wanted memory type is not in this machine */
    MEMKIND_ERROR_OPERATION_FAILED = -21,      /* the operation failed; nothing was changed */
    MEMKIND_ERROR_ARENAS_CREATE = -22,         /* no more arenas can be made */
    MEMKIND_ERROR_RUNTIME = -255               /* the system answered something unexpected */
};

/* Types of memory for memkind_create_kind(); they can be combined with |. */
typedef enum memkind_memtype_t {
    MEMKIND_MEMTYPE_DEFAULT = 1,       /* what the process uses anyway */
    MEMKIND_MEMTYPE_HIGH_BANDWIDTH = 2 /* memory whose bandwidth stands out: MEMKIND_HBW and its relatives */
} memkind_memtype_t;

/* Where memkind_create_kind() looks for them. */
typedef enum memkind_policy_t {
    MEMKIND_POLICY_BIND_LOCAL = 0,      /* the nearest nodes, and no others: NULL when they are full */
    MEMKIND_POLICY_BIND_ALL = 1,        /* all nodes of the type, and no others */
    MEMKIND_POLICY_PREFERRED_LOCAL = 2, /* the nearest node, and any other when it is full or there is none */
    MEMKIND_POLICY_INTERLEAVE_LOCAL = 3, /* no kind has this policy */
    MEMKIND_POLICY_INTERLEAVE_ALL = 4,   /* page by page over all nodes of the types */
    MEMKIND_POLICY_MAX_VALUE = 5         /* not a policy: their number */
} memkind_policy_t;

/* What else memkind_create_kind() is asked for; 0 is nothing. */
typedef enum memkind_bits_t {
    MEMKIND_MASK_PAGE_SIZE_2MB = 21 /* pages of 2 MiB (hugetlbfs) */
} memkind_bits_t;

/* How soon a file kind gives freed memory back to its file system. */
typedef enum memkind_mem_usage_policy {
    MEMKIND_MEM_USAGE_POLICY_DEFAULT = 0,      /* after a while, so that memory can be used again cheaply */
    MEMKIND_MEM_USAGE_POLICY_CONSERVATIVE = 1, /* at once: the least memory, at the cost of time */
    MEMKIND_MEM_USAGE_POLICY_MAX_VALUE = 2     /* not a policy: their number */
} memkind_mem_usage_policy;

/* What memkind_get_stat() can tell; all in bytes. */
typedef enum memkind_stat_type {
    /* pages that the kind holds, free ones that are not yet given back included */
    MEMKIND_STAT_TYPE_RESIDENT = 0,
    MEMKIND_STAT_TYPE_ACTIVE = 1,    /* pages that have live blocks in them */
    MEMKIND_STAT_TYPE_ALLOCATED = 2, /* live blocks */
    MEMKIND_STAT_TYPE_MAX_VALUE = 3  /* not a statistic: their number */
} memkind_stat_type;

/* What memkind_stats_print() writes and leaves out; combine with |. */
typedef enum memkind_stat_print_opt {
    MEMKIND_STAT_PRINT_ALL = 0,
    MEMKIND_STAT_PRINT_JSON_FORMAT = 1,
    MEMKIND_STAT_PRINT_OMIT_GENERAL = 2,
    MEMKIND_STAT_PRINT_OMIT_MERGED_ARENA = 4,
    MEMKIND_STAT_PRINT_OMIT_DESTROYED_MERGED_ARENA = 8,
    MEMKIND_STAT_PRINT_OMIT_PER_ARENA = 16,
    MEMKIND_STAT_PRINT_OMIT_PER_SIZE_CLASS_BINS = 32,
    MEMKIND_STAT_PRINT_OMIT_PER_SIZE_CLASS_LARGE = 64,
    MEMKIND_STAT_PRINT_OMIT_MUTEX = 128,
    MEMKIND_STAT_PRINT_OMIT_EXTENT = 256
} memkind_stat_print_opt;

/* ---- The kinds that are always there ----
 *
 * These are constants: never assign to them. Some need memory that not every machine has;
 * memkind_check_available() tells, and an allocation of an unavailable kind returns NULL with ENOMEM. What a
 * kind is made of is looked up when it is first used, environment variables included; so a program may set
 * those at its start.
 *
 * "Nearest" is by the distance from the CPU that the calling thread runs on when memory is taken from the
 * system. "Bound" (MPOL_BIND) memory comes from those nodes or not at all; "preferred" memory comes from
 * elsewhere when they are full. Where a container forbids binding, memory is not bound and one line of log
 * (MEMKIND_DEBUG=1) says so. */
struct memkind;
typedef struct memkind* memkind_t;

/* Ordinary memory, placed by the policy of the calling process. Always available. */
extern memkind_t MEMKIND_DEFAULT;

/* Ordinary memory bound to the NUMA nodes that have CPUs. */
extern memkind_t MEMKIND_REGULAR;

/* Ordinary memory, interleaved page by page over all nodes. */
extern memkind_t MEMKIND_INTERLEAVE;

/* Pages of 2 MiB (hugetlbfs), from the system's pool of huge pages. */
extern memkind_t MEMKIND_HUGETLB;

/* High-bandwidth memory: the nodes that MEMKIND_HBW_NODES lists (as "1-3,5"), else those that the firmware or
 * the machine's make tells to be so. HBW: bound to the nearest; ALL: bound to all of them; PREFERRED: the
 * nearest, others when it is full; INTERLEAVE: over all of them; HUGETLB: in pages of 2 MiB. */
extern memkind_t MEMKIND_HBW;
extern memkind_t MEMKIND_HBW_ALL;
extern memkind_t MEMKIND_HBW_PREFERRED;
extern memkind_t MEMKIND_HBW_INTERLEAVE;
extern memkind_t MEMKIND_HBW_HUGETLB;
extern memkind_t MEMKIND_HBW_ALL_HUGETLB;
extern memkind_t MEMKIND_HBW_PREFERRED_HUGETLB;

/* Memory devices that the kernel shows as NUMA nodes without CPUs (dax/kmem): persistent memory, CXL. The
 * nodes that MEMKIND_DAX_KMEM_NODES lists, else those found. Bound to the nearest; bound to all; nearest
 * preferred; interleaved. */
extern memkind_t MEMKIND_DAX_KMEM;
extern memkind_t MEMKIND_DAX_KMEM_ALL;
extern memkind_t MEMKIND_DAX_KMEM_PREFERRED;
extern memkind_t MEMKIND_DAX_KMEM_INTERLEAVE;

/* The nodes with the most memory: of the machine, or (LOCAL) of the nodes local to the CPU; bound or preferred. */
extern memkind_t MEMKIND_HIGHEST_CAPACITY;
extern memkind_t MEMKIND_HIGHEST_CAPACITY_PREFERRED;
extern memkind_t MEMKIND_HIGHEST_CAPACITY_LOCAL;
extern memkind_t MEMKIND_HIGHEST_CAPACITY_LOCAL_PREFERRED;

/* The nodes local to the CPU with the lowest latency or the highest bandwidth, as the firmware tells them;
 * bound or preferred. Unavailable on machines whose firmware does not tell. */
extern memkind_t MEMKIND_LOWEST_LATENCY_LOCAL;
extern memkind_t MEMKIND_LOWEST_LATENCY_LOCAL_PREFERRED;
extern memkind_t MEMKIND_HIGHEST_BANDWIDTH_LOCAL;
extern memkind_t MEMKIND_HIGHEST_BANDWIDTH_LOCAL_PREFERRED;

#include "memkind_deprecated.h"

/* ---- Library ---- */

/* The version of the interface: major * 1,000,000 + minor * 1,000 + patch; 1014000 for memkind 1.14.0. */
int memkind_get_version(void);

/* Writes the text for `err` (a MEMKIND_ERROR_* number, EINVAL or ENOMEM) to `msg`, cut to `size` bytes and
 * always terminated when size > 0. Other numbers get a text that contains the number. `msg` may be NULL when
 * size is 0. */
void memkind_error_message(int err, char* msg, size_t size);

/* ---- Making and looking at kinds ---- */

/* Makes a kind whose memory lies in a file: on pmem or an ordinary file system, tmpfs included. The file has
 * no name (it is gone when the process ends, however it ends) and grows as the kind needs it; memory that is
 * freed gives its blocks back to the file system.
 *
 *   dir       an existing directory in which this process may create files; copied
 *   max_size  the most bytes that the kind may take from the file system, at least MEMKIND_PMEM_MIN_SIZE and
 *             rounded up to 2 MiB; 0 for no limit
 *   kind      receives the kind on success and is left alone otherwise; the caller destroys it
 *
 * Returns MEMKIND_SUCCESS; MEMKIND_ERROR_INVALID for a bad argument or directory (errno then says why:
 * EINVAL, ENOENT, ENOTDIR, EACCES, ENOSPC, ...); MEMKIND_ERROR_TOOMANY; MEMKIND_ERROR_MMAP when the address
 * space is exhausted; MEMKIND_ERROR_MALLOC; MEMKIND_ERROR_ENVIRON when MEMKIND_ARENA_NUM_PER_KIND is set and
 * is not a number from 1 to INT_MAX.
 *
 * After fork(), parent and child each have their own copy of the memory, as with malloc: neither sees what
 * the other writes. (With memkind the child wrote into the parent's memory.) Both keep the pages they do not
 * write in the file; pages written after the fork move to DRAM until they are freed.
 *
 * When the disk or the limit is full, allocations return NULL with ENOMEM; blocks are reserved beforehand, so
 * that a store never fails for lack of space. */
int memkind_create_pmem(const char* dir, size_t max_size, memkind_t* kind);

/* The same, with more to choose. A configuration starts without a directory, without a limit, with
 * MEMKIND_MEM_USAGE_POLICY_DEFAULT; setting is remembering, and memkind_create_pmem_with_config() judges. It
 * is used by one thread at a time, for as many kinds as wanted, and the caller deletes it.
 *
 *   memkind_config_new     NULL with ENOMEM when there is no memory
 *   memkind_config_delete  NULL is ignored
 *   memkind_config_set_*   what memkind_create_pmem() calls dir and max_size. The text of `pmem_dir` is not
 *                          copied: it must be there when the kind is made. A NULL configuration is ignored */
struct memkind_config;
struct memkind_config* memkind_config_new(void);
void memkind_config_delete(struct memkind_config* cfg);
void memkind_config_set_path(struct memkind_config* cfg, const char* pmem_dir);
void memkind_config_set_size(struct memkind_config* cfg, size_t pmem_size);
void memkind_config_set_memory_usage_policy(struct memkind_config* cfg, memkind_mem_usage_policy policy);

/* Makes a file kind as `cfg` says. Returns what memkind_create_pmem() returns; MEMKIND_ERROR_INVALID also for
 * a NULL `cfg` and a policy that does not exist (memkind then made the kind nevertheless, and lost it). */
int memkind_create_pmem_with_config(struct memkind_config* cfg, memkind_t* kind);

/* Makes a kind over memory that the caller has: a static array, a mapping, shared memory. All its blocks lie
 * in [addr, addr + size), all records outside of it.
 *
 *   addr, size  readable and writable memory that nobody else touches while the kind exists; need not be
 *               aligned, and what is in it is overwritten. It stays the caller's, to be freed after
 *               memkind_destroy_kind(). (NULL, 0) makes a kind without memory
 *   kind        receives the kind on success and is left alone otherwise; the caller destroys it
 *
 * Returns MEMKIND_SUCCESS; MEMKIND_ERROR_INVALID for NULL, for a range that wraps around, and for one that
 * overlaps another kind's memory; MEMKIND_ERROR_TOOMANY; MEMKIND_ERROR_MALLOC; MEMKIND_ERROR_MMAP. */
int memkind_create_fixed(void* addr, size_t size, memkind_t* kind);

/* Finds the static kind for types of memory and a policy; makes nothing. All there are:
 *
 *   memtype_flags    policy           flags             kind
 *   HIGH_BANDWIDTH   BIND_LOCAL       0, PAGE_SIZE_2MB  HBW, HBW_HUGETLB
 *   HIGH_BANDWIDTH   BIND_ALL         0, PAGE_SIZE_2MB  HBW_ALL, HBW_ALL_HUGETLB
 *   HIGH_BANDWIDTH   PREFERRED_LOCAL  0, PAGE_SIZE_2MB  HBW_PREFERRED, HBW_PREFERRED_HUGETLB
 *   HIGH_BANDWIDTH   INTERLEAVE_ALL   0                 HBW_INTERLEAVE
 *   DEFAULT          PREFERRED_LOCAL  0, PAGE_SIZE_2MB  DEFAULT, HUGETLB
 *   both             INTERLEAVE_ALL   0                 INTERLEAVE
 *
 * Returns MEMKIND_SUCCESS; MEMKIND_ERROR_INVALID for anything else and for a NULL `kind`;
 * MEMKIND_ERROR_MEMTYPE_NOT_AVAILABLE when the machine does not have it, except with PREFERRED_LOCAL: then
 * the kind is MEMKIND_DEFAULT. *kind is left alone with an error. */
int memkind_create_kind(memkind_memtype_t memtype_flags, memkind_policy_t policy, memkind_bits_t flags,
                        memkind_t* kind);

/* Destroys a kind made by memkind_create_*: all its memory is gone, whoever still uses it. Nobody may be
 * inside a function with this kind, or use its memory, from now on. Static kinds are left alone. Returns
 * MEMKIND_SUCCESS, or MEMKIND_ERROR_INVALID when `kind` is NULL or is not (any more) a kind. */
int memkind_destroy_kind(memkind_t kind);

/* The kind that `ptr` was allocated from, or NULL when ptr is NULL or is not Terrace's memory. Two loads, no lock. */
memkind_t memkind_detect_kind(void* ptr);

/* MEMKIND_SUCCESS when memory of this kind can be had on this machine, else the MEMKIND_ERROR_* number that
 * says why not; MEMKIND_ERROR_INVALID for NULL. Allocates nothing. */
int memkind_check_available(memkind_t kind);

/* How many bytes of the kind's memory there are, used or not: all of the nodes it may take from (for a
 * preferred kind: of the nodes it prefers), the configured huge pages, the limit of a file kind or the size
 * of its file system, a fixed kind's size. -1 when there is none on this machine or nobody can tell, and for
 * NULL. (memkind answered -1 for every preferred kind, and for MEMKIND_REGULAR before its first use.) */
ssize_t memkind_get_capacity(memkind_t kind);

/* Whether stores to files in this directory go straight to persistent memory (DAX): makes an unnamed file
 * there and tries to map it with MAP_SYNC. Returns MEMKIND_SUCCESS; MEMKIND_ERROR_MMAP when they do not
 * (errno EOPNOTSUPP); MEMKIND_ERROR_RUNTIME when no file can be made there (errno says why: ENOENT, EACCES,
 * ...); MEMKIND_ERROR_INVALID for NULL. */
int memkind_check_dax_path(const char* pmem_dir);

/* ---- Statistics and behaviour ---- */

/* Brings what memkind_get_stat() tells up to date: it sums up what the threads have counted.
 * Returns MEMKIND_SUCCESS or MEMKIND_ERROR_OPERATION_FAILED. */
int memkind_update_cached_stats(void);

/* Writes a statistic of `kind`, as of the last memkind_update_cached_stats(), to *value. NULL for all kinds
 * together. Returns MEMKIND_SUCCESS; MEMKIND_ERROR_INVALID when `stat` does not exist or `value` is NULL;
 * MEMKIND_ERROR_OPERATION_FAILED. */
int memkind_get_stat(memkind_t kind, memkind_stat_type stat, size_t* value);

/* Writes the allocator's statistics as text or JSON, in pieces, to `write_cb(cbopaque, piece)`; to stderr
 * when write_cb is NULL. write_cb must not allocate or free memory of any kind. Returns MEMKIND_SUCCESS;
 * MEMKIND_ERROR_INVALID for an option that does not exist; MEMKIND_ERROR_OPERATION_FAILED. */
int memkind_stats_print(void (*write_cb)(void* cbopaque, const char* piece), void* cbopaque,
                        memkind_stat_print_opt opts);

/* Lets background threads give free memory back (true), or whoever allocates and frees (false, as it is at
 * first). Returns MEMKIND_SUCCESS or MEMKIND_ERROR_OPERATION_FAILED. */
int memkind_set_bg_threads(bool state);

/* Lets allocations of 0 bytes from `kind` return a block of their own, as malloc(3) does, instead of NULL. At
 * first they return NULL. For all threads from now on. Returns MEMKIND_SUCCESS, or MEMKIND_ERROR_INVALID for NULL. */
int memkind_set_allow_zero_allocs(memkind_t kind, bool allow_zero_allocs);

/* ---- The heap ---- */

/* Allocates `size` bytes of `kind`, aligned for any type (to 16 bytes; to 8 where size <= 8).
 * Returns NULL without touching errno when size is 0 (but see memkind_set_allow_zero_allocs); NULL with errno
 * ENOMEM when there is no memory of this kind or size is too large; NULL with EINVAL when kind is NULL. Free
 * it with memkind_free(). */
void* memkind_malloc(memkind_t kind, size_t size);

/* Allocates num * size zeroed bytes. As memkind_malloc(); a product that overflows is ENOMEM. */
void* memkind_calloc(memkind_t kind, size_t num, size_t size);

/* Resizes `ptr` to `size` bytes, keeping the contents up to the smaller size, and returns where it is now.
 *   ptr NULL    as memkind_malloc(kind, size)
 *   size 0      frees ptr and returns NULL
 *   kind NULL   the block stays in its kind; with ptr NULL too: NULL, EINVAL
 *   kind        another one than ptr's: the contents move there
 * On failure NULL with ENOMEM (or EINVAL when ptr is not Terrace's), and ptr is as it was. */
void* memkind_realloc(memkind_t kind, void* ptr, size_t size);

/* Allocates `size` bytes at an address that is a multiple of `alignment`, a power of two and a multiple of
 * sizeof(void *), and stores it to *memptr. Returns 0; EINVAL for a bad alignment or kind, ENOMEM; *memptr is
 * NULL then, and also when size is 0. errno is kept. */
int memkind_posix_memalign(memkind_t kind, void** memptr, size_t alignment, size_t size);

/* Frees what the functions above returned. `kind` may be NULL and may be wrong: the address tells the kind.
 * NULL and pointers that are not Terrace's are ignored. errno is kept. */
void memkind_free(memkind_t kind, void* ptr);

/* The bytes that can be used at `ptr`, at least as many as were asked for; 0 for NULL and foreign pointers.
 * `kind` may be NULL. Define MEMKIND_MALLOC_USABLE_SIZE_CONST as const to have the parameter so declared. */
#ifndef MEMKIND_MALLOC_USABLE_SIZE_CONST
#define MEMKIND_MALLOC_USABLE_SIZE_CONST
#endif
size_t memkind_malloc_usable_size(memkind_t kind, MEMKIND_MALLOC_USABLE_SIZE_CONST void* ptr);

/* Moves the block to where it wastes less memory, when there is such a place: a program that calls this for
 * its long-lived blocks, and notes the new addresses, gives memory back that a few blocks here and there keep
 * in use. Returns the new address, and `ptr` is freed; NULL when the block is well where it is, or is not
 * Terrace's: keep `ptr`. `kind` may be NULL. */
void* memkind_defrag_reallocate(memkind_t kind, void* ptr);

/* ---- Beyond memkind ----
 *
 * The rest is Terrace's own. memkind_persistent.h has kinds that are still there tomorrow. */

/* How memkind_create_on_nodes() spreads memory over its nodes. */
typedef enum memkind_placement {
    MEMKIND_PLACEMENT_BIND = 0,           /* any of them, and no others: NULL when they are full */
    MEMKIND_PLACEMENT_PREFERRED = 1,      /* the first of them while it has room, then any node */
    MEMKIND_PLACEMENT_PREFERRED_MANY = 2, /* any of them while they have room, then any node (Linux 5.15) */
    MEMKIND_PLACEMENT_INTERLEAVE = 3,     /* page by page in turn */
    MEMKIND_PLACEMENT_WEIGHTED_INTERLEAVE = 4 /* in turn, each node as many pages as its weight says */
} memkind_placement_t;

/* Makes a kind of ordinary memory on the NUMA nodes that you name.
 *
 *   nodes      a list as "0-1,4"; every one of them must be in this machine and have memory
 *   placement  how the memory is spread over them
 *   weights    for MEMKIND_PLACEMENT_WEIGHTED_INTERLEAVE: one number from 1 to 255 for each node, in
 *              ascending order of the nodes; copied. NULL for all others
 *   kind       receives the kind on success and is left alone otherwise; the caller destroys it
 *
 * Returns MEMKIND_SUCCESS; MEMKIND_ERROR_INVALID for anything that is not as described;
 * MEMKIND_ERROR_TOOMANY; MEMKIND_ERROR_MALLOC. */
int memkind_create_on_nodes(const char* nodes, memkind_placement_t placement, const unsigned* weights,
                            memkind_t* kind);

/* Writes to `mask`, an array of (maxnode + bits of an unsigned long - 1) / bits of an unsigned long words, a
 * 1 for each node below `maxnode` that the kind takes its memory from (a preferred kind: should take). For a
 * kind that looks for the nearest nodes: those of the CPU that the caller runs on. No bit is set where the
 * process's own policy decides, and for files. 1024 is enough for every machine. Returns MEMKIND_SUCCESS;
 * MEMKIND_ERROR_INVALID for NULL and when the kind has a node that `mask` has no bit for; what
 * memkind_check_available() returns when the kind is not available. */
int memkind_get_nodes(memkind_t kind, unsigned long* mask, unsigned long maxnode);

/* Makes a kind that takes memory from other kinds: from the first of them, and when that has none, from the next, and so
 * on. A block belongs to the member that gave it: memkind_detect_kind() and statistics name the member. A member that refused
 * is passed over for the next few hundred allocations, but what is freed to it in the meantime is used again.
 *
 *   kinds, count  1 or more kinds, in the order in which they are tried; the array is copied. They must exist as long as
 *                 this kind does, and must not be fallback kinds themselves
 *   kind          receives the kind on success and is left alone otherwise; the caller destroys it (which frees nothing of
 *                 the members)
 *
 * A member that is bound to nodes (MEMKIND_HBW, MEMKIND_REGULAR, MEMKIND_PLACEMENT_BIND, ...) says that they are full before
 * the kernel would have to kill somebody.
 *
 * Returns MEMKIND_SUCCESS, MEMKIND_ERROR_INVALID, MEMKIND_ERROR_TOOMANY, MEMKIND_ERROR_MALLOC. */
int memkind_create_fallback(const memkind_t* kinds, size_t count, memkind_t* kind);

/* Gives the kind's free memory back to where it came from, the caches of the calling thread included, now.
 * NULL for every kind. Costs a system call for each run of free pages; live blocks stay where they are.
 * Returns MEMKIND_SUCCESS or MEMKIND_ERROR_INVALID. */
int memkind_trim(memkind_t kind);

/* What a kind holds from the system, in bytes. */
struct memkind_usage {
    size_t taken; /* now: live blocks, caches, and what is free but not yet given back */
    size_t peak;  /* the most that it ever was */
    size_t limit; /* the most that it may be; SIZE_MAX: no limit */
};

/* Writes the kind's usage to *usage. Exact at the moment of the call, a few loads, no lock.
 * Returns MEMKIND_SUCCESS or MEMKIND_ERROR_INVALID. */
int memkind_get_usage(memkind_t kind, struct memkind_usage* usage);

/* Limits what the kind may hold from the system to `bytes`; SIZE_MAX or 0 for no limit. At the limit,
 * allocations return NULL with ENOMEM. A limit below what is taken now takes nothing away, it only stops
 * growth. The limit of memkind_create_pmem() holds besides. Returns MEMKIND_SUCCESS or MEMKIND_ERROR_INVALID. */
int memkind_set_limit(memkind_t kind, size_t bytes);

/* A live block of memory. */
struct memkind_block {
    memkind_t kind; /* whose it is */
    void* start;    /* what the allocation returned */
    size_t size;    /* its usable bytes */
};

/* Whose memory is this? Any address may be asked for: foreign, freed, or in the middle of a block.
 * Returns MEMKIND_SUCCESS and fills *block; its start and size are 0 where the address is in a kind's memory,
 * but in no live block that can be told. MEMKIND_ERROR_INVALID when the address is not Terrace's or `block`
 * is NULL. */
int memkind_find_block(const void* address, struct memkind_block* block);

#ifdef __cplusplus
}
#endif
#endif
