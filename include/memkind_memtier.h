/* SPDX-License-Identifier: BSD-2-Clause
 *
 * memkind_memtier.h: one allocator over several kinds. A memtier memory has tiers, each a kind with a share; every
 * allocation is placed so that the bytes in the tiers keep the shares:
 *
 *     struct memtier_builder *builder = memtier_builder_new(MEMTIER_POLICY_STATIC_RATIO);
 *     memtier_builder_add_tier(builder, MEMKIND_DEFAULT, 1);
 *     memtier_builder_add_tier(builder, file_kind, 4);       // four bytes in the file for each byte in DRAM
 *     struct memtier_memory *memory = memtier_builder_construct_memtier_memory(builder);
 *     memtier_builder_delete(builder);
 *     char *text = memtier_malloc(memory, 100);
 *     memtier_free(text);
 *     memtier_delete_memtier_memory(memory);
 *
 * Names, numbers and results are those of memkind 1.14. Sizes are bytes. Functions that allocate or free may be called
 * from any thread at any time, take no lock of their own, and cost a few nanoseconds more than the kind's own functions.
 * A builder is used by one thread at a time.
 *
 * Accounting. What these functions allocate and free is counted per kind, in usable bytes, and the count decides where
 * the next allocation goes; all memories that share a kind share its count. Memory from memkind_malloc() is not counted:
 * give it back with memkind_free(), and memory from here with memtier_free(), or the count is off by its size.
 */
#ifndef MEMKIND_MEMTIER_H
#define MEMKIND_MEMTIER_H

#include <memkind.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct memtier_builder; /* tiers and a policy while they are being put together */
struct memtier_memory;  /* the finished allocator; does not change any more */

/* How a memory chooses the tier of an allocation. */
typedef enum memtier_policy_t {
    /* The bytes in the tiers keep the ratio of the shares. One thread keeps it to within its largest object; each
     * further thread may be up to 16 KiB per tier off. */
    MEMTIER_POLICY_STATIC_RATIO = 0,
    /* Small allocations to the first tier, larger ones to the next, and so on; the thresholds between the tiers move so
     * that the bytes in the tiers approach the ratio of the shares. See memtier_ctl_set(). */
    MEMTIER_POLICY_DYNAMIC_THRESHOLD = 1,
    MEMTIER_POLICY_MAX_VALUE,
    /* Beyond memkind: the first tier that has room; shares mean nothing. The usual order for a fast tier that is small:
     * give it a limit (memkind_set_limit()), or let it be full. */
    MEMTIER_POLICY_CAPACITY_ORDER = 16
} memtier_policy_t;

/* A new builder without tiers; the caller gives it to memtier_builder_delete(). NULL when the policy is unknown (a line
 * on stderr says so; errno EINVAL), or when memory is short (errno ENOMEM). */
struct memtier_builder* memtier_builder_new(memtier_policy_t policy);

/* Ends a builder. The memories it constructed live on. NULL is ignored. */
void memtier_builder_delete(struct memtier_builder* builder);

/* Adds a tier; the first one added is the fastest by convention, and the one the others are compared with.
 *   kind        not owned: it must outlive every memory that is constructed
 *   kind_ratio  the tier's share, 1 or more, relative to the other tiers' (1 and 4, 10 and 40 mean the same)
 * Returns 0; or -1, errno EINVAL, when builder or kind is NULL, the kind is a tier already, kind_ratio is 0, or 32 tiers
 * are there. memkind accepts a ratio of 0 and divides by it later. */
int memtier_builder_add_tier(struct memtier_builder* builder, memkind_t kind, unsigned kind_ratio);

/* The finished allocator; the caller gives it to memtier_delete_memtier_memory(). The builder stays as it is and can
 * construct more. NULL when the builder is NULL or has no tier, or with DYNAMIC_THRESHOLD fewer than two, or thresholds
 * or numbers that contradict each other (errno EINVAL; MEMKIND_DEBUG=1 says what); or memory is short (errno ENOMEM). */
struct memtier_memory* memtier_builder_construct_memtier_memory(struct memtier_builder* builder);

/* Ends a memory. What was allocated from it stays valid, and is freed as ever. NULL is ignored.
 * No thread may be allocating from it. */
void memtier_delete_memtier_memory(struct memtier_memory* memory);

/* Sets an option of the builder's by name; `val` points to a value of the option's type. Beyond memkind, for every policy:
 *
 *   policy.strict         int     not 0: an allocation that its tier refuses fails, with ENOMEM. Default 0: another tier
 *                                 takes it
 *
 * The rest is for DYNAMIC_THRESHOLD and begins with "policy.dynamic_threshold.":
 *
 *   thresholds[ID].val  size_t    allocations of fewer bytes go to tier ID or below; where the threshold starts.
 *                                 Default 1024 * (ID + 1)
 *   thresholds[ID].min  size_t    it never moves below this. Default val - 512
 *   thresholds[ID].max  size_t    nor above this. Default val + 511
 *   check_cnt           unsigned  allocations of a thread from one look at the ratio to the next; 0: never. Default 20
 *   trigger             float     how far (bytes above / bytes below) may be off before a threshold moves. Default 0.02
 *   degree              float     by which part of itself a threshold moves. Default 0.15
 *
 * Threshold ID lies between tiers ID and ID + 1, which must have been added. A memory needs min <= val <= max, each min
 * above the max before, trigger and degree 0 or more; that is checked when it is constructed.
 * Returns 0, or -1 (errno EINVAL) when the policy has no such option or an argument is NULL. */
int memtier_ctl_set(struct memtier_builder* builder, const char* name, const void* val);

/* At least `size` bytes in the tier that the policy chooses. When that tier is full, in the next one that has room, and
 * in MEMKIND_DEFAULT, if it is a tier, last (CAPACITY_ORDER: in order). NULL, errno ENOMEM, when all are full. Size 0 gives NULL, errno untouched. */
void* memtier_malloc(struct memtier_memory* memory, size_t size);

/* The same from one kind, counted, without a policy and without another kind to fall back to. */
void* memtier_kind_malloc(memkind_t kind, size_t size);

/* num * size bytes, all zero; the tier is chosen for the whole. NULL, errno ENOMEM, also when num * size overflows;
 * NULL, errno untouched, when it is 0. */
void* memtier_calloc(struct memtier_memory* memory, size_t num, size_t size);
void* memtier_kind_calloc(memkind_t kind, size_t num, size_t size);

/* Makes the block at `ptr` `size` bytes large, in its kind, whichever that is, moving it if need be; when its kind is
 * full, or DYNAMIC_THRESHOLD has another tier for the new size, the block moves to another tier of `memory`. NULL
 * `ptr`: a new block. Size 0: frees the block, returns NULL.
 * On failure NULL, errno ENOMEM, and the block and every count are as before. A `ptr` that is not this library's:
 * NULL, errno EINVAL. memtier_kind_realloc() uses `kind` only for a NULL `ptr`, and kind NULL then gives NULL, EINVAL. */
void* memtier_realloc(struct memtier_memory* memory, void* ptr, size_t size);
void* memtier_kind_realloc(memkind_t kind, void* ptr, size_t size);

/* At least `size` bytes at a multiple of `alignment`, a power of two and a multiple of sizeof(void *). Returns 0 and
 * stores the address, NULL for size 0; or EINVAL (alignment) or ENOMEM, and leaves *memptr alone. errno is untouched. */
int memtier_posix_memalign(struct memtier_memory* memory, void** memptr, size_t alignment, size_t size);
int memtier_kind_posix_memalign(memkind_t kind, void** memptr, size_t alignment, size_t size);

/* How many bytes the block at `ptr` really has; 0 for NULL and for a pointer that is not this library's. */
size_t memtier_usable_size(void* ptr);

/* Frees a block of any kind or memory. `kind` may be NULL: an address tells its kind. NULL `ptr` and pointers that are
 * not this library's are ignored. errno is untouched. */
void memtier_kind_free(memkind_t kind, void* ptr);

/* memtier_kind_free(NULL, ptr). */
static inline void memtier_free(void* ptr) {
    memtier_kind_free((memkind_t)0, ptr);
}

/* Bytes now allocated of a kind through this interface; exact when no other thread is inside one of its functions, and
 * never negative. Cost: a load per thread. */
size_t memtier_kind_allocated_size(memkind_t kind);

/* ---- Beyond memkind ---- */

/* Frees like memtier_free() and returns 0; or returns -1 and does nothing when `ptr` is not this library's.
 * For programs, and preloaded libraries, that meet several allocators' memory. NULL gives 0. */
int memtier_try_free(void* ptr);

/* The highest that memtier_kind_allocated_size() has been, to within 16 KiB per thread, since the kind was made. */
size_t memtier_kind_peak_size(memkind_t kind);

/* What is known of a tier. The first four numbers are the kind's, of all memories that share it. */
struct memtier_tier_statistics {
    memkind_t kind;
    unsigned ratio;     /* its share */
    size_t allocated;   /* bytes now: memtier_kind_allocated_size() */
    size_t peak;        /* memtier_kind_peak_size() */
    size_t allocations; /* blocks that were ever allocated or resized */
    size_t
        refusals; /* allocations that it was asked for and had no room for: its limit, a full node, a full disk */
    size_t passed_on; /* allocations that were its, and that another tier took or nobody could */

    /* Of a tier in files: what the system answered when it refused. A limit of yours that was reached is no failure. */
    size_t failures;          /* how often */
    int last_error;           /* errno of the last time: ENOSPC, EIO, …; 0: never */
    const char* last_failure; /* what could not be done then, in English, valid for ever; NULL: never */
    int has_failed; /* 1: its medium is broken (EIO, EROFS, …), and nothing is allocated in it any more */
};

/* Writes what is known of the tier that was added as number `tier`, counted from 0. Costs three loads per thread, no lock;
 * may be called in a signal handler. Returns 0; or -1, errno EINVAL, for a NULL or a tier that is not there. */
int memtier_get_tier_statistics(struct memtier_memory* memory, unsigned tier,
                                struct memtier_tier_statistics* statistics);

#ifdef __cplusplus
}
#endif

#endif
