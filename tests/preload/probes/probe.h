// For the probes: ordinary programs that know nothing of Terrace, and check what malloc promises to
// everybody. Run without arguments, plain or preloaded; a failed CHECK ends the program with a line and
// status 1.
#pragma once

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition)                                                              \
    do {                                                                              \
        if (!(condition)) {                                                           \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
            _exit(1);                                                                 \
        }                                                                             \
    } while (0)

// Whether a block is Terrace's; in a plain run every block counts as such.
static inline int is_tiered(void* block) {
    typedef size_t usable_size(void*);
    usable_size* of_memtier = (usable_size*)dlsym(RTLD_DEFAULT, "memtier_usable_size");
    return of_memtier == NULL || of_memtier(block) > 0;
}
