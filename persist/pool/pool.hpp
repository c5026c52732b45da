// A pool that is open: its mappings, its log, its heap. The struct lies in the pages just before the working
// copy, so that a PMEMobjpool* (the base of the working copy) leads to it by one subtraction. commit_record
// is the one door to durability: transactions, atomic operations and direct stores all go through it. Thread
// safety: open and close serialise among themselves; everything else may run in any number of threads.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>

#include "include/libpmemobj/base.h"
#include "persist/pool/heap/heap.hpp"
#include "persist/pool/log/lane_log.hpp"
#include "persist/pool/log/log_home.hpp"
#include "persist/pool/log/page_log.hpp"
#include "persist/pool/pool_settings.hpp"
#include "persist/pool/working_copy/mapping.hpp"
#include "persist/pool/working_copy/working_copy.hpp"
#include "src/mutex.hpp"

namespace terrace::persist {

enum class Access : uint8_t {
    kReadWrite,
    kReadOnly,     // others may read the same file; every change is refused
    kCopyOnWrite,  // changes are seen by this process and forgotten at close
};

struct Pool {
    PoolHome media;
    Mapping mapping;
    Superblock superblock;
    LaneLog lanes;
    PageLog pages;
    Heap heap;
    uint64_t run_id;  // even, different at every open: resets the persistent locks
    uint64_t
        registration;  // different for every pool that this process opens: tells it from one that was here before
    Access access;
    std::atomic<bool> frozen;  // this process is a forked child of the one that opened the pool
    void* user_data;
    PoolSettings settings;
    WorkingCopy working_copy;
    Mutex root_object_lock;               // of the root object; taken before root_lock
    Mutex root_lock;                      // of the root page: root object and regions
    std::atomic<uint32_t> stripes[1024];  // order direct stores to the same cache line, see direct_store.cpp

    PMEMobjpool* handle() const { return reinterpret_cast<PMEMobjpool*>(media.base); }
    uint64_t bytes() const { return media.regions.end(); }
    bool contains(const void* address) const {
        return reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(media.base) < bytes();
    }
    // REQUIRES: contains(address).
    uint64_t offset_of(const void* address) const {
        return static_cast<uint64_t>(static_cast<const char*>(address) - media.base);
    }
    // Whether the range lies where objects may be.
    bool in_objects(uint64_t offset, uint64_t size) const { return media.regions.has_objects(offset, size); }
};

constexpr uint64_t kPoolStructBytes = (sizeof(Pool) + kPageBytes - 1) / kPageBytes * kPageBytes;

inline Pool& pool_of(PMEMobjpool* handle) {
    return *reinterpret_cast<Pool*>(reinterpret_cast<char*>(handle) - kPoolStructBytes);
}

// All return null (false) with errno and the message set.
Pool* create_pool(const char* path, const char* layout, uint64_t bytes, mode_t mode);
Pool* open_pool(const char* path, const char* layout, Access access = Access::kReadWrite);
void close_pool(Pool& pool);
// 1 sound, 0 not, -1 cannot tell.
int check_pool_file(const char* path, const char* layout);

// Grows the pool and its file by at least `bytes`: a region more. 0, or an errno with the message set and nothing
// changed: ENOSPC, ENOMEM beyond the addresses that were set aside or the 64th region, EINVAL for 0. Other threads go on.
[[nodiscard]] int extend_pool(Pool& pool, uint64_t bytes);
// As far as the pool's settings let it: true when there may be room for an object of `bytes` now. `seen_bytes`: the
// pool's size when there was none; if it has grown since, that is enough. REQUIRES: root_lock is not held.
[[nodiscard]] bool grow_by_itself(Pool& pool, uint64_t bytes, uint64_t seen_bytes);

// 0 or an errno with the message set. ENSURES: on 0 the record is durable and its heap metadata can be read. With a
// `ticket` that is 0 it need not be durable yet: the ticket is then not 0, and wait_until_durable tells.
[[nodiscard]] int commit_record(Pool& pool, RecordBuilder& record, uint64_t* ticket = nullptr);
[[nodiscard]] int wait_until_durable(Pool& pool, uint64_t ticket);
bool is_durable(Pool& pool, uint64_t ticket);
// 0, or with the message set EPERM for a forked child, EROFS for a pool that was opened for reading only.
[[nodiscard]] int refuse_changes(const Pool& pool);

// ENSURES: on 0, [offset, offset + bytes) of the working copy is written home and durable, without the log.
// Waits for a checkpoint first, so that no older record can be replayed over it.
[[nodiscard]] int write_home_directly(Pool& pool, uint64_t offset, uint64_t bytes);
[[nodiscard]] int checkpoint(Pool& pool);
// Objects from this size on are cheaper to write home directly than twice.
uint64_t direct_write_threshold(const Pool& pool);

// Which pool an address or an identity belongs to; null for none. No lock.
Pool* pool_at(const void* address);
Pool* pool_with_identity(uint64_t identity_low);

}  // namespace terrace::persist
