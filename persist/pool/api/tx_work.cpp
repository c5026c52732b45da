// libpmemobj.h: the ranges that a transaction changes; what it allocates and frees is in tx_heap.cpp. No function here holds an object with a destructor when it fails: a failure may be a longjmp.
// Thread safety: each works on the calling thread's transaction.
#include "persist/pool/api/exported.hpp"

#include <errno.h>
#include <string.h>

#include "persist/pool/api/action.hpp"
#include "persist/pool/api/support.hpp"
#include "persist/pool/api/tx_support.hpp"
#include "persist/pool/error_message.hpp"

using namespace terrace::persist;

namespace {

using Number = unsigned long long;

[[gnu::cold, gnu::noinline]] int refuse_range(Transaction& tx, uint64_t offset, uint64_t bytes,
                                              uint64_t flags, int error, const char* function) {
    if (error != 0)
        fail(error, "%s: out of memory for the old bytes of a range", function);
    else
        fail(EINVAL, "%s: the range of %llu bytes at %p is not among the objects of the transaction's pool",
             function, static_cast<Number>(bytes),
             reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(tx.pool->media.base) + offset));
    return fail_transaction(tx, error != 0 ? error : EINVAL, flags);
}

int add(Transaction& tx, uint64_t offset, uint64_t bytes, uint64_t flags, const char* function) {
    int error = 0;
    if (tx.pool->in_objects(offset, bytes)) [[likely]] {
        // NO_FLUSH is not taken up: what a transaction covers, it makes durable.
        error = tx.add_range(offset, bytes, (flags & POBJ_XADD_NO_SNAPSHOT) == 0);
        if (error == 0) [[likely]]
            return 0;
    }
    return refuse_range(tx, offset, bytes, flags, error, function);
}

// C++ programs come here with every assignment to a persistent variable or pointer.
[[gnu::always_inline]] inline bool is_added_at_once(Transaction& tx, const void* address, size_t bytes,
                                                    uint64_t flags, const Region& region) {
    if ((flags & ~uint64_t{POBJ_XADD_ASSUME_INITIALIZED}) != 0) [[unlikely]]
        return false;
    if (bytes == 8) [[likely]]
        return tx.try_add_words<1>(address, region);
    return bytes == 16 && tx.try_add_words<2>(address, region);
}

[[gnu::noinline]] int add_where_the_pool_grew(Transaction& tx, uint64_t offset, uint64_t bytes,
                                              uint64_t flags, const char* function) {
    const Region* const region = tx.pool->media.regions.of_page(offset / kPageBytes);
    if (region != nullptr && is_added_at_once(tx, tx.pool->media.base + offset, bytes, flags, *region))
        return 0;
    return add(tx, offset, bytes, flags, function);
}

// Only in the first region: to look for another takes a call, and around it saved registers, each time.
[[gnu::always_inline]] inline bool is_added_at_once(const void* address, size_t bytes, uint64_t flags) {
    ThreadState* const state = existing_thread_state();
    if (state == nullptr || state->transaction.stage != TX_STAGE_WORK) [[unlikely]]
        return false;
    Transaction& tx = state->transaction;
    return is_added_at_once(tx, address, bytes, flags, tx.pool->media.regions[0]);
}

[[gnu::noinline]] int add_direct(const void* address, size_t bytes, uint64_t flags, const char* function) {
    Transaction& tx = transaction_at_work(function);
    if ((flags & ~uint64_t{POBJ_XADD_VALID_FLAGS}) != 0)
        return refuse_flags(tx, function, flags);
    // An address outside the pool gives an offset outside it too.
    const uint64_t offset =
        reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(tx.pool->media.base);
    if (offset >= tx.pool->media.regions[0].end) [[unlikely]]
        return add_where_the_pool_grew(tx, offset, bytes, flags, function);
    return add(tx, offset, bytes, flags, function);
}

int add_in_object(PMEMoid oid, uint64_t off, size_t size, uint64_t flags, const char* function) {
    Transaction& tx = transaction_at_work(function);
    if ((flags & ~uint64_t{POBJ_XADD_VALID_FLAGS}) != 0)
        return refuse_flags(tx, function, flags);
    if (oid.pool_uuid_lo != tx.pool->superblock.identity_low || oid.off == 0) [[unlikely]] {
        fail(EINVAL, "%s: the object is not of the transaction's pool", function);
        return fail_transaction(tx, EINVAL, flags);
    }
    return add(tx, oid.off + off, size, flags, function);
}

}  // namespace

#pragma GCC visibility push(default)

int pmemobj_tx_add_range(PMEMoid oid, uint64_t off, size_t size) {
    return add_in_object(oid, off, size, 0, "pmemobj_tx_add_range");
}

int pmemobj_tx_xadd_range(PMEMoid oid, uint64_t off, size_t size, uint64_t flags) {
    return add_in_object(oid, off, size, flags, "pmemobj_tx_xadd_range");
}

int pmemobj_tx_add_range_direct(const void* ptr, size_t size) {
    if (is_added_at_once(ptr, size, 0)) [[likely]]
        return 0;
    return add_direct(ptr, size, 0, "pmemobj_tx_add_range_direct");
}

int pmemobj_tx_xadd_range_direct(const void* ptr, size_t size, uint64_t flags) {
    if (is_added_at_once(ptr, size, flags)) [[likely]]
        return 0;
    return add_direct(ptr, size, flags, "pmemobj_tx_xadd_range_direct");
}

#pragma GCC visibility pop
