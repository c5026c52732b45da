// Locks that live in a pool (PMEMmutex, PMEMrwlock), as far as transactions take them.
// A lock's bytes may come from an earlier run of the program; a number in it tells for which opening it is
// valid. Thread safety: any number of threads on the same lock.
#pragma once

#include "include/libpmemobj/tx_base.h"
#include "persist/pool/pool.hpp"

namespace terrace::persist {

// 0 or the errno of the pthread function. REQUIRES: type is TX_PARAM_MUTEX or TX_PARAM_RWLOCK (taken for writing).
[[nodiscard]] int lock_persistent(const Pool& pool, pobj_tx_param type, void* lock);
void unlock_persistent(const Pool& pool, pobj_tx_param type, void* lock);

}  // namespace terrace::persist
