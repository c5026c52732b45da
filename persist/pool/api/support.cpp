// See support.hpp.
// The value of an OID inside the pool is stored in the working copy before its record is committed: the
// record is built from the value, not from the copy, and nobody else may look at an OID that is being
// changed. Thread safety: see the header.
#include "persist/pool/api/support.hpp"

#include <errno.h>

#include "persist/pool/direct_store.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/thread_state.hpp"
#include "persist/pool/zeros.hpp"

namespace terrace::persist {

int run_constructor(Pool& pool, const Block& block, pmemobj_constr constructor, void* argument) {
    ThreadState& state = thread_state();
    const Pool* outer_pool = state.constructing_pool;
    const uint64_t outer_offset = state.constructing_offset;
    const uint64_t outer_bytes = state.constructing_bytes;
    state.constructing_pool = &pool;
    state.constructing_offset = block.offset;
    state.constructing_bytes = pool.heap.usable_bytes(block);
    const int result = constructor(pool.handle(), pool.media.base + block.offset, argument);
    state.constructing_pool = outer_pool;
    state.constructing_offset = outer_offset;
    state.constructing_bytes = outer_bytes;
    return result;
}

int begin_record_with_content(Pool& pool, RecordBuilder& record, const Block& block, uint64_t bytes) {
    const char* content = pool.media.base + block.offset;
    const bool is_nothing = bytes >= kZerosWorthAnEntry && is_zero(content, bytes);
    const bool is_direct = !is_nothing && bytes >= direct_write_threshold(pool);
    int error = 0;
    if (is_direct)
        error = write_home_directly(pool, block.offset, bytes);
    record.reset(error == 0 ? pool.media.pins : nullptr);
    if (is_nothing)
        record.add_zero(block.offset, bytes);
    else if (!is_direct && bytes != 0)
        record.add_data(block.offset, content, bytes);
    add_pending_flushes(pool, record);
    return error;
}

int commit_new_object(Pool& pool, RecordBuilder& record, const Block& block, int error) {
    if (error == 0)
        error = commit_record(pool, record);
    if (error != 0)
        return error;
    forget_pending_flushes(pool);
    pool.heap.confirm(block);
    return 0;
}

void log_oid(Pool& pool, RecordBuilder& record, PMEMoid* target, PMEMoid value) {
    if (target == nullptr || !pool.contains(target))
        return;
    record.add_data(pool.offset_of(target), &value, sizeof value);
    record.keep_pins();
}

void finish_oid(PMEMoid* target, PMEMoid value) {
    if (target != nullptr)
        *target = value;
    thread_state().record.unpin();
}

bool find_object(PMEMoid oid, Pool*& pool, Block& block) {
    pool = pool_with_identity(oid.pool_uuid_lo);
    if (pool == nullptr) {
        fail(EINVAL, "no open pool has the identity 0x%llx",
             static_cast<unsigned long long>(oid.pool_uuid_lo));
        return false;
    }
    if (!pool->heap.find(oid.off, block)) {
        fail(EINVAL, "no object begins at offset %llu", static_cast<unsigned long long>(oid.off));
        return false;
    }
    return true;
}

}  // namespace terrace::persist
