/* SPDX-License-Identifier: BSD-2-Clause
 *
 * memkind_persistent.h: a kind whose memory is still there tomorrow.
 *
 * A persistent kind is a memkind_t over a pool of durable objects (libpmemobj.h). Memory from it is first only *reserved*:
 * write to it, change your mind and free it, and no trace is left; after a crash it never was. *Publishing* it stores its
 * name somewhere in the pool and makes name, contents and allocation durable in one step, all or nothing:
 *
 *     struct root { PMEMoid newest; };
 *     memkind_t notes;
 *     if (memkind_create_persistent("/mnt/pmem/notes", "notes", 64 << 20, &notes) != MEMKIND_SUCCESS)
 *         die(pmemobj_errormsg());
 *     PMEMobjpool *pool = memkind_persistent_pool(notes);
 *     struct root *root = pmemobj_direct(pmemobj_root(pool, sizeof(struct root)));
 *     char *text = memkind_malloc(notes, 100);
 *     strcpy(text, "remember me");
 *     memkind_publish(notes, &root->newest, text);
 *     memkind_destroy_kind(notes);                     // closes the pool; "remember me" stays
 *
 * What memkind.h's functions do on a persistent kind:
 *   memkind_malloc, memkind_calloc, memkind_posix_memalign   reserve
 *   memkind_free       a reserved block: as if it had never been; a published one: freed durably before the call returns (its
 *                      name must not be in use any more)
 *   memkind_realloc    a reserved block moves as usual; a published one does not move: NULL with EINVAL unless it fits where it is
 *   memkind_detect_kind, memkind_malloc_usable_size, memkind_find_block          as for every kind
 *   memkind_defrag_reallocate   NULL: blocks stay where they are (pmemobj_defrag moves objects and mends their names)
 *   memkind_get_capacity        the bytes that the pool has for blocks
 *   memkind_get_stat   ALLOCATED: bytes in blocks, reserved and published; ACTIVE: in pages with blocks; RESIDENT: these and
 *                      the pool's own records. Counted at the call, which looks at the whole pool
 *   memkind_get_usage  taken and peak: the file's size; limit: the size up to which it grows by itself
 *   memkind_set_limit  a pool keeps its size until it is given a limit above it; then it grows by itself, in place, as it
 *                      needs room. 0 or SIZE_MAX: as long as the file system has room. Forgotten when the kind is destroyed
 *   memkind_trim       makes room of freed small blocks fit for large ones; the file does not shrink
 *   memkind_destroy_kind   closes the pool; published objects stay in the file, reserved blocks are gone
 *
 * docs/persistent-kind.md teaches it in a page.
 *
 * The pool's engine is libpmemobj.so.1, which is loaded when the first persistent kind is made. After fork() the child sees
 * a frozen copy: it may read, but not allocate, publish or free.
 */
#ifndef MEMKIND_PERSISTENT_H
#define MEMKIND_PERSISTENT_H

#include <libpmemobj/base.h>
#include <memkind.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opens the pool file at `path`, or creates it if it does not exist, and makes a kind of it.
 *
 *   path    of the pool file; copied
 *   layout  a name for what is in it, less than 1,024 bytes; an existing pool must have been made with the same. NULL: any,
 *           and "" for a new pool
 *   size    of a new pool, in bytes, at least 8 MiB; 0 to open only. An existing pool keeps its size
 *   kind    receives the kind on success and is left alone otherwise; memkind_destroy_kind() closes it
 *
 * Returns MEMKIND_SUCCESS; MEMKIND_ERROR_INVALID when the pool cannot be opened or created (errno says why, and
 * pmemobj_errormsg() in words: a foreign or damaged file, another layout, open elsewhere, no space, ...);
 * MEMKIND_ERROR_UNAVAILABLE when libpmemobj.so.1 cannot be loaded or is not Terrace's; MEMKIND_ERROR_TOOMANY. */
int memkind_create_persistent(const char *path, const char *layout, size_t size, memkind_t *kind);

/* The pool under a persistent kind, for everything of libpmemobj.h: roots, transactions, iteration. It is open as long as
 * the kind exists; do not close it. NULL when `kind` is not a persistent kind. */
PMEMobjpool *memkind_persistent_pool(memkind_t kind);

/* Makes a reserved block durable and known: stores its name to *where, and makes name, contents (as they are now) and
 * allocation durable in one step. After a crash either all of it is there or nothing.
 *
 *   where  a PMEMoid inside the same pool, usually in the root or in a published object; it is written durably. Elsewhere in
 *          memory it is simply stored. NULL: the block is published without a name (pmemobj_first and _next find it)
 *   ptr    from memkind_malloc and its relatives on this kind, not published yet; the start of the block
 *
 * Returns MEMKIND_SUCCESS; MEMKIND_ERROR_INVALID when an argument is not as described; MEMKIND_ERROR_OPERATION_FAILED with
 * errno when the medium fails. The block is as it was then.
 * Cost: one fence; on an ordinary file system one fdatasync, shared with whoever commits at the same moment. */
int memkind_publish(memkind_t kind, PMEMoid *where, void *ptr);

#ifdef __cplusplus
}
#endif
#endif
