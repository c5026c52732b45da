// What several files of the public interface share.
// Nothing here is exported.
// Thread safety: each function works for the calling thread.
#pragma once

#include <cstdint>

#include "include/libpmemobj/base.h"
#include "persist/pool/pool.hpp"

namespace terrace::persist {

constexpr uint64_t kRootTypeNumber = 0;

inline PMEMoid oid_at(const Pool& pool, uint64_t offset) {
    return {pool.superblock.identity_low, offset};
}

// Runs a constructor; what it persists inside the block is left to the allocation's own record.
int run_constructor(Pool& pool, const Block& block, pmemobj_constr constructor, void* argument);

// Starts a record that makes the first `bytes` of a new block durable; large contents are written home
// instead. 0 or an errno with the message set.
[[nodiscard]] int begin_record_with_content(Pool& pool, RecordBuilder& record, const Block& block,
                                            uint64_t bytes);

// Ends what begin_record_with_content began: commits, and from then on the block is an object. With an `error` from it, or of
// the commit, the block stays reserved. 0 or an errno with the message set.
[[nodiscard]] int commit_new_object(Pool& pool, RecordBuilder& record, const Block& block, int error);

// A new value for a PMEMoid of the caller: in the pool it becomes part of the record, elsewhere it is stored
// by finish_oid once the record is durable. `target` may be null.
void log_oid(Pool& pool, RecordBuilder& record, PMEMoid* target, PMEMoid value);
void finish_oid(PMEMoid* target, PMEMoid value);

// The block an OID names, and its pool; false (with errno EINVAL and a message) when there is none.
bool find_object(PMEMoid oid, Pool*& pool, Block& block);

}  // namespace terrace::persist
