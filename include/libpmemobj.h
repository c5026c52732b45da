/*
 * libpmemobj: durable objects. A pool is a file of objects that survive the end of the program, kill -9 and
 * power loss; an object is named by a PMEMoid and changed in transactions, or by single atomic operations.
 * Programs written for PMDK's libpmemobj compile and run unchanged. Start reading at libpmemobj/pool_base.h.
 *
 *     libpmemobj/base.h               object names, pointers, flushing and copying  types.h         typed names: TOID
 *     libpmemobj/pool_base.h          create, open, close, check, the root object   pool.h          POBJ_ROOT
 *     libpmemobj/tx_base.h            transactions                                  tx.h            TX_BEGIN … TX_END
 *     libpmemobj/atomic_base.h        one object, one atomic step                   atomic.h        POBJ_NEW …
 *     libpmemobj/action_base.h        reserve now, publish later                    action.h        POBJ_RESERVE_NEW …
 *     libpmemobj/iterator_base.h      every object of a pool                        iterator.h      POBJ_FOREACH …
 *     libpmemobj/thread.h             locks that live in a pool
 *     libpmemobj/lists_atomic_base.h  lists that live in a pool                     lists_atomic.h
 *     libpmemobj/ctl.h                settings and statistics                       log.h           messages
 *
 * Errors: functions that return int return 0 or -1 and set errno; those that return a pointer or a PMEMoid
 * return NULL or OID_NULL and set errno; the functions of a transaction return an errno value.
 * pmemobj_errormsg() tells the last error of the calling thread in words. Unless noted, every function may be
 * called from any thread.
 */
#ifndef LIBPMEMOBJ_H
#define LIBPMEMOBJ_H 1

#include <libpmemobj/action.h>
#include <libpmemobj/atomic.h>
#include <libpmemobj/ctl.h>
#include <libpmemobj/iterator.h>
#include <libpmemobj/lists_atomic.h>
#include <libpmemobj/log.h>
#include <libpmemobj/pool.h>
#include <libpmemobj/thread.h>
#include <libpmemobj/tx.h>

#endif
