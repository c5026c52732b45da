/*
 * Reservations by type: the functions of action_base.h with size and type number taken from a declared type
 * t. They give a TOID(t). This header adds macros only.
 */
#ifndef LIBPMEMOBJ_ACTION_H
#define LIBPMEMOBJ_ACTION_H 1

#include <libpmemobj/action_base.h>
#include <libpmemobj/types.h>

#define POBJ_RESERVE_NEW(pop, t, act) POBJ_RESERVE_ALLOC(pop, t, sizeof(t), act)
#define POBJ_RESERVE_ALLOC(pop, t, size, act) \
    ((TOID(t))pmemobj_reserve((pop), (act), (size), TOID_TYPE_NUM(t)))

#define POBJ_XRESERVE_NEW(pop, t, act, flags) POBJ_XRESERVE_ALLOC(pop, t, sizeof(t), act, flags)
#define POBJ_XRESERVE_ALLOC(pop, t, size, act, flags) \
    ((TOID(t))pmemobj_xreserve((pop), (act), (size), TOID_TYPE_NUM(t), (flags)))

#endif
