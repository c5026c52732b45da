/*
 * Transactions as blocks:
 *
 *     TX_BEGIN(pop) {
 *         TX_ADD(account);                        // announce the change, then make it
 *         D_RW(account)->balance += 10;
 *     } TX_ONCOMMIT {                             // the four other blocks are optional
 *         puts("durable");
 *     } TX_ONABORT {
 *         perror("as if nothing had happened");   // errno is the reason
 *     } TX_FINALLY {
 *     } TX_END
 *
 * An abort is a longjmp back to TX_BEGIN, from any depth of calls: local variables that are changed in the
 * block and read after an abort must be volatile, and in C++ no object with a destructor may be alive between
 * the two. Leave a block by its end, not by return, break, goto or an exception.
 */
#ifndef LIBPMEMOBJ_TX_H
#define LIBPMEMOBJ_TX_H 1

#include <errno.h>
#include <libpmemobj/tx_base.h>
#include <libpmemobj/types.h>
#include <stdlib.h>
#include <string.h>

/* Each pass of the loop runs the block of one stage and takes the transaction one stage onwards; a stage that
 * has no block of its own falls to `default`. setjmp returns a second time when the transaction is aborted. */
#define _POBJ_TX_BEGIN(pop, ...)                                                        \
    {                                                                                   \
        jmp_buf _tx_env;                                                                \
        enum pobj_tx_stage _stage;                                                      \
        int _pobj_errno;                                                                \
        if (setjmp(_tx_env) == 0)                                                       \
            _pobj_errno = pmemobj_tx_begin((pop), _tx_env, __VA_ARGS__, TX_PARAM_NONE); \
        else                                                                            \
            _pobj_errno = pmemobj_tx_errno();                                           \
        if (_pobj_errno != 0)                                                           \
            errno = _pobj_errno;                                                        \
        while ((_stage = pmemobj_tx_stage()) != TX_STAGE_NONE) {                        \
            switch (_stage) {                                                           \
                case TX_STAGE_WORK:

#define _POBJ_TX_NEXT_BLOCK(stage) \
    pmemobj_tx_process();          \
    break;                         \
    case stage:

#define TX_ONABORT _POBJ_TX_NEXT_BLOCK(TX_STAGE_ONABORT)
#define TX_ONCOMMIT _POBJ_TX_NEXT_BLOCK(TX_STAGE_ONCOMMIT)
#define TX_FINALLY _POBJ_TX_NEXT_BLOCK(TX_STAGE_FINALLY)

#define TX_END                          \
    pmemobj_tx_process();               \
    break;                              \
    default:                            \
        TX_ONABORT_CHECK;               \
        pmemobj_tx_process();           \
        break;                          \
        }                               \
        }                               \
        _pobj_errno = pmemobj_tx_end(); \
        if (_pobj_errno != 0)           \
            errno = _pobj_errno;        \
        }

/* Define POBJ_TX_CRASH_ON_NO_ONABORT to stop the program when a transaction without a TX_ONABORT block aborts. */
#ifdef POBJ_TX_CRASH_ON_NO_ONABORT
#define TX_ONABORT_CHECK                \
    do {                                \
        if (_stage == TX_STAGE_ONABORT) \
            abort();                    \
    } while (0)
#else
#define TX_ONABORT_CHECK \
    do {                 \
    } while (0)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Lets the compiler check the callback's type, which a variable argument list would not. */
static inline pmemobj_tx_callback _pobj_validate_cb_sig(pmemobj_tx_callback cb) {
    return cb;
}

/* As memcpy and memset, on a range that they add to the transaction first. Return dest. */
static inline void* TX_MEMCPY(void* dest, const void* src, size_t num) {
    pmemobj_tx_add_range_direct(dest, num);
    return memcpy(dest, src, num);
}

static inline void* TX_MEMSET(void* dest, int c, size_t num) {
    pmemobj_tx_add_range_direct(dest, num);
    return memset(dest, c, num);
}

#ifdef __cplusplus
}
#endif

/* Plain, with parameters (pairs of enum pobj_tx_param and argument), and with a callback first. */
#define TX_BEGIN(pop) _POBJ_TX_BEGIN(pop, TX_PARAM_NONE)
#define TX_BEGIN_PARAM(pop, ...) _POBJ_TX_BEGIN(pop, ##__VA_ARGS__)
#define TX_BEGIN_LOCK TX_BEGIN_PARAM
#define TX_BEGIN_CB(pop, cb, arg, ...) \
    _POBJ_TX_BEGIN(pop, TX_PARAM_CB, _pobj_validate_cb_sig(cb), (arg), ##__VA_ARGS__)

/* ---- adding ranges: an object, a field of it, or what a pointer points to ---- */

#define TX_ADD(o) pmemobj_tx_add_range((o).oid, 0, sizeof(*(o)._type))
#define TX_ADD_FIELD(o, field) TX_ADD_FIELD_DIRECT(D_RO(o), field)
#define TX_ADD_DIRECT(p) pmemobj_tx_add_range_direct((p), sizeof(*(p)))
#define TX_ADD_FIELD_DIRECT(p, field) pmemobj_tx_add_range_direct(&(p)->field, sizeof((p)->field))

#define TX_XADD(o, flags) pmemobj_tx_xadd_range((o).oid, 0, sizeof(*(o)._type), (flags))
#define TX_XADD_FIELD(o, field, flags) TX_XADD_FIELD_DIRECT(D_RO(o), field, flags)
#define TX_XADD_DIRECT(p, flags) pmemobj_tx_xadd_range_direct((p), sizeof(*(p)), (flags))
#define TX_XADD_FIELD_DIRECT(p, field, flags) \
    pmemobj_tx_xadd_range_direct(&(p)->field, sizeof((p)->field), (flags))

/* Add a field and assign to it. */
#define TX_SET(o, field, value) (TX_ADD_FIELD(o, field), D_RW(o)->field = (value))
#define TX_SET_DIRECT(p, field, value) (TX_ADD_FIELD_DIRECT(p, field), (p)->field = (value))

/* ---- allocating and freeing by type ---- */

#define TX_NEW(t) TX_ALLOC(t, sizeof(t))
#define TX_ALLOC(t, size) ((TOID(t))pmemobj_tx_alloc((size), TOID_TYPE_NUM(t)))
#define TX_ZNEW(t) TX_ZALLOC(t, sizeof(t))
#define TX_ZALLOC(t, size) ((TOID(t))pmemobj_tx_zalloc((size), TOID_TYPE_NUM(t)))
#define TX_XALLOC(t, size, flags) ((TOID(t))pmemobj_tx_xalloc((size), TOID_TYPE_NUM(t), (flags)))
#define TX_REALLOC(o, size) ((__typeof__(o))pmemobj_tx_realloc((o).oid, (size), TOID_TYPE_NUM_OF(o)))
#define TX_ZREALLOC(o, size) ((__typeof__(o))pmemobj_tx_zrealloc((o).oid, (size), TOID_TYPE_NUM_OF(o)))
#define TX_STRDUP(s, type_num) pmemobj_tx_strdup((s), (type_num))
#define TX_XSTRDUP(s, type_num, flags) pmemobj_tx_xstrdup((s), (type_num), (flags))
#define TX_WCSDUP(s, type_num) pmemobj_tx_wcsdup((s), (type_num))
#define TX_XWCSDUP(s, type_num, flags) pmemobj_tx_xwcsdup((s), (type_num), (flags))
#define TX_FREE(o) pmemobj_tx_free((o).oid)
#define TX_XFREE(o, flags) pmemobj_tx_xfree((o).oid, (flags))

#endif
