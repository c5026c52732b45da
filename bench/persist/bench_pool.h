/* What the files of bench_pool share. */
#ifndef BENCH_POOL_H
#define BENCH_POOL_H

#include "side.h"

/* ns from the call of pmemobj_open to the end of the first allocation, of a pool of 2 GiB (or `share` of it) that is full of
 * objects of 64 B but for a few. The pool is made in `memory_directory`, and copied to `disk_directory` when that is not NULL;
 * both stay, for further rounds. */
double ns_to_open_a_full_pool(const char* memory_directory, const char* disk_directory, double share);

#endif
