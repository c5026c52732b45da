/*
 * Actions: reserve now, publish later. A reserved object can be filled at leisure, as ordinary memory;
 * publishing makes any number of reservations, frees and 8-byte stores durable in one step, all or none. What
 * is never published is gone at the next open: a crash cannot leak it.
 */
#ifndef LIBPMEMOBJ_ACTION_BASE_H
#define LIBPMEMOBJ_ACTION_BASE_H 1

#include <libpmemobj/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum pobj_action_type {
    POBJ_ACTION_TYPE_HEAP, /* a reservation or a free */
    POBJ_ACTION_TYPE_MEM,  /* a store */
    POBJ_MAX_ACTION_TYPE
};

struct pobj_action_heap {
    uint64_t offset;      /* of the object in its pool */
    uint64_t usable_size; /* bytes it can hold */
};

/* One step of a publication, filled in by the functions below. It belongs to the caller, in ordinary memory,
 * and ends with pmemobj_publish, pmemobj_tx_publish or pmemobj_cancel. Only type and heap are for the caller
 * to read. */
struct pobj_action {
    enum pobj_action_type type;
    uint32_t data[3];
    __extension__ union {
        struct pobj_action_heap heap;
        uint64_t data2[14];
    };
};
_POBJ_EXACT_SIZE(struct pobj_action, 128);

/* Sets memory aside and returns its name; errors as pmemobj_alloc. The object may be written and read
 * (pmemobj_direct) by this process, is not seen by iteration, and its content becomes durable only as the
 * program makes it so (pmemobj_persist) before it publishes. flags: POBJ_XALLOC_ZERO, POBJ_CLASS_ID(n),
 * POBJ_ARENA_ID(n). */
PMEMoid pmemobj_reserve(PMEMobjpool* pop, struct pobj_action* act, size_t size, uint64_t type_num);
PMEMoid pmemobj_xreserve(PMEMobjpool* pop, struct pobj_action* act, size_t size, uint64_t type_num,
                         uint64_t flags);

#define POBJ_ACTION_XRESERVE_VALID_FLAGS (POBJ_XALLOC_CLASS_MASK | POBJ_XALLOC_ARENA_MASK | POBJ_XALLOC_ZERO)

/* Prepares `*ptr = value`; ptr lies in pop at a multiple of 8 bytes and is written when the action is published. */
void pmemobj_set_value(PMEMobjpool* pop, struct pobj_action* act, uint64_t* ptr, uint64_t value);

/* Prepares freeing oid, which stays whole and usable until the action is published. */
void pmemobj_defer_free(PMEMobjpool* pop, PMEMoid oid, struct pobj_action* act);

/* Does all of the actions in one durable step. Returns 0, or -1 with errno ENOMEM and none of them done. */
int pmemobj_publish(PMEMobjpool* pop, struct pobj_action* actv, size_t actvcnt);

/* Makes the actions part of the running transaction: they happen if it commits, and are cancelled if it
 * aborts. Returns 0, or an errno value after the transaction was aborted. */
int pmemobj_tx_publish(struct pobj_action* actv, size_t actvcnt);

/* The same; with POBJ_XPUBLISH_NO_ABORT (tx_base.h) a failure returns its errno value and does not abort. */
int pmemobj_tx_xpublish(struct pobj_action* actv, size_t actvcnt, uint64_t flags);

/* Gives the reservations back and forgets the other actions. */
void pmemobj_cancel(PMEMobjpool* pop, struct pobj_action* actv, size_t actvcnt);

#ifdef __cplusplus
}
#endif
#endif
