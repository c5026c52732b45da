// The root page: the words that belong to a pool as a whole, with one check over all of them. It is changed through the
// log, a new check with each change. REQUIRES, in all of these: the pool's root_lock is held, but for reading at open.
#pragma once

#include "persist/pool/pool.hpp"

namespace terrace::persist {

RootPage read_root_page(const Pool& pool);
// Has the record make the pool's root page `changed`, whose check need not be right.
void log_root_page(const Pool& pool, RecordBuilder& record, RootPage& changed);

// A page as a new pool has it.
RootPage first_root_page(const Superblock& superblock);

}  // namespace terrace::persist
