// libpmemobj.h: reserve now, publish later; and the form of struct pobj_action.
// What is published together is one log record: all of it or nothing.
// Thread safety: as the public header says.
#include "persist/pool/api/exported.hpp"

#include <errno.h>
#include <string.h>

#include "persist/pool/api/action.hpp"
#include "persist/pool/api/support.hpp"
#include "persist/pool/direct_store.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/heap/allocation_class.hpp"
#include "persist/pool/thread_state.hpp"

namespace terrace::persist {
namespace {

// data[0] is the kind, data[1] tells the pool from one that was open at this address before. data2[0] and [1] are
// heap.offset and heap.usable_size, which callers read.
constexpr size_t kTypeNumber = 2, kStoreOffset = 3, kStoreWord = 4, kSlab = 5, kIndex = 6, kPages = 7;

uint32_t mark_of(const Pool& pool) {
    return static_cast<uint32_t>(pool.registration);
}

}  // namespace

void set_action(const Pool& pool, pobj_action& target, const Action& action) {
    target = {};
    target.type = action.kind == ActionKind::kStore ? POBJ_ACTION_TYPE_MEM : POBJ_ACTION_TYPE_HEAP;
    target.data[0] = static_cast<uint32_t>(action.kind);
    target.data[1] = mark_of(pool);
    if (action.kind == ActionKind::kStore) {
        target.data2[kStoreOffset] = action.store_offset;
        target.data2[kStoreWord] = action.store_word;
        return;
    }
    target.heap.offset = action.block.offset;
    target.heap.usable_size = pool.heap.usable_bytes(action.block);
    target.data2[kTypeNumber] = action.type_number;
    target.data2[kSlab] = reinterpret_cast<uintptr_t>(action.block.slab);
    target.data2[kIndex] = action.block.index;
    target.data2[kPages] = action.block.pages;
}

Action action_of(const Pool& pool, const pobj_action& source) {
    const auto kind = static_cast<ActionKind>(source.data[0]);
    if (source.data[1] != mark_of(pool)) [[unlikely]]
        return {};
    if (kind == ActionKind::kStore)
        return {kind, {}, 0, source.data2[kStoreOffset], source.data2[kStoreWord]};
    if (kind != ActionKind::kAllocation && kind != ActionKind::kFree)
        return {};
    const Block block = {source.heap.offset, reinterpret_cast<Slab*>(source.data2[kSlab]),
                         static_cast<uint32_t>(source.data2[kIndex]), source.data2[kPages]};
    return {kind, block, source.data2[kTypeNumber], 0, 0};
}

}  // namespace terrace::persist

using namespace terrace::persist;

#pragma GCC visibility push(default)

PMEMoid pmemobj_reserve(PMEMobjpool* pop, struct pobj_action* act, size_t size, uint64_t type_num) {
    return pmemobj_xreserve(pop, act, size, type_num, 0);
}

PMEMoid pmemobj_xreserve(PMEMobjpool* pop, struct pobj_action* act, size_t size, uint64_t type_num,
                         uint64_t flags) {
    Pool& pool = pool_of(pop);
    if ((flags & ~uint64_t{POBJ_ACTION_XRESERVE_VALID_FLAGS}) != 0 || size == 0) {
        fail(EINVAL, "pmemobj_xreserve: %s",
             size == 0 ? "an object of size 0 was asked for" : "unknown flags");
        return OID_NULL;
    }
    const Block block = reserve_by_flags(pool, size, type_num, flags, "pmemobj_xreserve");
    if (block.offset == 0)
        return OID_NULL;
    if ((flags & POBJ_XALLOC_ZERO) != 0) {
        const uint64_t usable = pool.heap.usable_bytes(block);
        memset(pool.media.base + block.offset, 0, usable);
        if (persist_range(pool, block.offset, usable) != 0) {
            const int error = errno;
            pool.heap.release(block);
            errno = error;
            return OID_NULL;
        }
    }
    set_action(pool, *act, {ActionKind::kAllocation, block, type_num});
    return oid_at(pool, block.offset);
}

void pmemobj_set_value(PMEMobjpool* pop, struct pobj_action* act, uint64_t* ptr, uint64_t value) {
    const Pool& pool = pool_of(pop);
    if (!pool.contains(ptr) || pool.offset_of(ptr) % 8 != 0)
        fatal_misuse("pmemobj_set_value: %p is not an 8-byte word of the pool", static_cast<void*>(ptr));
    set_action(pool, *act, {ActionKind::kStore, {}, 0, pool.offset_of(ptr), value});
}

void pmemobj_defer_free(PMEMobjpool* pop, PMEMoid oid, struct pobj_action* act) {
    Pool& pool = pool_of(pop);
    Block block;
    if (!pool.heap.find(oid.off, block))
        fatal_misuse("pmemobj_defer_free: no object begins at offset %llu",
                     static_cast<unsigned long long>(oid.off));
    set_action(pool, *act, {ActionKind::kFree, block, 0});
}

int pmemobj_publish(PMEMobjpool* pop, struct pobj_action* actv, size_t actvcnt) {
    if (need_thread_state() != 0)
        return -1;
    Pool& pool = pool_of(pop);
    RecordBuilder& record = thread_state().record;
    record.reset(pool.media.pins);
    for (size_t i = 0; i < actvcnt; ++i) {
        const Action action = action_of(pool, actv[i]);
        switch (action.kind) {
            case ActionKind::kAllocation:
                pool.heap.log_allocation(record, action.block, action.type_number);
                break;
            case ActionKind::kFree:
                pool.heap.log_free(record, action.block);
                break;
            case ActionKind::kStore:
                record.add_store(action.store_offset, action.store_word);
                record.keep_pins();
                break;
            case ActionKind::kNone:
                record.unpin();
                fail(EINVAL, "pmemobj_publish: action %zu is empty or was published before", i);
                return -1;
        }
    }
    add_pending_flushes(pool, record);
    if (!record.is_empty() && commit_record(pool, record) != 0)
        return -1;
    forget_pending_flushes(pool);
    for (size_t i = 0; i < actvcnt; ++i) {
        const Action action = action_of(pool, actv[i]);
        if (action.kind == ActionKind::kAllocation)
            pool.heap.confirm(action.block);
        else if (action.kind == ActionKind::kFree)
            pool.heap.release(action.block);
        else
            __atomic_store_n(reinterpret_cast<uint64_t*>(pool.media.base + action.store_offset),
                             action.store_word, __ATOMIC_RELEASE);
        actv[i].data[0] = static_cast<uint32_t>(ActionKind::kNone);
    }
    record.unpin();
    return 0;
}

void pmemobj_cancel(PMEMobjpool* pop, struct pobj_action* actv, size_t actvcnt) {
    Pool& pool = pool_of(pop);
    for (size_t i = 0; i < actvcnt; ++i) {
        const Action action = action_of(pool, actv[i]);
        if (action.kind == ActionKind::kAllocation)
            pool.heap.release(action.block);
        actv[i].data[0] = static_cast<uint32_t>(ActionKind::kNone);
    }
}

#pragma GCC visibility pop
