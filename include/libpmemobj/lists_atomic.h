/*
 * Doubly linked circular lists that live in a pool: an object holds a POBJ_LIST_ENTRY, its owner a
 * POBJ_LIST_HEAD filled with zeroes. head is the address of a head, elm and listelm are TOIDs of elements, field
 * names the entry in an element. Reading a list takes no lock: hold the head's mutex where others change it.
 * What the changing macros return, and errors, are in lists_atomic_base.h.
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

/* Where an element goes: the `before` of the functions. */
#define POBJ_LIST_DEST_HEAD 1
#define POBJ_LIST_DEST_TAIL 0
#define POBJ_LIST_DEST_BEFORE 1
#define POBJ_LIST_DEST_AFTER 0

/* for (every element): var is a TOID. The body must not take var out of the list. */
#define POBJ_LIST_FOREACH(var, head, field)                             \
    for ((var) = POBJ_LIST_FIRST(head); !TOID_IS_NULL(var);             \
         TOID_EQUALS(POBJ_LIST_NEXT(var, field), POBJ_LIST_FIRST(head)) \
             ? (void)TOID_ASSIGN((var), OID_NULL)                       \
             : (void)((var) = POBJ_LIST_NEXT(var, field)))
#define POBJ_LIST_FOREACH_REVERSE(var, head, field)                                   \
    for ((var) = POBJ_LIST_LAST(head, field); !TOID_IS_NULL(var);                     \
         TOID_EQUALS(var, POBJ_LIST_FIRST(head)) ? (void)TOID_ASSIGN((var), OID_NULL) \
                                                 : (void)((var) = POBJ_LIST_PREV(var, field)))

/* ---- inserting an object ---- */

#define _POBJ_LIST_OFFSET(head, field) TOID_OFFSETOF(POBJ_LIST_FIRST(head), field)

#define POBJ_LIST_INSERT_HEAD(pop, head, elm, field)                                                  \
    pmemobj_list_insert((pop), _POBJ_LIST_OFFSET(head, field), (head), OID_NULL, POBJ_LIST_DEST_HEAD, \
                        (elm).oid)
#define POBJ_LIST_INSERT_TAIL(pop, head, elm, field)                                                  \
    pmemobj_list_insert((pop), _POBJ_LIST_OFFSET(head, field), (head), OID_NULL, POBJ_LIST_DEST_TAIL, \
                        (elm).oid)
#define POBJ_LIST_INSERT_AFTER(pop, head, listelm, elm, field)                                              \
    pmemobj_list_insert((pop), _POBJ_LIST_OFFSET(head, field), (head), (listelm).oid, POBJ_LIST_DEST_AFTER, \
                        (elm).oid)
#define POBJ_LIST_INSERT_BEFORE(pop, head, listelm, elm, field)                                              \
    pmemobj_list_insert((pop), _POBJ_LIST_OFFSET(head, field), (head), (listelm).oid, POBJ_LIST_DEST_BEFORE, \
                        (elm).oid)

/* ---- allocating and inserting in one step; they give a PMEMoid ---- */

#define _POBJ_LIST_INSERT_NEW(pop, head, dest, before, field, size, constr, arg)                     \
    pmemobj_list_insert_new((pop), _POBJ_LIST_OFFSET(head, field), (head), (dest), (before), (size), \
                            TOID_TYPE_NUM_OF(POBJ_LIST_FIRST(head)), (constr), (arg))

#define POBJ_LIST_INSERT_NEW_HEAD(pop, head, field, size, constr, arg) \
    _POBJ_LIST_INSERT_NEW(pop, head, OID_NULL, POBJ_LIST_DEST_HEAD, field, size, constr, arg)
#define POBJ_LIST_INSERT_NEW_TAIL(pop, head, field, size, constr, arg) \
    _POBJ_LIST_INSERT_NEW(pop, head, OID_NULL, POBJ_LIST_DEST_TAIL, field, size, constr, arg)
#define POBJ_LIST_INSERT_NEW_AFTER(pop, head, listelm, field, size, constr, arg) \
    _POBJ_LIST_INSERT_NEW(pop, head, (listelm).oid, POBJ_LIST_DEST_AFTER, field, size, constr, arg)
#define POBJ_LIST_INSERT_NEW_BEFORE(pop, head, listelm, field, size, constr, arg) \
    _POBJ_LIST_INSERT_NEW(pop, head, (listelm).oid, POBJ_LIST_DEST_BEFORE, field, size, constr, arg)

/* ---- taking out ---- */

#define POBJ_LIST_REMOVE(pop, head, elm, field) \
    pmemobj_list_remove((pop), _POBJ_LIST_OFFSET(head, field), (head), (elm).oid, 0)
#define POBJ_LIST_REMOVE_FREE(pop, head, elm, field) \
    pmemobj_list_remove((pop), _POBJ_LIST_OFFSET(head, field), (head), (elm).oid, 1)

/* ---- moving from head to head_new; field_new is the entry used there ---- */

#define _POBJ_LIST_MOVE(pop, head, head_new, dest, before, elm, field, field_new)                            \
    pmemobj_list_move((pop), _POBJ_LIST_OFFSET(head, field), (head), _POBJ_LIST_OFFSET(head_new, field_new), \
                      (head_new), (dest), (before), (elm).oid)

#define POBJ_LIST_MOVE_ELEMENT_HEAD(pop, head, head_new, elm, field, field_new) \
    _POBJ_LIST_MOVE(pop, head, head_new, OID_NULL, POBJ_LIST_DEST_HEAD, elm, field, field_new)
#define POBJ_LIST_MOVE_ELEMENT_TAIL(pop, head, head_new, elm, field, field_new) \
    _POBJ_LIST_MOVE(pop, head, head_new, OID_NULL, POBJ_LIST_DEST_TAIL, elm, field, field_new)
#define POBJ_LIST_MOVE_ELEMENT_AFTER(pop, head, head_new, listelm, elm, field, field_new) \
    _POBJ_LIST_MOVE(pop, head, head_new, (listelm).oid, POBJ_LIST_DEST_AFTER, elm, field, field_new)
#define POBJ_LIST_MOVE_ELEMENT_BEFORE(pop, head, head_new, listelm, elm, field, field_new) \
    _POBJ_LIST_MOVE(pop, head, head_new, (listelm).oid, POBJ_LIST_DEST_BEFORE, elm, field, field_new)

#endif
