// The public header, with its functions visible outside of the library.
#pragma once

#pragma GCC visibility push(default)
#include <libpmem2.h>
#pragma GCC visibility pop

// For functions that are handed an enum: a C program may pass any number, and to look at it is no fault.
#define PMEM2_ANY_ENUM_VALUE __attribute__((no_sanitize("enum")))
