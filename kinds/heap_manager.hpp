// MEMKIND_HEAP_MANAGER: with memkind it chooses between jemalloc and TBB's allocator; here there is one heap.
#pragma once

namespace terrace::kinds {

// Says in the log, once, when the variable asks for a heap that is not here. Costs a load after the first
// call. Keeps errno.
void check_heap_manager_variable();

}  // namespace terrace::kinds
