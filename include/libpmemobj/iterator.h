/*
 * Loops over the objects of a pool, of any type or of one. A loop's body may free the object it was given
 * only in the _SAFE forms, which hold the name of the next one. This header adds inline functions and macros only.
 */
#ifndef LIBPMEMOBJ_ITERATOR_H
#define LIBPMEMOBJ_ITERATOR_H 1

#include <libpmemobj/iterator_base.h>
#include <libpmemobj/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The first object with this type number, or OID_NULL. */
static inline PMEMoid POBJ_FIRST_TYPE_NUM(PMEMobjpool* pop, uint64_t type_num) {
    PMEMoid found;
    for (found = pmemobj_first(pop); !OID_IS_NULL(found); found = pmemobj_next(found))
        if (pmemobj_type_num(found) == type_num)
            break;
    return found;
}

/* The next object after o with the same type number as o, or OID_NULL. */
static inline PMEMoid POBJ_NEXT_TYPE_NUM(PMEMoid o) {
    const uint64_t type_num = pmemobj_type_num(o);
    PMEMoid found;
    for (found = pmemobj_next(o); !OID_IS_NULL(found); found = pmemobj_next(found))
        if (pmemobj_type_num(found) == type_num)
            break;
    return found;
}

#ifdef __cplusplus
}
#endif

/* The same as typed names: of type t, and of the type of o. */
#define POBJ_FIRST(pop, t) ((TOID(t))POBJ_FIRST_TYPE_NUM((pop), TOID_TYPE_NUM(t)))
#define POBJ_NEXT(o) ((__typeof__(o))POBJ_NEXT_TYPE_NUM((o).oid))

/* for (every object): varoid is a PMEMoid, in the _SAFE form nvaroid too. */
#define POBJ_FOREACH(pop, varoid) \
    for (varoid = pmemobj_first(pop); !OID_IS_NULL(varoid); varoid = pmemobj_next(varoid))
#define POBJ_FOREACH_SAFE(pop, varoid, nvaroid)                                                    \
    for (varoid = pmemobj_first(pop); !OID_IS_NULL(varoid) && (nvaroid = pmemobj_next(varoid), 1); \
         varoid = nvaroid)

/* for (every object of var's type): var is a TOID, in the _SAFE form nvar too. */
#define POBJ_FOREACH_TYPE(pop, var) \
    POBJ_FOREACH(pop, (var).oid)    \
    if (pmemobj_type_num((var).oid) == TOID_TYPE_NUM_OF(var))
#define POBJ_FOREACH_SAFE_TYPE(pop, var, nvar)    \
    POBJ_FOREACH_SAFE(pop, (var).oid, (nvar).oid) \
    if (pmemobj_type_num((var).oid) == TOID_TYPE_NUM_OF(var))

#endif
