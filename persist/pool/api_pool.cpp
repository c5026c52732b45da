// libpmemobj.h: pools and their root object.
// Each function checks its arguments, then calls the engine; see pool.hpp.
// Thread safety: as the public header says.
#include "persist/pool/exported.hpp"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "persist/pool/api_pool.hpp"
#include "persist/pool/api_support.hpp"
#include "persist/pool/ctl.hpp"
#include "persist/pool/ctl_settings.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/pool.hpp"
#include "persist/pool/root_page.hpp"
#include "persist/pool/thread_state.hpp"

using namespace terrace::persist;

namespace {

// The root object is an ordinary block that the root page points to; it is not part of the iteration.
PMEMoid root_object(Pool& pool, size_t size) {
    terrace::LockGuard guard(pool.root_object_lock);
    const RootPage before = read_root_page(pool);
    const uint64_t old_offset = before.root_offset;
    const uint64_t old_bytes = before.root_bytes;
    if (size == 0 && old_offset == 0) {
        fail(EINVAL, "pmemobj_root: size 0, and the pool has no root object yet");
        return OID_NULL;
    }
    if (old_offset != 0 && size <= old_bytes)
        return oid_at(pool, old_offset);

    const Block block = pool.heap.reserve(size, kRootTypeNumber);
    if (block.offset == 0) {
        fail(ENOMEM, "pmemobj_root: no room in the pool for %zu bytes", size);
        return OID_NULL;
    }
    char* object = pool.media.base + block.offset;
    const uint64_t usable = pool.heap.usable_bytes(block);
    memset(object, 0, usable);
    Block old_block;
    const bool has_old = old_offset != 0 && pool.heap.find(old_offset, old_block);
    if (has_old)
        memcpy(object, pool.media.base + old_offset, old_bytes);
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
        error = commit_record(pool, record);
    }
    if (error != 0) {
        pool.heap.release(block);
        errno = error;
        return OID_NULL;
    }
    pool.heap.confirm(block);
    if (has_old)
        pool.heap.release(old_block);
    return oid_at(pool, block.offset);
}

// Applies what the environment says to a pool that was just opened. Where that is wrong the pool is closed
// again, and `new_file` removed. Null with errno and the message set.
PMEMobjpool* configured(Pool* pool, const char* new_file) {
    if (pool == nullptr)
        return nullptr;
    const int error = configure_pool(*pool);
    if (error == 0)
        return pool->handle();
    close_pool(*pool);
    if (new_file != nullptr)
        unlink(new_file);
    errno = error;
    return nullptr;
}

}  // namespace

PMEMobjpool* terrace::persist::open_configured(const char* path, const char* layout, Access access) {
    read_environment_once();
    return configured(open_pool(path, layout, access), nullptr);
}

#pragma GCC visibility push(default)

PMEMobjpool* pmemobj_create(const char* path, const char* layout, size_t poolsize, mode_t mode) {
    read_environment_once();
    return configured(create_pool(path, layout, poolsize, mode), poolsize != 0 ? path : nullptr);
}

PMEMobjpool* pmemobj_open(const char* path, const char* layout) {
    return open_configured(path, layout, copy_on_write_at_open() ? Access::kCopyOnWrite : Access::kReadWrite);
}

void pmemobj_close(PMEMobjpool* pop) {
    if (pop != nullptr)
        close_pool(pool_of(pop));
}

int pmemobj_check(const char* path, const char* layout) {
    return check_pool_file(path, layout);
}

PMEMoid pmemobj_root(PMEMobjpool* pop, size_t size) {
    return root_object(pool_of(pop), size);
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
