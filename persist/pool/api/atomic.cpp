// libpmemobj.h: one object, one atomic step: allocate, reallocate, free, each with the OID that names the
// object. Each is one log record: the object, its content and the OID appear or vanish together, for one
// fence. Thread safety: as the public header says.
#include "persist/pool/api/exported.hpp"

#include <errno.h>
#include <string.h>

#include "persist/pool/api/support.hpp"
#include "persist/pool/direct_store.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/heap/allocation_class.hpp"
#include "persist/pool/thread_state.hpp"

using namespace terrace::persist;

namespace {

// -1 with errno and the message set, as the public functions return it.
int allocate(Pool& pool, PMEMoid* oidp, size_t size, uint64_t type_num, uint64_t flags,
             pmemobj_constr constructor, void* argument, const char* function) {
    if (need_thread_state() != 0)
        return -1;
    if (size == 0) {
        fail(EINVAL, "%s: an object of size 0 was asked for", function);
        return -1;
    }
    const Block block = reserve_by_flags(pool, size, type_num, flags, function);
    if (block.offset == 0)
        return -1;
    const uint64_t usable = pool.heap.usable_bytes(block);
    const bool is_zeroed = (flags & POBJ_FLAG_ZERO) != 0;
    if (is_zeroed)
        memset(pool.media.base + block.offset, 0, usable);
    if (constructor != nullptr && run_constructor(pool, block, constructor, argument) != 0) {
        pool.heap.release(block);
        fail(ECANCELED, "%s: the constructor gave up", function);
        return -1;
    }
    RecordBuilder& record = thread_state().record;
    const PMEMoid oid = oid_at(pool, block.offset);
    int error =
        begin_record_with_content(pool, record, block, constructor != nullptr || is_zeroed ? usable : 0);
    pool.heap.log_allocation(record, block, type_num);
    log_oid(pool, record, oidp, oid);
    error = commit_new_object(pool, record, block, error);
    if (error != 0) {
        pool.heap.release(block);
        return result_of(error);
    }
    finish_oid(oidp, oid);
    return 0;
}

int free_object(PMEMoid* oidp, const char* function) {
    if (need_thread_state() != 0)
        return -1;
    Pool* pool;
    Block block;
    if (!find_object(*oidp, pool, block))
        return -1;
    if (!pool->heap.is_allocated(block)) {
        fail(EINVAL, "%s: the object at offset %llu is not allocated", function,
             static_cast<unsigned long long>(oidp->off));
        return -1;
    }
    RecordBuilder& record = thread_state().record;
    record.reset(pool->media.pins);
    pool->heap.log_free(record, block);
    log_oid(*pool, record, oidp, OID_NULL);
    if (commit_record(*pool, record) != 0)
        return -1;
    finish_oid(oidp, OID_NULL);
    pool->heap.release(block);
    return 0;
}

int reallocate(PMEMobjpool* pop, PMEMoid* oidp, size_t size, uint64_t type_num, bool is_zeroed,
               const char* function) {
    if (need_thread_state() != 0)
        return -1;
    Pool& pool = pool_of(pop);
    if (oidp->off == 0 && size == 0)
        return 0;
    if (oidp->off == 0)
        return allocate(pool, oidp, size, type_num, is_zeroed ? POBJ_FLAG_ZERO : 0, nullptr, nullptr,
                        function);
    if (size == 0)
        return free_object(oidp, function);
    Block old_block;
    if (!pool.heap.find(oidp->off, old_block) || !pool.heap.is_allocated(old_block)) {
        fail(EINVAL, "%s: no object of this pool begins at offset %llu", function,
             static_cast<unsigned long long>(oidp->off));
        return -1;
    }
    const Block block = reserve_by_flags(pool, size, type_num, 0, function);
    if (block.offset == 0)
        return -1;
    const uint64_t usable = pool.heap.usable_bytes(block);
    const uint64_t old_usable = pool.heap.usable_bytes(old_block);
    const uint64_t kept = usable < old_usable ? usable : old_usable;
    char* target = pool.media.base + block.offset;
    memcpy(target, pool.media.base + old_block.offset, kept);
    if (is_zeroed)
        memset(target + kept, 0, usable - kept);
    RecordBuilder& record = thread_state().record;
    const PMEMoid oid = oid_at(pool, block.offset);
    int error = begin_record_with_content(pool, record, block, is_zeroed ? usable : kept);
    pool.heap.log_allocation(record, block, type_num);
    pool.heap.log_free(record, old_block);
    log_oid(pool, record, oidp, oid);
    error = commit_new_object(pool, record, block, error);
    if (error != 0) {
        pool.heap.release(block);
        return result_of(error);
    }
    finish_oid(oidp, oid);
    pool.heap.release(old_block);
    return 0;
}

}  // namespace

#pragma GCC visibility push(default)

int pmemobj_alloc(PMEMobjpool* pop, PMEMoid* oidp, size_t size, uint64_t type_num, pmemobj_constr constructor,
                  void* arg) {
    return allocate(pool_of(pop), oidp, size, type_num, 0, constructor, arg, "pmemobj_alloc");
}

int pmemobj_xalloc(PMEMobjpool* pop, PMEMoid* oidp, size_t size, uint64_t type_num, uint64_t flags,
                   pmemobj_constr constructor, void* arg) {
    if ((flags & ~uint64_t{POBJ_TX_XALLOC_VALID_FLAGS}) != 0) {
        fail(EINVAL, "pmemobj_xalloc: unknown flags 0x%llx", static_cast<unsigned long long>(flags));
        return -1;
    }
    return allocate(pool_of(pop), oidp, size, type_num, flags, constructor, arg, "pmemobj_xalloc");
}

int pmemobj_zalloc(PMEMobjpool* pop, PMEMoid* oidp, size_t size, uint64_t type_num) {
    return allocate(pool_of(pop), oidp, size, type_num, POBJ_FLAG_ZERO, nullptr, nullptr, "pmemobj_zalloc");
}

int pmemobj_realloc(PMEMobjpool* pop, PMEMoid* oidp, size_t size, uint64_t type_num) {
    return reallocate(pop, oidp, size, type_num, false, "pmemobj_realloc");
}

int pmemobj_zrealloc(PMEMobjpool* pop, PMEMoid* oidp, size_t size, uint64_t type_num) {
    return reallocate(pop, oidp, size, type_num, true, "pmemobj_zrealloc");
}

void pmemobj_free(PMEMoid* oidp) {
    if (oidp != nullptr && oidp->off != 0)
        free_object(oidp, "pmemobj_free");
}

#pragma GCC visibility pop
