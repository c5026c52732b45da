// libpmemobj.h: memory for logs that a program lends to a transaction. The engine keeps old bytes in DRAM and
// extends its log by itself, so it needs none: the functions check their arguments as PMDK does, and note
// the buffers for "tx.debug.verify_user_buffers". Thread safety: each works on the calling thread's transaction.
#include "persist/pool/api/exported.hpp"

#include <errno.h>

#include "persist/pool/api/tx_support.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/pool.hpp"

namespace terrace::persist {

int note_user_buffer(Transaction& tx, const void* address, size_t bytes, const char* function) {
    PoolSettings& settings = tx.pool->settings;
    const auto begin = reinterpret_cast<uintptr_t>(address);
    int error = 0;
    settings.lock.lock();
    for (const UserBuffer& other : settings.user_buffers) {
        if (begin < other.end && other.begin < begin + bytes)
            error = EINVAL;
    }
    if (error == 0 && !settings.user_buffers.push({&tx, begin, begin + bytes}))
        error = ENOMEM;
    settings.lock.unlock();
    if (error == EINVAL)
        return fail(EINVAL, "%s: a part of the %zu bytes at %p is lent to a transaction already", function,
                    bytes, address);
    return error == 0 ? 0 : fail(error, "%s: out of memory", function);
}

void forget_user_buffers(Transaction& tx) {
    PoolSettings& settings = tx.pool->settings;
    LockGuard guard(settings.lock);
    for (size_t i = settings.user_buffers.size(); i > 0; --i) {
        if (settings.user_buffers[i - 1].owner == &tx)
            settings.user_buffers.remove_at(i - 1);
    }
    if (settings.user_buffers.empty())
        settings.user_buffers.release();
}

}  // namespace terrace::persist

using namespace terrace::persist;

namespace {

// PMDK's log: a header of one cache line, then entries padded to cache lines. A snapshot's entry has a header
// of 24 bytes, an intent takes 16. Programs size their buffers by these functions, for either library.
constexpr size_t kLine = 64;
constexpr size_t kSnapshotHeader = 24;
constexpr size_t kIntentBytes = 16;

// False on overflow.
bool add_to(size_t& sum, size_t bytes) {
    return !__builtin_add_overflow(sum, bytes, &sum);
}

bool add_lines(size_t& sum, size_t bytes) {
    return bytes <= SIZE_MAX - (kLine - 1) && add_to(sum, (bytes + kLine - 1) / kLine * kLine);
}

size_t too_large(const char* function) {
    fail(ERANGE, "%s: the result does not fit into size_t", function);
    return SIZE_MAX;
}

// The header and one entry must fit behind the first line boundary.
bool is_large_enough(const void* address, size_t bytes) {
    const uintptr_t begin = reinterpret_cast<uintptr_t>(address);
    const size_t skipped = (kLine - begin % kLine) % kLine;
    return bytes >= skipped + 2 * kLine;
}

int append(Transaction& tx, const void* address, size_t bytes, uint64_t flags, const char* function) {
    const Pool& pool = *tx.pool;
    int error = 0;
    if (!pool.contains(address) || bytes > pool.bytes() - pool.offset_of(address))
        error = fail(EINVAL, "%s: the buffer of %zu bytes at %p is not in the pool of the transaction",
                     function, bytes, address);
    else if (!is_large_enough(address, bytes))
        error = fail(EINVAL, "%s: a buffer of %zu bytes is too small for one entry", function, bytes);
    else if (pool.settings.verify_user_buffers.load(std::memory_order_relaxed) != 0)
        error = note_user_buffer(tx, address, bytes, function);
    return error == 0 ? 0 : fail_transaction(tx, error, flags);
}

}  // namespace

#pragma GCC visibility push(default)

int pmemobj_tx_log_append_buffer(enum pobj_log_type, void* addr, size_t size) {
    return append(transaction_at_work("pmemobj_tx_log_append_buffer"), addr, size, 0,
                  "pmemobj_tx_log_append_buffer");
}

int pmemobj_tx_xlog_append_buffer(enum pobj_log_type, void* addr, size_t size, uint64_t flags) {
    constexpr const char* kName = "pmemobj_tx_xlog_append_buffer";
    Transaction& tx = transaction_at_work(kName);
    if ((flags & ~uint64_t{POBJ_XLOG_APPEND_BUFFER_VALID_FLAGS}) != 0)
        return refuse_flags(tx, kName, flags);
    return append(tx, addr, size, flags, kName);
}

int pmemobj_tx_log_auto_alloc(enum pobj_log_type, int) {
    transaction_at_work("pmemobj_tx_log_auto_alloc");
    return 0;
}

size_t pmemobj_tx_log_snapshots_max_size(size_t* sizes, size_t nsizes) {
    size_t sum = kLine;
    for (size_t i = 0; i < nsizes; ++i) {
        size_t entry = kSnapshotHeader;
        if (!add_to(entry, sizes[i]) || !add_lines(sum, entry))
            return too_large("pmemobj_tx_log_snapshots_max_size");
    }
    return sum;
}

size_t pmemobj_tx_log_intents_max_size(size_t nintents) {
    size_t sum = kLine;
    size_t entries;
    if (__builtin_mul_overflow(nintents, kIntentBytes, &entries) || !add_lines(sum, entries))
        return too_large("pmemobj_tx_log_intents_max_size");
    return sum;
}

#pragma GCC visibility pop
