// See engine_interface.hpp. Everything is the heap and the log, as for the atomic functions of libpmemobj.h.
// A forked child gets errors for whatever would change the pool.
// Thread safety: see the header.
#include "persist/pool/engine_interface.hpp"

#include <errno.h>
#include <unistd.h>

#include "persist/pool/api/support.hpp"
#include "persist/pool/direct_store.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/thread_state.hpp"
#include "src/log.hpp"

namespace terrace::persist {
namespace {

bool find_block(Pool& pool, const void* address, Block& block) {
    return pool.contains(address) && pool.heap.find(pool.offset_of(address), block);
}

PMEMobjpool* create_or_open(const char* path, const char* layout, size_t size, mode_t mode) {
    Pool* pool = nullptr;
    if (size != 0 && access(path, F_OK) != 0) {
        pool = create_pool(path, layout, size, mode);
        if (pool == nullptr && errno != EEXIST)
            return nullptr;
    }
    if (pool == nullptr)  // it was there, or somebody has just made it
        pool = open_pool(path, layout);
    return pool == nullptr ? nullptr : pool->handle();
}

void close(PMEMobjpool* handle) {
    close_pool(pool_of(handle));
}
size_t size(PMEMobjpool* handle) {
    return pool_of(handle).bytes();
}
size_t room(PMEMobjpool* handle) {
    return pool_of(handle).mapping.most_bytes();
}
size_t heap_bytes(PMEMobjpool* handle) {
    const Regions& regions = pool_of(handle).media.regions;
    uint64_t pages = 0;
    for (uint32_t i = 0; i < regions.count(); ++i)
        pages += regions[i].page_count;
    return pages * kPageBytes;
}
bool contains(PMEMobjpool* handle, const void* address) {
    return pool_of(handle).contains(address);
}

void* reserve(PMEMobjpool* handle, size_t bytes, size_t alignment) {
    Pool& pool = pool_of(handle);
    if (refuse_changes(pool) != 0)
        return nullptr;
    const Block block = pool.heap.reserve(bytes, 0, alignment == 0 ? 1 : alignment);
    if (block.offset == 0) {
        fail(ENOMEM, "no room in the pool for %zu bytes", bytes);
        return nullptr;
    }
    return pool.media.base + block.offset;
}

bool is_reserved(PMEMobjpool* handle, const void* address) {
    Pool& pool = pool_of(handle);
    Block block;
    return find_block(pool, address, block) && pool.heap.is_used(block) && !pool.heap.is_allocated(block);
}

int publish(PMEMobjpool* handle, PMEMoid* where, void* address) {
    if (need_thread_state() != 0)
        return ENOMEM;
    Pool& pool = pool_of(handle);
    Block block;
    if (!find_block(pool, address, block) || pool.heap.is_allocated(block))
        return fail(EINVAL, "%p is not a reserved block of the pool", address);
    RecordBuilder& record = thread_state().record;
    const PMEMoid oid = oid_at(pool, block.offset);
    const int error = begin_record_with_content(pool, record, block, pool.heap.usable_bytes(block));
    pool.heap.log_allocation(record, block, 0);
    log_oid(pool, record, where, oid);
    if (const int failure = commit_new_object(pool, record, block, error))
        return failure;
    finish_oid(where, oid);
    return 0;
}

void free_block(PMEMobjpool* handle, void* address) {
    Pool& pool = pool_of(handle);
    Block block;
    if (!find_block(pool, address, block) || !pool.heap.is_used(block)) {
        log_error("free of %p, where no block of the pool begins", address);
        return;
    }
    if (pool.heap.is_allocated(block)) {
        if (need_thread_state() != 0)
            return log_error("free of %p: out of memory", address);
        RecordBuilder& record = thread_state().record;
        record.reset();
        pool.heap.log_free(record, block);
        if (commit_record(pool, record) != 0) {
            log_error("free of %p: %s", address, last_error_message());
            return;
        }
    }
    pool.heap.release(block);
}

size_t usable_size(PMEMobjpool* handle, const void* address) {
    Pool& pool = pool_of(handle);
    Block block;
    return find_block(pool, address, block) ? pool.heap.usable_bytes(block) : 0;
}

bool find_around(PMEMobjpool* handle, const void* address, void** start, size_t* size) {
    Pool& pool = pool_of(handle);
    Block block;
    if (!pool.contains(address) || !pool.heap.find_around(pool.offset_of(address), block))
        return false;
    *start = pool.media.base + block.offset;
    *size = pool.heap.usable_bytes(block);
    return true;
}

void figures(PMEMobjpool* handle, terrace_pool_figures* figures) {
    Pool& pool = pool_of(handle);
    const HeapUsage usage = pool.heap.usage();
    *figures = {pool.bytes(), usage.heap_bytes, usage.free_bytes, usage.object_bytes};
}

size_t growth_limit(PMEMobjpool* handle) {
    return pool_of(handle).settings.growth_limit.load(std::memory_order_relaxed);
}
void set_growth_limit(PMEMobjpool* handle, size_t bytes) {
    pool_of(handle).settings.growth_limit.store(bytes, std::memory_order_relaxed);
}

constexpr terrace_pool_engine kTable = {
    .version = TERRACE_POOL_ENGINE_VERSION,
    .create_or_open = create_or_open,
    .close = close,
    .size = size,
    .room = room,
    .heap_bytes = heap_bytes,
    .contains = contains,
    .reserve = reserve,
    .is_reserved = is_reserved,
    .publish = publish,
    .free = free_block,
    .usable_size = usable_size,
    .find_around = find_around,
    .figures = figures,
    .growth_limit = growth_limit,
    .set_growth_limit = set_growth_limit,
};

}  // namespace
}  // namespace terrace::persist

const struct terrace_pool_engine* terrace_pool_engine_table(void) {
    return &terrace::persist::kTable;
}
