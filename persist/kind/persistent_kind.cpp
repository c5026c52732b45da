// The persistent kind: a pool of durable objects behind memkind.h. Allocating reserves, publishing makes
// durable; the work is the pool engine's, which lives in libpmemobj and is reached through its table of
// functions (engine.cpp). Thread safety: as the engine's; the kind itself does not change after it is made.
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "include/memkind_persistent.h"
#include "kinds/heap.hpp"
#include "kinds/registry.hpp"
#include "persist/kind/engine.hpp"
#include "persist/pool/engine_interface.hpp"
#include "src/windows.hpp"

namespace terrace::persist {
namespace {

namespace kinds = terrace::kinds;

PMEMobjpool* pool_of(memkind_t kind) {
    return static_cast<PMEMobjpool*>(kind->foreign_state);
}

void* allocate(memkind_t kind, std::size_t size, std::size_t alignment, bool zeroed) {
    void* const block = engine()->reserve(pool_of(kind), size, alignment);
    if (block != nullptr && zeroed)
        memset(block, 0, size);
    return block;
}

void deallocate(memkind_t kind, void* block) {
    engine()->free(pool_of(kind), block);
}

std::size_t usable_size(memkind_t kind, const void* block) {
    return engine()->usable_size(pool_of(kind), block);
}

bool owns(memkind_t kind, const void* pointer) {
    return engine()->contains(pool_of(kind), pointer);
}

bool may_move(memkind_t kind, const void* block) {
    return engine()->is_reserved(pool_of(kind), block);
}

std::size_t capacity(memkind_t kind) {
    return engine()->heap_bytes(pool_of(kind));
}

kinds::ForeignUsage usage(memkind_t kind) {
    const std::size_t size = engine()->size(pool_of(kind));
    const std::size_t limit = engine()->growth_limit(pool_of(kind));
    return {.taken = size, .limit = limit < size ? size : limit};
}

// Resident is what is there whether it is used or not: the pages of blocks, and the engine's own tables and log.
kinds::ForeignStatistics statistics(memkind_t kind) {
    terrace_pool_figures its;
    engine()->figures(pool_of(kind), &its);
    const std::size_t active = its.heap_bytes - its.free_bytes;
    return {.allocated = its.object_bytes,
            .active = active,
            .resident = active + (its.pool_bytes - its.heap_bytes)};
}

void set_limit(memkind_t kind, std::size_t bytes) {
    engine()->set_growth_limit(pool_of(kind), bytes);
}

// Counting makes the heap take back the slabs that have become empty.
void trim(memkind_t kind) {
    terrace_pool_figures its;
    engine()->figures(pool_of(kind), &its);
}

bool find_block(memkind_t kind, const void* address, void** start, std::size_t* size) {
    return engine()->find_around(pool_of(kind), address, start, size);
}

// With the addresses into which the pool may grow.
windows::Window window_of(PMEMobjpool* pool) {
    return {static_cast<char*>(static_cast<void*>(pool)), engine()->room(pool)};
}

void destroy(memkind_t kind) {
    windows::disown(window_of(pool_of(kind)));
    engine()->close(pool_of(kind));
}

constexpr kinds::ForeignHeap kPoolHeap = {
    .allocate = allocate,
    .deallocate = deallocate,
    .usable_size = usable_size,
    .owns = owns,
    .may_move = may_move,
    .destroy = destroy,
    .capacity = capacity,
    .usage = usage,
    .statistics = statistics,
    .set_limit = set_limit,
    .trim = trim,
    .find_block = find_block,
};

bool is_persistent(memkind_t kind) {
    return kind != nullptr && kind->foreign_heap == &kPoolHeap;
}

}  // namespace
}  // namespace terrace::persist

using namespace terrace::persist;

#pragma GCC visibility push(default)
extern "C" {

int memkind_create_persistent(const char* path, const char* layout, size_t size, memkind_t* kind) {
    if (path == nullptr || kind == nullptr) {
        errno = EINVAL;
        return MEMKIND_ERROR_INVALID;
    }
    if (engine() == nullptr)
        return MEMKIND_ERROR_UNAVAILABLE;
    constexpr mode_t kMode = 0666;  // less the umask, as open(2) has it
    PMEMobjpool* const pool = engine()->create_or_open(path, layout, size, kMode);
    if (pool == nullptr)
        return MEMKIND_ERROR_INVALID;
    const int result = terrace::kinds::add_kind({.name = "memkind_persistent",
                                                 .source = nullptr,
                                                 .foreign_heap = &kPoolHeap,
                                                 .foreign_state = pool,
                                                 .shard_count = 1,
                                                 .first_window = 0},
                                                kind);
    if (result != MEMKIND_SUCCESS)
        engine()->close(pool);
    else
        terrace::windows::adopt(window_of(pool), terrace::kinds::owner_number((*kind)->slot));
    return result;
}

PMEMobjpool* memkind_persistent_pool(memkind_t kind) {
    return is_persistent(kind) ? pool_of(kind) : nullptr;
}

int memkind_publish(memkind_t kind, PMEMoid* where, void* ptr) {
    if (!is_persistent(kind) || ptr == nullptr || !owns(kind, ptr) || !may_move(kind, ptr)) {
        errno = EINVAL;
        return MEMKIND_ERROR_INVALID;
    }
    return engine()->publish(pool_of(kind), where, ptr) == 0 ? MEMKIND_SUCCESS
                                                             : MEMKIND_ERROR_OPERATION_FAILED;
}

}  // extern "C"
#pragma GCC visibility pop
