// libpmemobj.h: what a transaction allocates, frees and publishes. No function here holds an object with a
// destructor when it fails: a failure may be a longjmp.
// Thread safety: each works on the calling thread's transaction.
#include "persist/pool/api/exported.hpp"

#include <errno.h>
#include <string.h>
#include <wchar.h>

#include "persist/pool/api/action.hpp"
#include "persist/pool/api/support.hpp"
#include "persist/pool/api/tx_support.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/heap/allocation_class.hpp"

using namespace terrace::persist;

namespace {

constexpr uint64_t kXallocFlags = POBJ_TX_XALLOC_VALID_FLAGS;

using Number = unsigned long long;

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
    const Block block = reserve_by_flags(pool, size, type_num, flags, function);
    if (block.offset == 0)
        return refuse_allocation(tx, errno, flags);
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

PMEMoid duplicate(Transaction& tx, const void* text, size_t bytes, uint64_t type_num, uint64_t flags,
                  const char* function) {
    if ((flags & ~kXallocFlags) != 0) {
        refuse_flags(tx, function, flags);
        return OID_NULL;
    }
    if (text == nullptr) {
        fail(EINVAL, "%s: a null string was given", function);
        return refuse_allocation(tx, EINVAL, flags);
    }
    const PMEMoid copy = allocate(tx, bytes, type_num, flags & ~uint64_t{POBJ_XALLOC_ZERO}, function);
    if (copy.off != 0)
        memcpy(tx.pool->media.base + copy.off, text, bytes);
    return copy;
}

size_t bytes_of(const char* s) {
    return s == nullptr ? 0 : strlen(s) + 1;
}
size_t bytes_of(const wchar_t* s) {
    return s == nullptr ? 0 : (wcslen(s) + 1) * sizeof(wchar_t);
}

int publish(Transaction& tx, pobj_action* actv, size_t actvcnt, uint64_t flags, const char* function) {
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
            fail(error, "%s: action %zu: %s", function, i, strerror(error));
            return fail_transaction(tx, error, flags);
        }
    }
    return 0;
}

}  // namespace

#pragma GCC visibility push(default)

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
    return duplicate(transaction_at_work("pmemobj_tx_strdup"), s, bytes_of(s), type_num, 0,
                     "pmemobj_tx_strdup");
}

PMEMoid pmemobj_tx_xstrdup(const char* s, uint64_t type_num, uint64_t flags) {
    return duplicate(transaction_at_work("pmemobj_tx_xstrdup"), s, bytes_of(s), type_num, flags,
                     "pmemobj_tx_xstrdup");
}

PMEMoid pmemobj_tx_wcsdup(const wchar_t* s, uint64_t type_num) {
    return duplicate(transaction_at_work("pmemobj_tx_wcsdup"), s, bytes_of(s), type_num, 0,
                     "pmemobj_tx_wcsdup");
}

PMEMoid pmemobj_tx_xwcsdup(const wchar_t* s, uint64_t type_num, uint64_t flags) {
    return duplicate(transaction_at_work("pmemobj_tx_xwcsdup"), s, bytes_of(s), type_num, flags,
                     "pmemobj_tx_xwcsdup");
}

int pmemobj_tx_free(PMEMoid oid) {
    return free_object(transaction_at_work("pmemobj_tx_free"), oid, 0, "pmemobj_tx_free");
}

int pmemobj_tx_xfree(PMEMoid oid, uint64_t flags) {
    Transaction& tx = transaction_at_work("pmemobj_tx_xfree");
    if ((flags & ~uint64_t{POBJ_XFREE_VALID_FLAGS}) != 0)
        return refuse_flags(tx, "pmemobj_tx_xfree", flags);
    return free_object(tx, oid, flags, "pmemobj_tx_xfree");
}

int pmemobj_tx_publish(struct pobj_action* actv, size_t actvcnt) {
    return publish(transaction_at_work("pmemobj_tx_publish"), actv, actvcnt, 0, "pmemobj_tx_publish");
}

int pmemobj_tx_xpublish(struct pobj_action* actv, size_t actvcnt, uint64_t flags) {
    Transaction& tx = transaction_at_work("pmemobj_tx_xpublish");
    if ((flags & ~uint64_t{POBJ_XPUBLISH_VALID_FLAGS}) != 0)
        return refuse_flags(tx, "pmemobj_tx_xpublish", flags);
    return publish(tx, actv, actvcnt, flags, "pmemobj_tx_xpublish");
}

#pragma GCC visibility pop
