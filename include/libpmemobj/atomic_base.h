/*
 * Atomic operations: one object is allocated, resized or freed in one durable step, outside of transactions.
 * If the place for the name (oidp) lies in the pool, heap and name change together: no crash leaves a leak or
 * a dangling name between them.
 */
#ifndef LIBPMEMOBJ_ATOMIC_BASE_H
#define LIBPMEMOBJ_ATOMIC_BASE_H 1

#include <libpmemobj/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * In all of these functions
 *   oidp      where the name goes: in pop, in ordinary memory, or NULL (then only iteration finds the object)
 *   size      bytes, at least 1; the memory begins at a multiple of 16 bytes or more
 *   type_num  any number the program likes, see types.h; pmemobj_type_num gives it back
 * and they return 0, or -1 with nothing changed and errno
 *   EINVAL     size 0, or a flag that is not known
 *   ENOMEM     no room in the pool
 *   ECANCELED  the constructor said so
 * They must not be called on objects that a running transaction uses: other threads see their effect at once,
 * and an abort does not take it back. They cost one fence on memory, one sync on a disk.
 */

/* Allocates. The constructor may be NULL; the content is then undefined. */
int pmemobj_alloc(PMEMobjpool* pop, PMEMoid* oidp, size_t size, uint64_t type_num, pmemobj_constr constructor,
                  void* arg);

/* The same with flags: POBJ_XALLOC_ZERO, POBJ_CLASS_ID(n), POBJ_ARENA_ID(n). The other flags of pmemobj_tx_xalloc are
 * accepted and mean nothing here. */
int pmemobj_xalloc(PMEMobjpool* pop, PMEMoid* oidp, size_t size, uint64_t type_num, uint64_t flags,
                   pmemobj_constr constructor, void* arg);

#define POBJ_XALLOC_VALID_FLAGS (POBJ_XALLOC_ZERO | POBJ_XALLOC_CLASS_MASK)

/* Allocates an object filled with zeroes. */
int pmemobj_zalloc(PMEMobjpool* pop, PMEMoid* oidp, size_t size, uint64_t type_num);

/* Resizes the object *oidp: content stays up to the smaller size, the rest is undefined, or zeroes with
 * zrealloc. The name may change; it and the type number are updated in the same step. With *oidp OID_NULL
 * they allocate, with size 0 they free; with both they do nothing. */
int pmemobj_realloc(PMEMobjpool* pop, PMEMoid* oidp, size_t size, uint64_t type_num);
int pmemobj_zrealloc(PMEMobjpool* pop, PMEMoid* oidp, size_t size, uint64_t type_num);

/* Copies of a string, its final NUL included, as new objects. EINVAL also for s NULL. */
int pmemobj_strdup(PMEMobjpool* pop, PMEMoid* oidp, const char* s, uint64_t type_num);
int pmemobj_wcsdup(PMEMobjpool* pop, PMEMoid* oidp, const wchar_t* s, uint64_t type_num);

/* Frees the object and sets *oidp to OID_NULL. Does nothing when it is OID_NULL already. */
void pmemobj_free(PMEMoid* oidp);

/* What pmemobj_defrag did, in objects. */
struct pobj_defrag_result {
    size_t total;     /* that were looked at */
    size_t relocated; /* that were moved */
};
_POBJ_EXACT_SIZE(struct pobj_defrag_result, 2 * sizeof(size_t));

/* Moves objects out of pages that are at most half full, so that these pages become free.
 *   oidv    oidcnt addresses of names, in pop or in ordinary memory; names may be OID_NULL and may be the same.
 *           They must be all the names of these objects: only they are given the new value. A name may lie in
 *           an object that is moved itself
 *   result  NULL, or where figures go; set even on failure
 * Each object moves in one durable step with its names. Nobody else may use the objects meanwhile, and pointers to
 * them end here. Objects of more than 16 KiB have pages of their own and stay. Returns 0, or -1 with errno and
 * some of the objects moved: EINVAL for a name that names no object of pop, ENOMEM. */
int pmemobj_defrag(PMEMobjpool* pop, PMEMoid** oidv, size_t oidcnt, struct pobj_defrag_result* result);

#ifdef __cplusplus
}
#endif
#endif
