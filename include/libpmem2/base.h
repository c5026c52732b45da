/* libpmem2.h is one header here; programs that include PMDK's inner one find all of it. */
#ifndef LIBPMEM2_BASE_H
#define LIBPMEM2_BASE_H 1

#include <libpmem2.h>

#endif
