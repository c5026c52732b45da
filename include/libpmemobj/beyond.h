/*
 * What Terrace's pools do beyond PMDK's interface: open for reading only, grow, tell how full they are, and commit
 * without waiting for the medium. A program that uses these functions needs Terrace's libpmemobj. Include this header
 * by name; libpmemobj.h does not.
 *
 * Without a function of its own: a copy of a pool may be opened beside the original. The first pmemobj_open of a copy
 * while the original is open in the same process gives the copy an identity of its own, durably: every word of its
 * objects that holds the old one (pool_uuid_lo, in every PMEMoid) is replaced. That reads the whole file once.
 */
#ifndef LIBPMEMOBJ_BEYOND_H
#define LIBPMEMOBJ_BEYOND_H 1

#include <libpmemobj/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- opening ---- */

/* For reading only. The file is never written and may be on a medium that cannot be; any number of processes may have it
 * open so, but nobody who writes. A pool that was not closed is recovered in this process's memory. Whatever would
 * change the pool fails with EROFS; plain stores are seen by this process and forgotten. */
#define POBJ_OPEN_READ_ONLY (1U << 0)
/* Changes of every kind are seen by this process and forgotten when it closes the pool. As
 * "copy_on_write.at_open" does for every pmemobj_open. */
#define POBJ_OPEN_COPY_ON_WRITE (1U << 1)

/*
 * pmemobj_open with flags.
 *   path    the pool's file
 *   layout  as for pmemobj_open; NULL opens a pool of any layout
 *   flags   0, or one of POBJ_OPEN_*
 * Returns the pool, which the caller closes with pmemobj_close, or NULL with errno and pmemobj_errormsg: EINVAL for
 * unknown flags, EWOULDBLOCK when somebody has the file open for writing (or, with flags 0, at all), and what
 * pmemobj_open says.
 */
PMEMobjpool* pmemobj_xopen(const char* path, const char* layout, unsigned flags);

/* ---- size ---- */

/*
 * Grows an open pool and its file, durably. Other threads go on working; no address changes.
 *   bytes  by how much, at least; rounded up to whole pages, and to 2 MiB
 * A pool grows 63 times at most, to 16 TiB at most, and while it is open into the addresses that were set aside when it was
 * opened: the larger of 256 GiB (16 GiB when 64 pools or more were open by then) and eight times its size, less where
 * the address space is limited.
 * Returns 0, or -1 with errno and nothing changed: EINVAL for 0 bytes; ENOSPC, EFBIG, EDQUOT when the file system has no
 * room; ENOMEM when one of the limits above is reached; EROFS, EPERM for a pool that this process cannot change.
 * Cost: sets the space aside on the file system, two syncs, one commit.
 *
 * A pool also grows by itself when an allocation finds no room, by "heap.size.granularity" at a time, up to
 * "heap.size.limit" (bytes; 0, which is the default: never). See libpmemobj/ctl.h.
 */
int pmemobj_extend(PMEMobjpool* pop, size_t bytes);

/* Figures of a pool. All but objects are in bytes. Free space is that of whole pages (4096 bytes) that no object is
 * in; small objects also fill free places in pages that are in use. */
struct pobj_space {
    uint64_t pool_bytes;         /* the file's part that is the pool */
    uint64_t heap_bytes;         /* of it, for objects */
    uint64_t objects;            /* that exist, the root object and reserved ones included */
    uint64_t object_bytes;       /* what they can hold: the sum of pmemobj_alloc_usable_size */
    uint64_t free_bytes;         /* in free pages */
    uint64_t largest_free_bytes; /* the largest object that fits now */
    uint64_t small_bytes;        /* pages that hold small objects (up to 16 KiB) */
    uint64_t small_object_bytes; /* of these, objects; the rest are free places */
};

/*
 * Counts them. Fragmentation is 1 - largest_free_bytes / free_bytes among free pages, and
 * 1 - small_object_bytes / small_bytes within pages of small objects.
 *   space       filled in
 *   space_size  sizeof(struct pobj_space), so that later versions can add members
 * Returns 0, or -1 with errno EINVAL for another size. Threads may allocate meanwhile; each figure is then of some moment
 * during the call. Cost: looks at every page descriptor of the pool (32 bytes for each 4 KiB).
 */
int pmemobj_space(PMEMobjpool* pop, struct pobj_space* space, size_t space_size);

/* ---- committing without waiting ---- */

/*
 * Commits the running transaction like pmemobj_tx_commit, but does not wait for the medium: many transactions then share
 * one sync. Allowed in stage WORK; enters ONCOMMIT (or aborts). In a nested transaction it is pmemobj_tx_commit.
 * Its changes are seen at once. They are durable as soon as pmemobj_wait_durable(pop, ticket) has returned 0, or
 * anything that was committed later is durable, or the pool is closed; a crash before that undoes it, and every
 * transaction that was committed later, as a whole. At cache-line granularity it is durable at once.
 * Returns a ticket; 0: it is durable already, or was aborted (see pmemobj_tx_errno).
 *
 *     uint64_t ticket = 0;
 *     TX_BEGIN(pop) {
 *         …
 *         ticket = pmemobj_tx_commit_async();
 *     } TX_END
 *     …
 *     if (pmemobj_wait_durable(pop, ticket) != 0) …
 */
uint64_t pmemobj_tx_commit_async(void);

/* Waits until the transaction of a ticket of this pool, and all before it, are durable. Any thread may wait, as often as it
 * likes. 0 is durable. Returns 0, or -1 with errno: EINVAL for a number that is no ticket; EIO, ENOSPC, … when
 * the medium failed: then the transactions since the last durable one are lost, and nothing can be committed any more
 * until the pool is closed and opened again. */
int pmemobj_wait_durable(PMEMobjpool* pop, uint64_t ticket);

/* Whether it is durable by now: 1 or 0. Does not wait. */
int pmemobj_is_durable(PMEMobjpool* pop, uint64_t ticket);

#ifdef __cplusplus
}
#endif
#endif
