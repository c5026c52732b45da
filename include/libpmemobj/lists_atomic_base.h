/*
 * Lists whose every step is atomic, in terms of bytes and offsets: the functions behind lists_atomic.h. They
 * come with "the whole surface"; until then this header declares nothing.
 */
#ifndef LIBPMEMOBJ_LISTS_ATOMIC_BASE_H
#define LIBPMEMOBJ_LISTS_ATOMIC_BASE_H 1

#include <libpmemobj/base.h>

#endif
