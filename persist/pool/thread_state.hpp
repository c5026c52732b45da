// Everything the engine keeps for one thread: its transaction, its buffers, its last error message. In pages
// of its own, found through one thread-local pointer, given back when the thread ends. Static TLS is scarce
// (dlopen refuses a library that needs much), so the pointer is all that lives there.
#pragma once

#include <cstdint>

#include "persist/pool/grow_buffer.hpp"
#include "persist/pool/log/record.hpp"
#include "persist/pool/transaction.hpp"

namespace terrace::persist {

struct PendingFlush {
    uint64_t offset;
    uint64_t bytes;
};

struct ArenaPin {
    const Heap* heap;
    uint64_t serial;  // of the heap when it was started
    uint32_t arena;
};

struct ThreadState {
    Transaction transaction;
    RecordBuilder record;  // of atomic operations and direct stores
    GrowArray<PendingFlush> pending;
    GrowArray<ArenaPin> arena_pins;
    const Pool* pending_pool = nullptr;
    uint64_t pending_registration = 0;
    // While a constructor runs inside pmemobj_alloc: the block, whose content becomes durable with the allocation.
    const Pool* constructing_pool = nullptr;
    uint64_t constructing_offset = 0;
    uint64_t constructing_bytes = 0;
    char message[2048] = {};
};

namespace internal {
extern __thread ThreadState* state __attribute__((tls_model("initial-exec"), visibility("hidden")));
ThreadState* make_state();
[[noreturn]] void no_state();
}  // namespace internal

// Null when this thread has not used the engine yet. 1 load.
inline ThreadState* existing_thread_state() {
    return internal::state;
}

// Null when there is no DRAM for it. 1 load.
inline ThreadState* try_thread_state() {
    ThreadState* const state = internal::state;
    return state != nullptr ? state : internal::make_state();
}

// What every entry point asks before it changes a pool: 0, or ENOMEM with errno set.
[[nodiscard]] int need_thread_state();

// REQUIRES: need_thread_state() was 0 in this thread. 1 load.
inline ThreadState& thread_state() {
    ThreadState* const state = try_thread_state();
    if (state == nullptr) [[unlikely]]
        internal::no_state();
    return *state;
}

// A transaction that could not begin because DRAM was short, as far as the documented interface sees it: it is
// in ONABORT and ends like any other. It needs no memory.
struct FailedBegin {
    pobj_tx_stage stage = TX_STAGE_NONE;
    int error = 0;  // of the last one, until a transaction begins
    bool is_open = false;
};
extern __thread FailedBegin failed_begin __attribute__((tls_model("initial-exec"), visibility("hidden")));

}  // namespace terrace::persist
