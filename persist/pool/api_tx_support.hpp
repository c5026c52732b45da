// What the files of the transaction interface share: who may call, and how a failing call ends.
// fail_transaction and abort_transaction may not return (longjmp).
// Thread safety: each works on the calling thread's transaction.
#pragma once

#include <cstdint>

#include "persist/pool/thread_state.hpp"
#include "persist/pool/transaction.hpp"

namespace terrace::persist {

// The thread's transaction, which is in its WORK stage; anything else is the documented fatal misuse.
[[noreturn]] void refuse_outside_of_work(const Transaction& tx, const char* function);
inline Transaction& transaction_at_work(const char* function) {
    Transaction& tx = thread_state().transaction;
    if (tx.stage != TX_STAGE_WORK) [[unlikely]]
        refuse_outside_of_work(tx, function);
    return tx;
}

void abort_transaction(Transaction& tx, int error);

// Aborts, unless the flags or the failure behaviour ask for the error to be returned. Sets errno.
int fail_transaction(Transaction& tx, int error, uint64_t flags);

}  // namespace terrace::persist
