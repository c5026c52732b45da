// libpmemobj.h: transactions. The stages and who may call what in which; the work itself is transaction.hpp.
//
//     NONE --begin--> WORK --commit--> ONCOMMIT --process--> FINALLY --process--> NONE --end--> (outer WORK, or none)
//                      \--abort--> ONABORT --process--> FINALLY
//
// An abort jumps to the level's environment with longjmp: no object with a destructor lives in a function
// that can abort.
#include "persist/pool/api/exported.hpp"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "persist/pool/api/locks.hpp"
#include "persist/pool/api/tx_support.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/pool.hpp"
#include "persist/pool/thread_state.hpp"

namespace terrace::persist {
namespace {

// The one place that changes a transaction's stage.
void enter(Transaction& tx, pobj_tx_stage stage) {
    tx.stage = stage;
}

void call_back(Transaction& tx) {
    if (tx.callback != nullptr && tx.levels.size() == 1)
        tx.callback(tx.pool->handle(), tx.stage, tx.callback_argument);
}

bool is_zero(const jmp_buf& environment) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(&environment);
    for (size_t i = 0; i < sizeof environment; ++i) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

void release_locks(Transaction& tx) {
    for (size_t i = tx.locks.size(); i > 0; --i)
        unlock_persistent(*tx.pool, tx.locks[i - 1].type, tx.locks[i - 1].lock);
    tx.locks.clear();
}

int add_lock(Transaction& tx, pobj_tx_param type, void* lock) {
    for (const Transaction::HeldLock& held : tx.locks) {
        if (held.lock == lock)
            return 0;
    }
    if (type != TX_PARAM_MUTEX && type != TX_PARAM_RWLOCK)
        return fail(EINVAL, "a transaction was given a lock of unknown type %d", static_cast<int>(type));
    if (const int error = lock_persistent(*tx.pool, type, lock))
        return fail(error, "a lock of a transaction cannot be taken: %s", strerror(error));
    if (!tx.locks.push({type, lock})) {
        unlock_persistent(*tx.pool, type, lock);
        return fail(ENOMEM, "out of memory for the locks of a transaction");
    }
    return 0;
}

// A begin that cannot keep a transaction: the program sees one that was aborted at once.
int fail_begin(int error) {
    failed_begin = {TX_STAGE_ONABORT, error, true};
    errno = error;
    return error;
}

int lock(Transaction& tx, pobj_tx_param type, void* address, uint64_t flags) {
    const int error = add_lock(tx, type, address);
    return error == 0 ? 0 : fail_transaction(tx, error, flags);
}

}  // namespace

void refuse_outside_of_work(const char* function) {
    const pobj_tx_stage stage = pmemobj_tx_stage();
    if (stage == TX_STAGE_NONE)
        fatal_misuse("%s was called outside of a transaction", function);
    fatal_misuse("%s was called in stage %d of a transaction; it is allowed in TX_STAGE_WORK only", function,
                 static_cast<int>(stage));
}

void abort_transaction(Transaction& tx, int error) {
    enter(tx, TX_STAGE_ONABORT);
    if (tx.levels.size() == 1)
        tx.roll_back();
    tx.last_error = error;
    errno = error;
    call_back(tx);
    Transaction::Level& level = tx.levels.back();
    if (level.has_environment && !is_zero(level.environment))
        longjmp(level.environment, error);
}

int fail_transaction(Transaction& tx, int error, uint64_t flags) {
    const bool returns =
        (flags & POBJ_FLAG_TX_NO_ABORT) != 0 || tx.levels.back().failure_behavior == POBJ_TX_FAILURE_RETURN;
    if (!returns)
        abort_transaction(tx, error);
    errno = error;
    return error;
}

int refuse_flags(Transaction& tx, const char* function, uint64_t flags) {
    fail(EINVAL, "%s: unknown flags 0x%llx", function, static_cast<unsigned long long>(flags));
    return fail_transaction(tx, EINVAL, flags);
}

}  // namespace terrace::persist

using namespace terrace::persist;

#pragma GCC visibility push(default)

int pmemobj_tx_begin(PMEMobjpool* pop, jmp_buf env, ...) {
    if (failed_begin.is_open)
        fatal_misuse("pmemobj_tx_begin was called in stage %d of a transaction",
                     static_cast<int>(failed_begin.stage));
    if (need_thread_state() != 0)
        return fail_begin(ENOMEM);
    Transaction& tx = thread_state().transaction;
    if (pop == nullptr) {
        fail(EINVAL, "pmemobj_tx_begin: the pool is NULL");
        return tx.stage == TX_STAGE_WORK ? fail_transaction(tx, EINVAL, 0) : fail_begin(EINVAL);
    }
    Pool& pool = pool_of(pop);
    pobj_tx_failure_behavior failure_behavior = POBJ_TX_FAILURE_ABORT;
    if (tx.stage == TX_STAGE_WORK) {
        if (tx.pool != &pool) {
            fail(EINVAL, "pmemobj_tx_begin: this thread's transaction is in another pool");
            return fail_transaction(tx, EINVAL, 0);
        }
        failure_behavior = tx.levels.back().failure_behavior;
    } else if (tx.stage == TX_STAGE_NONE) {
        tx.pool = &pool;
        tx.user_data = nullptr;
        tx.callback = nullptr;
    } else {
        fatal_misuse("pmemobj_tx_begin was called in stage %d of a transaction", static_cast<int>(tx.stage));
    }
    tx.last_error = 0;
    failed_begin.error = 0;
    Transaction::Level* level = tx.levels.add();
    if (level == nullptr) {
        fail(ENOMEM, "pmemobj_tx_begin: out of memory");
        return tx.stage == TX_STAGE_WORK ? fail_transaction(tx, ENOMEM, 0) : fail_begin(ENOMEM);
    }
    level->failure_behavior = failure_behavior;
    level->has_environment = env != nullptr;
    if (env != nullptr)
        memcpy(&level->environment, env, sizeof(jmp_buf));
    enter(tx, TX_STAGE_WORK);

    int error = 0;
    if (pool.frozen.load(std::memory_order_relaxed))
        error = fail(EPERM,
                     "pmemobj_tx_begin: a forked child sees a frozen copy of the pool and cannot change it");
    va_list parameters;
    va_start(parameters, env);
    while (error == 0) {
        const int type = va_arg(parameters, int);
        if (type == TX_PARAM_NONE)
            break;
        if (type == TX_PARAM_CB) {
            const auto callback = va_arg(parameters, pmemobj_tx_callback);
            void* argument = va_arg(parameters, void*);
            if (tx.callback != nullptr && (tx.callback != callback || tx.callback_argument != argument))
                fatal_misuse("pmemobj_tx_begin: the transaction has another callback already");
            tx.callback = callback;
            tx.callback_argument = argument;
            continue;
        }
        error = add_lock(tx, static_cast<pobj_tx_param>(type), va_arg(parameters, void*));
    }
    va_end(parameters);
    if (error != 0)
        abort_transaction(tx, error);
    return error;
}

int pmemobj_tx_lock(enum pobj_tx_param type, void* lockp) {
    return lock(transaction_at_work("pmemobj_tx_lock"), type, lockp, 0);
}

int pmemobj_tx_xlock(enum pobj_tx_param type, void* lockp, uint64_t flags) {
    Transaction& tx = transaction_at_work("pmemobj_tx_xlock");
    if ((flags & ~uint64_t{POBJ_XLOCK_VALID_FLAGS}) != 0)
        return refuse_flags(tx, "pmemobj_tx_xlock", flags);
    return lock(tx, type, lockp, flags);
}

enum pobj_tx_stage pmemobj_tx_stage(void) {
    const ThreadState* state = existing_thread_state();
    if (state != nullptr && state->transaction.stage != TX_STAGE_NONE) [[likely]]
        return state->transaction.stage;
    return failed_begin.stage;
}

void pmemobj_tx_abort(int errnum) {
    Transaction& tx = transaction_at_work("pmemobj_tx_abort");
    if (errnum == 0)
        errnum = ECANCELED;
    fail(errnum, "the transaction was aborted by the program: %s", strerror(errnum));
    abort_transaction(tx, errnum);
}

void pmemobj_tx_commit(void) {
    Transaction& tx = transaction_at_work("pmemobj_tx_commit");
    call_back(tx);
    if (tx.stage != TX_STAGE_WORK)
        return;  // the callback aborted
    if (tx.levels.size() == 1) {
        if (const int error = tx.commit())
            return abort_transaction(tx, error);
    }
    enter(tx, TX_STAGE_ONCOMMIT);
    call_back(tx);
}

int pmemobj_tx_end(void) {
    if (failed_begin.is_open) [[unlikely]] {
        failed_begin.is_open = false;
        failed_begin.stage = TX_STAGE_NONE;
        return failed_begin.error;
    }
    ThreadState* const state = existing_thread_state();
    if (state == nullptr)
        fatal_misuse("pmemobj_tx_end was called without pmemobj_tx_begin");
    Transaction& tx = state->transaction;
    if (tx.stage == TX_STAGE_WORK)
        fatal_misuse("pmemobj_tx_end was called without pmemobj_tx_commit or pmemobj_tx_abort");
    if (tx.levels.empty())
        fatal_misuse("pmemobj_tx_end was called without pmemobj_tx_begin");
    if (tx.callback != nullptr && tx.levels.size() == 1 && tx.stage != TX_STAGE_NONE &&
        tx.stage != TX_STAGE_FINALLY) {
        enter(tx, TX_STAGE_FINALLY);
        call_back(tx);
    }
    tx.levels.truncate(tx.levels.size() - 1);
    const int error = tx.last_error;
    if (!tx.levels.empty()) {
        enter(tx, TX_STAGE_WORK);
        if (error != 0)
            abort_transaction(tx, error);  // an inner abort is the outer one's too
        return error;
    }
    release_locks(tx);
    if (!tx.pool->settings.user_buffers.empty()) [[unlikely]]
        forget_user_buffers(tx);
    enter(tx, TX_STAGE_NONE);
    Pool* pool = tx.pool;
    tx.pool = nullptr;
    if (const pmemobj_tx_callback callback = tx.callback; callback != nullptr) {
        tx.callback = nullptr;
        callback(pool->handle(), TX_STAGE_NONE, tx.callback_argument);
    }
    return error;
}

void pmemobj_tx_process(void) {
    if (failed_begin.is_open) [[unlikely]] {
        failed_begin.stage = failed_begin.stage == TX_STAGE_ONABORT ? TX_STAGE_FINALLY : TX_STAGE_NONE;
        return;
    }
    ThreadState* const state = existing_thread_state();
    if (state == nullptr || state->transaction.levels.empty())
        fatal_misuse("pmemobj_tx_process was called outside of a transaction");
    Transaction& tx = state->transaction;
    switch (tx.stage) {
        case TX_STAGE_WORK:
            return pmemobj_tx_commit();
        case TX_STAGE_ONCOMMIT:
        case TX_STAGE_ONABORT:
            enter(tx, TX_STAGE_FINALLY);
            return call_back(tx);
        case TX_STAGE_FINALLY:
            return enter(tx, TX_STAGE_NONE);
        default:
            return;
    }
}

int pmemobj_tx_errno(void) {
    const ThreadState* const state = existing_thread_state();
    return state == nullptr || failed_begin.error != 0 ? failed_begin.error : state->transaction.last_error;
}

void pmemobj_tx_set_user_data(void* data) {
    transaction_at_work("pmemobj_tx_set_user_data").user_data = data;
}

void* pmemobj_tx_get_user_data(void) {
    if (failed_begin.is_open)
        return nullptr;
    const ThreadState* const state = existing_thread_state();
    if (state == nullptr || state->transaction.levels.empty())
        fatal_misuse("pmemobj_tx_get_user_data was called outside of a transaction");
    return state->transaction.user_data;
}

void pmemobj_tx_set_failure_behavior(enum pobj_tx_failure_behavior behavior) {
    transaction_at_work("pmemobj_tx_set_failure_behavior").levels.back().failure_behavior = behavior;
}

enum pobj_tx_failure_behavior pmemobj_tx_get_failure_behavior(void) {
    return transaction_at_work("pmemobj_tx_get_failure_behavior").levels.back().failure_behavior;
}

#pragma GCC visibility pop
