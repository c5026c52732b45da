/*
 * Every object of a pool, in the order of their addresses. The root object is not among them, nor are
 * reservations that were not published.
 */
#ifndef LIBPMEMOBJ_ITERATOR_BASE_H
#define LIBPMEMOBJ_ITERATOR_BASE_H 1

#include <libpmemobj/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The first object of the pool, or OID_NULL. Objects that other threads allocate or free meanwhile may be
 * seen or missed. */
PMEMoid pmemobj_first(PMEMobjpool* pop);

/* The object after this one, or OID_NULL. oid must name an object that has not been freed. */
PMEMoid pmemobj_next(PMEMoid oid);

#ifdef __cplusplus
}
#endif
#endif
