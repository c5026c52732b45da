// The public header, declared with default visibility: what is defined after this include, and declared in
// it, is exported. The version script libpmemobj.map has the same names. Include it first.
#pragma once

#pragma GCC visibility push(default)
#ifndef PMEMOBJ_DIRECT_NON_INLINE
#define PMEMOBJ_DIRECT_NON_INLINE  // pmemobj_direct is a function here, for callers that do not inline it
#endif
#include <libpmemobj.h>
#pragma GCC visibility pop
