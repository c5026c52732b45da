/*
 * Doubly linked circular lists that live in a pool: an object holds a POBJ_LIST_ENTRY, its owner a
 * POBJ_LIST_HEAD. The layouts are final, so that pools can hold them now, and reading a list needs nothing
 * more; the operations that change one come with "the whole surface".
 */
#ifndef LIBPMEMOBJ_LISTS_ATOMIC_H
#define LIBPMEMOBJ_LISTS_ATOMIC_H 1

#include <libpmemobj/lists_atomic_base.h>
#include <libpmemobj/thread.h>
#include <libpmemobj/types.h>

#define POBJ_LIST_ENTRY(type) \
    struct {                  \
        TOID(type) pe_next;   \
        TOID(type) pe_prev;   \
    }

#define POBJ_LIST_HEAD(name, type) \
    struct name {                  \
        TOID(type) pe_first;       \
        PMEMmutex lock;            \
    }

#define POBJ_LIST_FIRST(head) ((head)->pe_first)
#define POBJ_LIST_EMPTY(head) (TOID_IS_NULL((head)->pe_first))
#define POBJ_LIST_LAST(head, field) \
    (POBJ_LIST_EMPTY(head) ? POBJ_LIST_FIRST(head) : D_RO(POBJ_LIST_FIRST(head))->field.pe_prev)
#define POBJ_LIST_NEXT(elm, field) (D_RO(elm)->field.pe_next)
#define POBJ_LIST_PREV(elm, field) (D_RO(elm)->field.pe_prev)

#endif
