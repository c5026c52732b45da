// What the files of the transaction interface share: who may call, and how a failing call ends.
// fail_transaction and abort_transaction may not return (longjmp).
// Thread safety: each works on the calling thread's transaction.
#pragma once

#include <cstdint>

#include "persist/pool/thread_state.hpp"
#include "persist/pool/transaction.hpp"

namespace terrace::persist {

// The thread's transaction, which is in its WORK stage; anything else is the documented fatal misuse.
[[noreturn]] void refuse_outside_of_work(const char* function);
inline Transaction& transaction_at_work(const char* function) {
    ThreadState* const state = existing_thread_state();
    if (state == nullptr || state->transaction.stage != TX_STAGE_WORK) [[unlikely]]
        refuse_outside_of_work(function);
    return state->transaction;
}

void abort_transaction(Transaction& tx, int error);

// Aborts, unless the flags or the failure behaviour ask for the error to be returned. Sets errno.
int fail_transaction(Transaction& tx, int error, uint64_t flags);
// The same for flags that the function does not know.
int refuse_flags(Transaction& tx, const char* function, uint64_t flags);

// "tx.debug.verify_user_buffers": notes a buffer that is lent to the transaction until it ends. 0, or an errno with
// the message set: EINVAL when it overlaps one that is in use.
[[nodiscard]] int note_user_buffer(Transaction& tx, const void* address, size_t bytes, const char* function);
void forget_user_buffers(Transaction& tx);

}  // namespace terrace::persist
