/*
 * Transactions: changes to a pool that happen together or not at all, whatever interrupts them. Most programs
 * use the macros of tx.h; language bindings call these functions.
 *
 * A transaction belongs to one thread and one pool and is a small state machine. pmemobj_tx_begin enters
 * WORK; commit leads to ONCOMMIT, an abort or a failure to ONABORT, both to FINALLY and back to NONE by
 * pmemobj_tx_process. A begin within WORK nests: the inner transaction is a part of the outer one, becomes
 * durable when the outermost commits, and its abort is, once it has ended, an abort of the outer one too.
 *
 * Isolation is the program's business: transactions of two threads that touch the same bytes need a lock.
 */
#ifndef LIBPMEMOBJ_TX_BASE_H
#define LIBPMEMOBJ_TX_BASE_H 1

#include <libpmemobj/base.h>
#include <setjmp.h>

#ifdef __cplusplus
extern "C" {
#endif

enum pobj_tx_stage {
    TX_STAGE_NONE,     /* no transaction in this thread */
    TX_STAGE_WORK,     /* between begin and commit or abort */
    TX_STAGE_ONCOMMIT, /* everything is durable */
    TX_STAGE_ONABORT,  /* everything is as it was before begin */
    TX_STAGE_FINALLY,  /* about to end, either way */
    MAX_TX_STAGE
};

/* What may follow jmp_buf in pmemobj_tx_begin; the list ends with TX_PARAM_NONE. */
enum pobj_tx_param {
    TX_PARAM_NONE,
    TX_PARAM_MUTEX,  /* PMEMmutex *: locked until the outermost end */
    TX_PARAM_RWLOCK, /* PMEMrwlock *: locked for writing until the outermost end */
    TX_PARAM_CB /* pmemobj_tx_callback, void *: called at each change of stage of the outermost transaction */
};

/* The names of these parameters in programs written before callbacks existed. */
enum pobj_tx_lock {
    TX_LOCK_NONE = TX_PARAM_NONE,
    TX_LOCK_MUTEX = TX_PARAM_MUTEX,
    TX_LOCK_RWLOCK = TX_PARAM_RWLOCK
};

enum pobj_log_type { TX_LOG_TYPE_SNAPSHOT, TX_LOG_TYPE_INTENT };

/* What a failing function does inside a transaction: abort it, or return the error and leave the decision. */
enum pobj_tx_failure_behavior { POBJ_TX_FAILURE_ABORT, POBJ_TX_FAILURE_RETURN };

/* Called with the stage just entered: ONCOMMIT, ONABORT, FINALLY, and NONE at the end. */
typedef void (*pmemobj_tx_callback)(PMEMobjpool* pop, enum pobj_tx_stage stage, void* arg);

/* Flags of the functions with x in their name. */
#define POBJ_TX_XALLOC_VALID_FLAGS                                                               \
    (POBJ_XALLOC_ZERO | POBJ_XALLOC_NO_FLUSH | POBJ_XALLOC_ARENA_MASK | POBJ_XALLOC_CLASS_MASK | \
     POBJ_XALLOC_NO_ABORT)

#define POBJ_XADD_NO_FLUSH POBJ_FLAG_NO_FLUSH
#define POBJ_XADD_NO_SNAPSHOT POBJ_FLAG_NO_SNAPSHOT
#define POBJ_XADD_ASSUME_INITIALIZED POBJ_FLAG_ASSUME_INITIALIZED
#define POBJ_XADD_NO_ABORT POBJ_FLAG_TX_NO_ABORT
#define POBJ_XADD_VALID_FLAGS \
    (POBJ_XADD_NO_FLUSH | POBJ_XADD_NO_SNAPSHOT | POBJ_XADD_ASSUME_INITIALIZED | POBJ_XADD_NO_ABORT)

#define POBJ_XLOCK_NO_ABORT POBJ_FLAG_TX_NO_ABORT
#define POBJ_XLOCK_VALID_FLAGS (POBJ_XLOCK_NO_ABORT)

#define POBJ_XFREE_NO_ABORT POBJ_FLAG_TX_NO_ABORT
#define POBJ_XFREE_VALID_FLAGS (POBJ_XFREE_NO_ABORT)

#define POBJ_XPUBLISH_NO_ABORT POBJ_FLAG_TX_NO_ABORT
#define POBJ_XPUBLISH_VALID_FLAGS (POBJ_XPUBLISH_NO_ABORT)

#define POBJ_XLOG_APPEND_BUFFER_NO_ABORT POBJ_FLAG_TX_NO_ABORT
#define POBJ_XLOG_APPEND_BUFFER_VALID_FLAGS (POBJ_XLOG_APPEND_BUFFER_NO_ABORT)

/* ---- the life of a transaction ---- */

/* Begins a transaction on pop, or a nested one in stage WORK.
 *   env  where an abort jumps to: a jmp_buf that setjmp has filled. NULL, or a buffer of zeroes, means that
 *        aborts do not jump: the function that failed returns, and the stage is ONABORT. A nested transaction
 *        with NULL does not inherit the outer one's buffer.
 *   …    pairs of enum pobj_tx_param and argument, then TX_PARAM_NONE
 * Returns 0, or an errno value with the transaction already in ONABORT (call pmemobj_tx_end all the same):
 * EINVAL for another pool than the outer transaction's or NULL, ENOMEM, EPERM in a forked child. */
int pmemobj_tx_begin(PMEMobjpool* pop, jmp_buf env, ...);

enum pobj_tx_stage pmemobj_tx_stage(void);

/* Gives up: everything is as it was before the outermost begin, as soon as that one has ended. errnum is what
 * pmemobj_tx_errno and pmemobj_tx_end will return; 0 stands for ECANCELED. Allowed in stage WORK only. Does
 * not return if the transaction has a jmp_buf. */
void pmemobj_tx_abort(int errnum);

/* Makes the transaction durable, if it is the outermost one: one fence on memory, one sync on a disk (shared
 * with other threads that commit at that moment), whatever the number of ranges. Enters ONCOMMIT, or aborts.
 * Allowed in stage WORK only. pmemobj_tx_process does this by itself. */
void pmemobj_tx_commit(void);

/* Ends the transaction and returns to the outer one, or to stage NONE. Returns 0, or the error that it was
 * aborted with; an outer transaction is then aborted with the same error. Must not be called in stage WORK. */
int pmemobj_tx_end(void);

/* One step onwards: from WORK by commit to ONCOMMIT, from ONCOMMIT and ONABORT to FINALLY, from FINALLY to NONE. */
void pmemobj_tx_process(void);

/* The error of the last transaction of this thread that ended or is running; 0 if it did not fail. */
int pmemobj_tx_errno(void);

/* Locks a PMEMmutex (TX_PARAM_MUTEX), or a PMEMrwlock for writing (TX_PARAM_RWLOCK), until the outermost
 * transaction has ended. One that the transaction holds already is left as it is. Return 0, or an errno value
 * (of pthread_mutex_lock or pthread_rwlock_wrlock; EINVAL for another type) after aborting the transaction, unless flags
 * has POBJ_XLOCK_NO_ABORT. Allowed in stage WORK only. */
int pmemobj_tx_lock(enum pobj_tx_param type, void* lockp);
int pmemobj_tx_xlock(enum pobj_tx_param type, void* lockp, uint64_t flags);

/* ---- changing memory ---- */
/* All of these are allowed in stage WORK only. On failure they abort the transaction (and jump, or return an
 * errno value or OID_NULL); with the flag POBJ_FLAG_TX_NO_ABORT or POBJ_TX_FAILURE_RETURN they just return
 * it, and the transaction goes on. */

/* Announces that the program is about to change bytes: an abort restores them, a commit makes them durable.
 * Call it before the store; afterwards store as often as you like. Ranges may overlap, touch and repeat;
 * ranges within an object that this transaction allocated are not needed. EINVAL: not in the pool of this
 * transaction, or longer than the pool. ENOMEM: no memory for the old content. */
int pmemobj_tx_add_range(PMEMoid oid, uint64_t off, size_t size);
int pmemobj_tx_add_range_direct(const void* ptr, size_t size);

/* The same with flags POBJ_XADD_*. */
int pmemobj_tx_xadd_range(PMEMoid oid, uint64_t off, size_t size, uint64_t flags);
int pmemobj_tx_xadd_range_direct(const void* ptr, size_t size, uint64_t flags);

/* Allocates an object that exists if the transaction commits, and whose content commit makes durable.
 * size as for pmemobj_alloc, flags POBJ_XALLOC_*. EINVAL for size 0 or unknown flags, ENOMEM for a full pool. */
PMEMoid pmemobj_tx_alloc(size_t size, uint64_t type_num);
PMEMoid pmemobj_tx_zalloc(size_t size, uint64_t type_num);
PMEMoid pmemobj_tx_xalloc(size_t size, uint64_t type_num, uint64_t flags);

/* Resizes an object and returns its name, which may be new; the old one is then freed at commit. OID_NULL
 * allocates, size 0 frees. zrealloc fills what is added with zeroes. */
PMEMoid pmemobj_tx_realloc(PMEMoid oid, size_t size, uint64_t type_num);
PMEMoid pmemobj_tx_zrealloc(PMEMoid oid, size_t size, uint64_t type_num);

/* A copy of the string, its final NUL included, as a new object. EINVAL for NULL. flags as for xalloc. */
PMEMoid pmemobj_tx_strdup(const char* s, uint64_t type_num);
PMEMoid pmemobj_tx_xstrdup(const char* s, uint64_t type_num, uint64_t flags);
PMEMoid pmemobj_tx_wcsdup(const wchar_t* s, uint64_t type_num);
PMEMoid pmemobj_tx_xwcsdup(const wchar_t* s, uint64_t type_num, uint64_t flags);

/* Frees the object at commit; if this transaction allocated it, at once. OID_NULL does nothing. Return 0 or an
 * errno value: EINVAL for what is no object of this pool, or is freed twice. flags: POBJ_XFREE_NO_ABORT. */
int pmemobj_tx_free(PMEMoid oid);
int pmemobj_tx_xfree(PMEMoid oid, uint64_t flags);

/* ---- memory for logs ---- */
/* PMDK can keep a transaction's log in memory that the program lends it, so that a commit need not allocate.
 * Here nothing of that is needed: old content is kept in DRAM, and the pool's log grows as it must. The functions
 * check what they are given and do as documented; logs are never limited to what was lent. */

/* Lends addr … addr+size of the transaction's pool to it until it ends. Returns 0, or an errno value as the functions
 * above: EINVAL for memory outside of the pool, for less than two cache lines of 64 bytes from the first whole
 * one on, and with "tx.debug.verify_user_buffers" for memory that is lent already. */
int pmemobj_tx_log_append_buffer(enum pobj_log_type type, void* addr, size_t size);
int pmemobj_tx_xlog_append_buffer(enum pobj_log_type type, void* addr, size_t size, uint64_t flags);

/* Whether the log may grow beyond what was lent. No effect. Returns 0. */
int pmemobj_tx_log_auto_alloc(enum pobj_log_type type, int on_off);

/* How much memory PMDK's log would need, in bytes: for snapshots of nsizes ranges of sizes[i] bytes, and for so many
 * allocations, frees and stores. SIZE_MAX with errno ERANGE if that is too large a number. They may be called anywhere. */
size_t pmemobj_tx_log_snapshots_max_size(size_t* sizes, size_t nsizes);
size_t pmemobj_tx_log_intents_max_size(size_t nintents);

/* ---- settings of the running transaction ---- */

/* One pointer for the program's own use, from stage WORK on until the outermost end. */
void pmemobj_tx_set_user_data(void* data);
void* pmemobj_tx_get_user_data(void);

/* Settings hold for this transaction and those nested in it from now on. Allowed in stage WORK. */
void pmemobj_tx_set_failure_behavior(enum pobj_tx_failure_behavior behavior);
enum pobj_tx_failure_behavior pmemobj_tx_get_failure_behavior(void);

#ifdef __cplusplus
}
#endif
#endif
