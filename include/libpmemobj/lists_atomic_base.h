/*
 * Lists whose every step is atomic, in terms of bytes and offsets: the functions behind lists_atomic.h. After a
 * crash an element is in the list or not, and a new one exists if and only if it is in the list.
 */
#ifndef LIBPMEMOBJ_LISTS_ATOMIC_BASE_H
#define LIBPMEMOBJ_LISTS_ATOMIC_BASE_H 1

#include <libpmemobj/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * In all of these functions
 *   pe_offset  bytes from the beginning of an element to its POBJ_LIST_ENTRY
 *   head       a POBJ_LIST_HEAD in pop; the functions lock its mutex, so any threads may call them, and the
 *              caller must not hold it
 *   dest       the element to insert next to; OID_NULL: before the first or behind the last
 *   before     POBJ_LIST_DEST_BEFORE (1) or POBJ_LIST_DEST_AFTER (0)
 * Those that return int return 0, or -1 with nothing changed and errno
 *   EINVAL     an object that has no room for an entry at pe_offset, one that is in no list and should be, a head
 *              or an object outside of the pool. That an object is in another list than this one is not found
 *   ENOMEM     no room in the pool, or no memory for the log record
 * They cost one fence on memory, one sync on a disk. They are no part of a running transaction.
 */

/* Inserts oid, an object that is in no list with this entry. */
int pmemobj_list_insert(PMEMobjpool* pop, size_t pe_offset, void* head, PMEMoid dest, int before,
                        PMEMoid oid);

/* Allocates an object, as pmemobj_alloc does, and inserts it, in one step. Returns its name, or OID_NULL with
 * errno, also ECANCELED when the constructor says so. */
PMEMoid pmemobj_list_insert_new(PMEMobjpool* pop, size_t pe_offset, void* head, PMEMoid dest, int before,
                                size_t size, uint64_t type_num, pmemobj_constr constructor, void* arg);

/* Takes oid out of the list; frees it in the same step if free is not 0. */
int pmemobj_list_remove(PMEMobjpool* pop, size_t pe_offset, void* head, PMEMoid oid, int free);

/* Takes oid out of one list and inserts it into another, or elsewhere in the same. The two lists may use
 * different entries of the element. */
int pmemobj_list_move(PMEMobjpool* pop, size_t pe_old_offset, void* head_old, size_t pe_new_offset,
                      void* head_new, PMEMoid dest, int before, PMEMoid oid);

#ifdef __cplusplus
}
#endif
#endif
