// See ctl.hpp. Entries of the heap: classes of allocations, arenas, growth, statistics.
// Errors have PMDK's errno where PMDK sets one, and one that fits where it sets none.
// Thread safety: see the header.
#include <errno.h>

#include "include/libpmemobj/pool_base.h"
#include "persist/pool/api/ctl.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/heap/allocation_class.hpp"

namespace terrace::persist {
namespace {

template <class T>
T& place(void* argument) {
    return *static_cast<T*>(argument);
}

int check_arena(const CtlCall& call, int64_t id) {
    const uint32_t count = call.pool->heap.arena_count();
    if (id >= 1 && id <= count)
        return 0;
    return fail(ERANGE, "there is no arena %lld; arenas are numbered from 1 to %u",
                static_cast<long long>(id), count);
}

int check_class_id(int64_t id) {
    if (id >= 0 && id < PoolSettings::kClassCount)
        return 0;
    return fail(ERANGE, "there is no allocation class %lld; ids are 0 to %u", static_cast<long long>(id),
                PoolSettings::kClassCount - 1);
}

}  // namespace

// ---- classes ----

int get_class(const CtlCall& call, void* argument) {
    if (int error = check_class_id(call.index))
        return error;
    const auto id = static_cast<uint32_t>(call.index);
    if (!describe_class(*call.pool, id, place<pobj_alloc_class_desc>(argument)))
        return fail(ENOENT, "there is no allocation class %u yet", id);
    return 0;
}

int set_class(const CtlCall& call, void* argument) {
    if (int error = check_class_id(call.index))
        return error;
    return make_class(*call.pool, static_cast<uint32_t>(call.index), place<pobj_alloc_class_desc>(argument));
}

int set_new_class(const CtlCall& call, void* argument) {
    return make_class(*call.pool, kAnyClassId, place<pobj_alloc_class_desc>(argument));
}

// ---- arenas ----

int get_arena_size(const CtlCall& call, void* argument) {
    if (int error = check_arena(call, call.index))
        return error;
    place<uint64_t>(argument) = call.pool->heap.arena_bytes(static_cast<uint32_t>(call.index));
    return 0;
}

int get_arena_automatic(const CtlCall& call, void* argument) {
    if (int error = check_arena(call, call.index))
        return error;
    place<int>(argument) = call.pool->heap.is_automatic(static_cast<uint32_t>(call.index)) ? 1 : 0;
    return 0;
}

int set_arena_automatic(const CtlCall& call, void* argument) {
    if (int error = check_arena(call, call.index))
        return error;
    if (!call.pool->heap.set_automatic(static_cast<uint32_t>(call.index), place<int>(argument) != 0))
        return fail(EINVAL, "arena %lld is the only automatic one, and there must be one",
                    static_cast<long long>(call.index));
    return 0;
}

int create_arena(const CtlCall& call, void* argument) {
    Heap& heap = call.pool->heap;
    const uint32_t id = heap.create_arena();
    if (id == 0)
        return fail(ENOMEM, "heap.arena.create: %u arenas of at most %u (heap.narenas.max), or out of memory",
                    heap.arena_count(), heap.most_arenas());
    place<unsigned>(argument) = id;
    return 0;
}

int get_thread_arena(const CtlCall& call, void* argument) {
    place<unsigned>(argument) = call.pool->heap.arena_id_of_thread();
    return 0;
}

int set_thread_arena(const CtlCall& call, void* argument) {
    const unsigned id = place<unsigned>(argument);
    if (int error = check_arena(call, id))
        return error;
    if (!call.pool->heap.pin_thread(id))
        return fail(ENOMEM, "heap.thread.arena_id: out of memory");
    return 0;
}

int get_automatic_arenas(const CtlCall& call, void* argument) {
    place<unsigned>(argument) = call.pool->heap.automatic_arena_count();
    return 0;
}

int get_arenas(const CtlCall& call, void* argument) {
    place<unsigned>(argument) = call.pool->heap.arena_count();
    return 0;
}

int get_most_arenas(const CtlCall& call, void* argument) {
    place<unsigned>(argument) = call.pool->heap.most_arenas();
    return 0;
}

int set_most_arenas(const CtlCall& call, void* argument) {
    const unsigned count = place<unsigned>(argument);
    if (!call.pool->heap.set_most_arenas(count))
        return fail(EINVAL, "heap.narenas.max: %u is less than the %u arenas that exist, or more than %u",
                    count, call.pool->heap.arena_count(), Heap::kMostArenas);
    return 0;
}

// ---- growth ----

int get_growth(const CtlCall& call, void* argument) {
    place<uint64_t>(argument) = call.pool->settings.growth_bytes.load(std::memory_order_relaxed);
    return 0;
}

int set_growth(const CtlCall& call, void* argument) {
    const uint64_t bytes = place<uint64_t>(argument);
    if (bytes != 0 && bytes < PMEMOBJ_MIN_PART)
        return fail(EINVAL, "heap.size.granularity: %llu is neither 0 nor at least %zu",
                    static_cast<unsigned long long>(bytes), PMEMOBJ_MIN_PART);
    call.pool->settings.growth_bytes.store(bytes, std::memory_order_relaxed);
    return 0;
}

int extend_heap(const CtlCall& call, void* argument) {
    const uint64_t bytes = place<uint64_t>(argument);
    if (bytes < PMEMOBJ_MIN_PART)
        return fail(EINVAL, "heap.size.extend: %llu is less than %zu", static_cast<unsigned long long>(bytes),
                    PMEMOBJ_MIN_PART);
    return extend_pool(*call.pool, bytes);
}

// ---- statistics ----

int get_allocated_bytes(const CtlCall& call, void* argument) {
    place<uint64_t>(argument) = call.pool->heap.usage().object_bytes;
    return 0;
}

int get_small_allocated_bytes(const CtlCall& call, void* argument) {
    place<uint64_t>(argument) = call.pool->heap.usage().slab_object_bytes;
    return 0;
}

int get_small_active_bytes(const CtlCall& call, void* argument) {
    place<uint64_t>(argument) = call.pool->heap.usage().slab_bytes;
    return 0;
}

}  // namespace terrace::persist
