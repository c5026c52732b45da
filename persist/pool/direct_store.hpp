// Stores that become durable outside a transaction: pmemobj_persist, pmemobj_flush + pmemobj_drain,
// pmemobj_memcpy_persist. They go through the log as well: an older record could otherwise be replayed over
// them. Thread safety: any number of threads, on the same bytes too.
#pragma once

#include <cstdint>

#include "persist/pool/pool.hpp"

namespace terrace::persist {

// Makes [offset, offset + bytes) of the working copy durable, as it is now. What the thread's running
// transaction covers is left to its commit. 0 or an errno with the message set.
int persist_range(Pool& pool, uint64_t offset, uint64_t bytes);

// Notes the range for the thread's next drain, or whatever record it commits earlier.
int flush_range(Pool& pool, uint64_t offset, uint64_t bytes);
int drain(Pool& pool);
// The same for whichever pool the thread has noted ranges of; one that was closed meanwhile is left out.
int drain_pending();

bool has_pending_flushes(const Pool& pool);
void add_pending_flushes(const Pool& pool, RecordBuilder& record);
void forget_pending_flushes(const Pool& pool);

}  // namespace terrace::persist
