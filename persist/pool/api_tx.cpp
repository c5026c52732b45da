// libpmemobj.h: transactions. The stages and who may call what in which; the work itself is transaction.hpp.
//
//     NONE --begin--> WORK --commit--> ONCOMMIT --process--> FINALLY --process--> NONE --end--> (outer WORK, or none)
//                      \--abort--> ONABORT --process--> FINALLY
//
// An abort jumps to the level's environment with longjmp: no object with a destructor lives in a function
// that can abort.
#include "persist/pool/exported.hpp"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "persist/pool/api_locks.hpp"
#include "persist/pool/api_tx_support.hpp"
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

}  // namespace

void refuse_outside_of_work(const Transaction& tx, const char* function) {
    if (tx.stage == TX_STAGE_NONE)
        fatal_misuse("%s was called outside of a transaction", function);
    fatal_misuse("%s was called in stage %d of a transaction; it is allowed in TX_STAGE_WORK only", function,
                 static_cast<int>(tx.stage));
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

}  // namespace terrace::persist

using namespace terrace::persist;

#pragma GCC visibility push(default)

int pmemobj_tx_begin(PMEMobjpool* pop, jmp_buf env, ...) {
    Transaction& tx = thread_state().transaction;
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
    Transaction::Level* level = tx.levels.add();
    if (level == nullptr) {
        if (tx.stage == TX_STAGE_WORK)
            return fail_transaction(tx, ENOMEM, 0);
        return fail(ENOMEM, "pmemobj_tx_begin: out of memory");
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

enum pobj_tx_stage pmemobj_tx_stage(void) {
    const ThreadState* state = existing_thread_state();
    return state == nullptr ? TX_STAGE_NONE : state->transaction.stage;
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
    Transaction& tx = thread_state().transaction;
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
    Transaction& tx = thread_state().transaction;
    if (tx.levels.empty())
        fatal_misuse("pmemobj_tx_process was called outside of a transaction");
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
    return thread_state().transaction.last_error;
}

void pmemobj_tx_set_user_data(void* data) {
    transaction_at_work("pmemobj_tx_set_user_data").user_data = data;
}

void* pmemobj_tx_get_user_data(void) {
    const Transaction& tx = thread_state().transaction;
    if (tx.levels.empty())
        fatal_misuse("pmemobj_tx_get_user_data was called outside of a transaction");
    return tx.user_data;
}

void pmemobj_tx_set_failure_behavior(enum pobj_tx_failure_behavior behavior) {
    transaction_at_work("pmemobj_tx_set_failure_behavior").levels.back().failure_behavior = behavior;
}

enum pobj_tx_failure_behavior pmemobj_tx_get_failure_behavior(void) {
    return transaction_at_work("pmemobj_tx_get_failure_behavior").levels.back().failure_behavior;
}

#pragma GCC visibility pop
