// Stores to a pool that a program makes durable with libpmem's functions instead of libpmemobj's. libpmem, if it is in this
// process, is told when the first pool opens and when the last one closes; see flush/pool_stores.hpp.
// Thread safety: any thread. REQUIRES: registry_lock() is not held, for the dynamic linker's own lock is taken here.
#pragma once

namespace terrace::persist {

void tell_libpmem_of_pools();

// Tells at the end of a scope: declare it before the guard of registry_lock().
struct TellLibpmemAtTheEnd {
    TellLibpmemAtTheEnd() = default;
    ~TellLibpmemAtTheEnd() { tell_libpmem_of_pools(); }
    TellLibpmemAtTheEnd(const TellLibpmemAtTheEnd&) = delete;
    TellLibpmemAtTheEnd& operator=(const TellLibpmemAtTheEnd&) = delete;
};

}  // namespace terrace::persist
