/*
 * The root object by its type. The functions are in pool_base.h, typed names in types.h.
 * This header adds macros only.
 */
#ifndef LIBPMEMOBJ_POOL_H
#define LIBPMEMOBJ_POOL_H 1

#include <libpmemobj/pool_base.h>
#include <libpmemobj/types.h>

/* The root object of pop as a TOID(t), made on first use. TOID_IS_NULL of it means failure, see pmemobj_root. */
#define POBJ_ROOT(pop, t) ((TOID(t))pmemobj_root((pop), sizeof(t)))

#endif
