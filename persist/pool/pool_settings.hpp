// What a program may set for one open pool, by name (api/ctl.cpp). DRAM only: a pool that is opened again
// has the defaults. What holds for the whole process is in ctl_settings.hpp.
// Thread safety: single values are atomic; classes are added under `lock` and never change or go.
#pragma once

#include <atomic>
#include <cstdint>

#include "include/libpmemobj/ctl.h"
#include "persist/pool/grow_buffer.hpp"
#include "src/mutex.hpp"

namespace terrace::persist {

// A class of allocations that the program made: objects are whole units.
struct AllocationClass {
    std::atomic<uint64_t> unit_bytes;  // 0: there is no such class. Written last
    uint64_t alignment;                // a power of two; 0: any
    uint32_t units_per_block;
    pobj_header_type header;
};

// A piece of the pool that a running transaction was lent for its log.
struct UserBuffer {
    const void* owner;  // the transaction
    uintptr_t begin;
    uintptr_t end;
};

struct PoolSettings {
    static constexpr uint32_t kClassCount = 255;  // ids 0 … 254
    static constexpr int kNoPattern = -1;

    Mutex lock;
    AllocationClass classes[kClassCount];

    std::atomic<int> allocation_pattern{kNoPattern};  // 0 … 255: the byte that new objects are filled with
    std::atomic<int> statistics{POBJ_STATS_ENABLED_TRANSIENT};
    std::atomic<uint64_t> growth_bytes{128ull << 20};  // at a time; 0: never
    std::atomic<uint64_t> growth_limit{0};             // the size up to which the pool grows by itself
    std::atomic<int> verify_user_buffers{0};
    GrowArray<UserBuffer> user_buffers;  // guarded by `lock`; holds no memory while it is empty
    // Kept so that a program reads what it wrote. The engine keeps old bytes in DRAM, where they need no such size.
    std::atomic<int> skip_expensive_checks{0};
    std::atomic<long long> snapshot_cache_bytes{32768};
};

}  // namespace terrace::persist
