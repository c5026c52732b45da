// libpmemobj.h: what a transaction does between begin and commit: ranges, allocations, frees, published
// actions. No function here holds an object with a destructor when it fails: a failure may be a longjmp.
// Thread safety: each works on the calling thread's transaction.
#include "persist/pool/exported.hpp"

#include <errno.h>
#include <string.h>

#include "persist/pool/action.hpp"
#include "persist/pool/api_support.hpp"
#include "persist/pool/api_tx_support.hpp"
#include "persist/pool/error_message.hpp"

using namespace terrace::persist;

namespace {

constexpr uint64_t kXallocFlags = POBJ_XALLOC_ZERO | POBJ_XALLOC_NO_FLUSH | POBJ_XALLOC_ARENA_MASK |
                                  POBJ_XALLOC_CLASS_MASK | POBJ_XALLOC_NO_ABORT;

using Number = unsigned long long;

int refuse_flags(Transaction& tx, const char* function, uint64_t flags) {
    fail(EINVAL, "%s: unknown flags 0x%llx", function, static_cast<Number>(flags));
    return fail_transaction(tx, EINVAL, flags);
}

[[gnu::cold, gnu::noinline]] int refuse_range(Transaction& tx, uint64_t offset, uint64_t bytes,
                                              uint64_t flags, int error, const char* function) {
    if (error != 0)
        fail(error, "%s: out of memory for the old bytes of a range", function);
    else
        fail(EINVAL, "%s: the range of %llu bytes at offset %llu is not in the pool's heap", function,
             static_cast<Number>(bytes), static_cast<Number>(offset));
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

// C++ programs come here with every assignment to a persistent variable.
[[gnu::always_inline]] inline bool is_word_added_at_once(const void* address, size_t bytes, uint64_t flags) {
    ThreadState* const state = existing_thread_state();
    return bytes == 8 && (flags & ~uint64_t{POBJ_XADD_ASSUME_INITIALIZED}) == 0 && state != nullptr &&
           state->transaction.try_add_word(address);
}

[[gnu::noinline]] int add_direct(const void* address, size_t bytes, uint64_t flags, const char* function) {
    Transaction& tx = transaction_at_work(function);
    if ((flags & ~uint64_t{POBJ_XADD_VALID_FLAGS}) != 0)
        return refuse_flags(tx, function, flags);
    // An address outside the pool gives an offset outside it too.
    const uint64_t offset =
        reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(tx.pool->media.base);
    return add(tx, offset, bytes, flags, function);
}

PMEMoid refuse_allocation(Transaction& tx, int error, uint64_t flags) {
    fail_transaction(tx, error, flags);
    return OID_NULL;
}

PMEMoid allocate(Transaction& tx, size_t size, uint64_t type_num, uint64_t flags, const char* function) {
    Pool& pool = *tx.pool;
    if (size == 0) {
        fail(EINVAL, "%s: an object of size 0 was asked for", function);
        return refuse_allocation(tx, EINVAL, flags);
    }
    const Block block = pool.heap.reserve(size, type_num);
    if (block.offset == 0) {
        fail(ENOMEM, "%s: no room in the pool for %zu bytes", function, size);
        return refuse_allocation(tx, ENOMEM, flags);
    }
    const uint64_t usable = pool.heap.usable_bytes(block);
    if (tx.add_allocation(block, type_num, usable) != 0) {
        pool.heap.release(block);
        fail(ENOMEM, "%s: out of memory", function);
        return refuse_allocation(tx, ENOMEM, flags);
    }
    if ((flags & POBJ_XALLOC_ZERO) != 0)
        memset(pool.media.base + block.offset, 0, usable);
    return oid_at(pool, block.offset);
}

int free_object(Transaction& tx, PMEMoid oid, uint64_t flags, const char* function) {
    if (oid.off == 0)
        return 0;
    Pool& pool = *tx.pool;
    Block block;
    if (oid.pool_uuid_lo != pool.superblock.identity_low || !pool.heap.find(oid.off, block)) {
        fail(EINVAL, "%s: no object of this pool begins at offset %llu", function,
             static_cast<Number>(oid.off));
        return fail_transaction(tx, EINVAL, flags);
    }
    if (tx.cancel_allocation(oid.off))
        return 0;
    if (!pool.heap.is_allocated(block) || tx.will_free(oid.off)) {
        fail(EINVAL, "%s: the object at offset %llu is not allocated, or is freed twice", function,
             static_cast<Number>(oid.off));
        return fail_transaction(tx, EINVAL, flags);
    }
    if (tx.add_free(block) != 0) {
        fail(ENOMEM, "%s: out of memory", function);
        return fail_transaction(tx, ENOMEM, flags);
    }
    return 0;
}

PMEMoid reallocate(Transaction& tx, PMEMoid oid, size_t size, uint64_t type_num, uint64_t flags,
                   const char* function) {
    if (oid.off == 0)
        return allocate(tx, size, type_num, flags, function);
    if (size == 0) {
        free_object(tx, oid, 0, function);
        return OID_NULL;
    }
    Pool& pool = *tx.pool;
    Block old_block;
    if (oid.pool_uuid_lo != pool.superblock.identity_low || !pool.heap.find(oid.off, old_block)) {
        fail(EINVAL, "%s: no object of this pool begins at offset %llu", function,
             static_cast<Number>(oid.off));
        return refuse_allocation(tx, EINVAL, flags);
    }
    const uint64_t old_usable = pool.heap.usable_bytes(old_block);
    const PMEMoid moved = allocate(tx, size, type_num, flags & ~POBJ_XALLOC_ZERO, function);
    if (moved.off == 0)
        return OID_NULL;
    Block block;
    pool.heap.find(moved.off, block);
    const uint64_t usable = pool.heap.usable_bytes(block);
    const uint64_t kept = usable < old_usable ? usable : old_usable;
    char* target = pool.media.base + moved.off;
    memcpy(target, pool.media.base + oid.off, kept);
    if ((flags & POBJ_XALLOC_ZERO) != 0)
        memset(target + kept, 0, usable - kept);
    return free_object(tx, oid, flags, function) == 0 ? moved : OID_NULL;
}

}  // namespace

#pragma GCC visibility push(default)

int pmemobj_tx_add_range(PMEMoid oid, uint64_t off, size_t size) {
    return pmemobj_tx_xadd_range(oid, off, size, 0);
}

int pmemobj_tx_xadd_range(PMEMoid oid, uint64_t off, size_t size, uint64_t flags) {
    Transaction& tx = transaction_at_work("pmemobj_tx_add_range");
    if ((flags & ~uint64_t{POBJ_XADD_VALID_FLAGS}) != 0)
        return refuse_flags(tx, "pmemobj_tx_xadd_range", flags);
    if (oid.pool_uuid_lo != tx.pool->superblock.identity_low || oid.off == 0) [[unlikely]] {
        fail(EINVAL, "pmemobj_tx_add_range: the object is not of the transaction's pool");
        return fail_transaction(tx, EINVAL, flags);
    }
    return add(tx, oid.off + off, size, flags, "pmemobj_tx_add_range");
}

int pmemobj_tx_add_range_direct(const void* ptr, size_t size) {
    if (is_word_added_at_once(ptr, size, 0)) [[likely]]
        return 0;
    return add_direct(ptr, size, 0, "pmemobj_tx_add_range_direct");
}

int pmemobj_tx_xadd_range_direct(const void* ptr, size_t size, uint64_t flags) {
    if (is_word_added_at_once(ptr, size, flags)) [[likely]]
        return 0;
    return add_direct(ptr, size, flags, "pmemobj_tx_xadd_range_direct");
}

PMEMoid pmemobj_tx_alloc(size_t size, uint64_t type_num) {
    return allocate(transaction_at_work("pmemobj_tx_alloc"), size, type_num, 0, "pmemobj_tx_alloc");
}

PMEMoid pmemobj_tx_zalloc(size_t size, uint64_t type_num) {
    return allocate(transaction_at_work("pmemobj_tx_zalloc"), size, type_num, POBJ_FLAG_ZERO,
                    "pmemobj_tx_zalloc");
}

PMEMoid pmemobj_tx_xalloc(size_t size, uint64_t type_num, uint64_t flags) {
    Transaction& tx = transaction_at_work("pmemobj_tx_xalloc");
    if ((flags & ~kXallocFlags) != 0) {
        refuse_flags(tx, "pmemobj_tx_xalloc", flags);
        return OID_NULL;
    }
    return allocate(tx, size, type_num, flags, "pmemobj_tx_xalloc");
}

PMEMoid pmemobj_tx_realloc(PMEMoid oid, size_t size, uint64_t type_num) {
    return reallocate(transaction_at_work("pmemobj_tx_realloc"), oid, size, type_num, 0,
                      "pmemobj_tx_realloc");
}

PMEMoid pmemobj_tx_zrealloc(PMEMoid oid, size_t size, uint64_t type_num) {
    return reallocate(transaction_at_work("pmemobj_tx_zrealloc"), oid, size, type_num, POBJ_FLAG_ZERO,
                      "pmemobj_tx_zrealloc");
}

PMEMoid pmemobj_tx_strdup(const char* s, uint64_t type_num) {
    Transaction& tx = transaction_at_work("pmemobj_tx_strdup");
    if (s == nullptr) {
        fail(EINVAL, "pmemobj_tx_strdup: a null string was given");
        return refuse_allocation(tx, EINVAL, 0);
    }
    const size_t bytes = strlen(s) + 1;
    const PMEMoid copy = allocate(tx, bytes, type_num, 0, "pmemobj_tx_strdup");
    if (copy.off != 0)
        memcpy(tx.pool->media.base + copy.off, s, bytes);
    return copy;
}

int pmemobj_tx_free(PMEMoid oid) {
    return free_object(transaction_at_work("pmemobj_tx_free"), oid, 0, "pmemobj_tx_free");
}

int pmemobj_tx_publish(struct pobj_action* actv, size_t actvcnt) {
    Transaction& tx = transaction_at_work("pmemobj_tx_publish");
    for (size_t i = 0; i < actvcnt; ++i) {
        const Action action = action_of(*tx.pool, actv[i]);
        int error = 0;
        switch (action.kind) {
            case ActionKind::kAllocation:
                error = tx.add_allocation(action.block, action.type_number, 0);
                break;
            case ActionKind::kFree:
                error = tx.add_free(action.block);
                break;
            case ActionKind::kStore:
                error = tx.add_store(action.store_offset, action.store_word);
                break;
            case ActionKind::kNone:
                error = EINVAL;
                break;
        }
        if (error != 0) {
            fail(error, "pmemobj_tx_publish: action %zu: %s", i, strerror(error));
            return fail_transaction(tx, error, 0);
        }
    }
    return 0;
}

#pragma GCC visibility pop
