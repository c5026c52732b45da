// libpmemobj.h: pools and their root object.
// Each function checks its arguments, then calls the engine; see pool.hpp.
// Thread safety: as the public header says.
#include "persist/pool/api/exported.hpp"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "persist/pool/api/ctl.hpp"
#include "persist/pool/api/pool.hpp"
#include "persist/pool/api/pool_set.hpp"
#include "persist/pool/api/support.hpp"
#include "persist/pool/ctl_settings.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/pool.hpp"
#include "persist/pool/populate.hpp"
#include "persist/pool/root_page.hpp"
#include "persist/pool/thread_state.hpp"
#include "src/log.hpp"

using namespace terrace::persist;

namespace {

// The root object is an ordinary block that the root page points to; it is not part of the iteration.
PMEMoid root_object(PMEMobjpool* pop, size_t size, pmemobj_constr constructor, void* argument,
                    const char* function) {
    if (need_thread_state() != 0)
        return OID_NULL;
    if (pop == nullptr) {
        fail(EINVAL, "%s: the pool is NULL", function);
        return OID_NULL;
    }
    Pool& pool = pool_of(pop);
    terrace::LockGuard guard(pool.root_object_lock);
    const RootPage before = read_root_page(pool);
    const uint64_t old_offset = before.root_offset;
    const uint64_t old_bytes = before.root_bytes;
    if (size == 0 && old_offset == 0) {
        fail(EINVAL, "%s: size 0, and the pool has no root object yet", function);
        return OID_NULL;
    }
    if (old_offset != 0 && size <= old_bytes)
        return oid_at(pool, old_offset);

    const Block block = pool.heap.reserve(size, kRootTypeNumber);
    if (block.offset == 0) {
        fail(ENOMEM, "%s: no room in the pool for %zu bytes", function, size);
        return OID_NULL;
    }
    char* object = pool.media.base + block.offset;
    const uint64_t usable = pool.heap.usable_bytes(block);
    memset(object, 0, usable);
    Block old_block;
    const bool has_old = old_offset != 0 && pool.heap.find(old_offset, old_block);
    if (has_old)
        memcpy(object, pool.media.base + old_offset, old_bytes);
    if (constructor != nullptr && run_constructor(pool, block, constructor, argument) != 0) {
        pool.heap.release(block);
        fail(ECANCELED, "%s: the constructor gave up", function);
        return OID_NULL;
    }
    RecordBuilder& record = thread_state().record;
    int error = begin_record_with_content(pool, record, block, usable);
    pool.heap.log_allocation(record, block, kRootTypeNumber);
    if (has_old)
        pool.heap.log_free(record, old_block);
    if (error == 0) {
        terrace::LockGuard page_guard(pool.root_lock);
        RootPage page = read_root_page(pool);  // the allocation may have made the pool grow
        page.root_offset = block.offset;
        page.root_bytes = size;
        log_root_page(pool, record, page);
        error = commit_new_object(pool, record, block, 0);
    }
    if (error != 0) {
        pool.heap.release(block);
        errno = error;
        return OID_NULL;
    }
    if (has_old)
        pool.heap.release(old_block);
    return oid_at(pool, block.offset);
}

// Page faults now instead of later. Pages of the working copy are only read: written ones would be private.
void prefault(const Pool& pool) {
    const auto populate = [&](char* begin, int advice) {
        if (begin == nullptr || madvise(begin, pool.bytes(), advice) == 0)
            return;
        for (uint64_t at = 0; at < pool.bytes(); at += kPageBytes)  // before Linux 5.14
            (void)*const_cast<volatile char*>(begin + at);
    };
    populate(pool.media.base, MADV_POPULATE_READ);
    populate(pool.media.home, pool.access == Access::kReadWrite ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
}

// Applies what the environment says to a pool that was just opened. Where that is wrong the pool is closed
// again, and `new_file` removed. Null with errno and the message set.
PMEMobjpool* configured(Pool* pool, const char* new_file) {
    if (pool == nullptr)
        return nullptr;
    const bool is_prefaulted = new_file != nullptr ? prefault_at_create() : prefault_at_open();
    const int error = configure_pool(*pool);
    if (error == 0) {
        if (is_prefaulted)
            prefault(*pool);
        return pool->handle();
    }
    close_pool(*pool);
    if (new_file != nullptr)
        unlink(new_file);
    errno = error;
    return nullptr;
}

// The part that a poolset file names is made, unless it is there: then it must have the size and hold zeros.
PMEMobjpool* create_pool_of_set(const char* path, const char* layout, mode_t mode) {
    PoolSet set;
    if (read_pool_set(path, set) != 0)
        return nullptr;
    struct stat status;
    if (stat(set.part, &status) != 0)
        return configured(create_pool(set.part, layout, set.bytes, mode), set.part);
    if (static_cast<uint64_t>(status.st_size) != set.bytes) {
        fail(EINVAL, "%s: %s has %lld bytes, not %llu", path, set.part,
             static_cast<long long>(status.st_size), static_cast<unsigned long long>(set.bytes));
        return nullptr;
    }
    return configured(create_pool(set.part, layout, 0, mode), nullptr);
}

}  // namespace

PMEMobjpool* terrace::persist::open_configured(const char* path, const char* layout, Access access) {
    read_environment_once();
    if (!is_pool_set(path))
        return configured(open_pool(path, layout, access), nullptr);
    PoolSet set;
    if (read_pool_set(path, set) != 0)
        return nullptr;
    struct stat status;
    // It may have grown since the poolset file was written.
    if (stat(set.part, &status) == 0 &&
        static_cast<uint64_t>(status.st_size) < set.bytes / kPageBytes * kPageBytes) {
        fail(EINVAL, "%s: %s has %lld bytes, less than %llu", path, set.part,
             static_cast<long long>(status.st_size), static_cast<unsigned long long>(set.bytes));
        return nullptr;
    }
    return configured(open_pool(set.part, layout, access), nullptr);
}

#pragma GCC visibility push(default)

PMEMobjpool* pmemobj_create(const char* path, const char* layout, size_t poolsize, mode_t mode) {
    read_environment_once();
    if (poolsize == 0 && is_pool_set(path))
        return create_pool_of_set(path, layout, mode);
    return configured(create_pool(path, layout, poolsize, mode), poolsize != 0 ? path : nullptr);
}

PMEMobjpool* pmemobj_open(const char* path, const char* layout) {
    return open_configured(path, layout, copy_on_write_at_open() ? Access::kCopyOnWrite : Access::kReadWrite);
}

void pmemobj_close(PMEMobjpool* pop) {
    if (pop == nullptr)
        return;
    // An address that no open pool has any more cannot be looked at.
    Pool* const pool = pool_at(pop);
    if (pool == nullptr || pool->handle() != pop)
        return terrace::log_error("pmemobj_close: %p is no open pool", static_cast<void*>(pop));
    close_pool(*pool);
}

int pmemobj_check(const char* path, const char* layout) {
    if (!is_pool_set(path))
        return check_pool_file(path, layout);
    PoolSet set;
    return read_pool_set(path, set) == 0 ? check_pool_file(set.part, layout) : -1;
}

PMEMoid pmemobj_root(PMEMobjpool* pop, size_t size) {
    return root_object(pop, size, nullptr, nullptr, "pmemobj_root");
}

PMEMoid pmemobj_root_construct(PMEMobjpool* pop, size_t size, pmemobj_constr constructor, void* arg) {
    return root_object(pop, size, constructor, arg, "pmemobj_root_construct");
}

size_t pmemobj_root_size(PMEMobjpool* pop) {
    const Pool& pool = pool_of(pop);
    const auto* words = reinterpret_cast<const RootPage*>(pool.media.metadata + kRootOffset);
    return __atomic_load_n(&words->root_offset, __ATOMIC_RELAXED) == 0
               ? 0
               : __atomic_load_n(&words->root_bytes, __ATOMIC_RELAXED);
}

void pmemobj_set_user_data(PMEMobjpool* pop, void* data) {
    pool_of(pop).user_data = data;
}
void* pmemobj_get_user_data(PMEMobjpool* pop) {
    return pool_of(pop).user_data;
}

#pragma GCC visibility pop
