/*
 * Locks that live in a pool, inside the objects that they guard. A lock filled with zeroes is an unlocked
 * one, and every lock is unlocked when its pool is opened, whoever held it when the program ended.
 * A transaction can hold them: TX_BEGIN_PARAM(pop, TX_PARAM_MUTEX, &lock, ...). The functions that lock them
 * otherwise come with "the whole surface".
 */
#ifndef LIBPMEMOBJ_THREAD_H
#define LIBPMEMOBJ_THREAD_H 1

#include <libpmemobj/base.h>
#include <time.h>

/* 64 bytes each, so that a lock fills one cache line; the content is the library's. */
typedef union {
    long long align;
    char padding[64];
} PMEMmutex;

typedef union {
    long long align;
    char padding[64];
} PMEMrwlock;

typedef union {
    long long align;
    char padding[64];
} PMEMcond;

#ifdef __cplusplus
extern "C" {
#endif
_POBJ_EXACT_SIZE(PMEMmutex, 64);
_POBJ_EXACT_SIZE(PMEMrwlock, 64);
_POBJ_EXACT_SIZE(PMEMcond, 64);
#ifdef __cplusplus
}
#endif
#endif
