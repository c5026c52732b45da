#include "kinds/kind.hpp"

#include <stdio.h>

#include "kinds/heap_manager.hpp"
#include "kinds/registry.hpp"
#include "kinds/thread_caches.hpp"
#include "src/check.hpp"
#include "src/log.hpp"

namespace terrace::kinds {
namespace {

// jemalloc has 4,094 arenas. When most are taken, kinds make do with one each.
constexpr unsigned kManyArenas = 1024;
unsigned arena_count = 0;  // (atomic)

// jemalloc's experimental.arenas_create_ext: keeps an arena's metadata out of the kind's own memory, so that
// all of a file or a small node is for the program, and damage to it cannot damage the heap's structure.
struct ArenaConfig {
    jemalloc::ExtentHooks* extent_hooks;
    bool metadata_use_hooks;
};

int arena_command(unsigned arena, const char* command) {
    char name[48];
    snprintf(name, sizeof name, "arena.%u.%s", arena, command);
    return jemalloc::terrace_je_mallctl(name, nullptr, nullptr, nullptr, 0);
}

template <typename Value>
void set_arena(const memkind* kind, unsigned arena, const char* what, Value value) {
    char name[64];
    snprintf(name, sizeof name, "arena.%u.%s", arena, what);
    if (const int error = jemalloc::write_value(name, value); error != 0)
        log_info("kind %s: jemalloc refuses %s: %d", kind->name, name, error);
}

}  // namespace

bool make_arena(memkind* kind, jemalloc::ExtentHooks* hooks, unsigned* arena) {
    ArenaConfig config = {hooks, false};
    if (const int error = jemalloc::exchange_value("experimental.arenas_create_ext", arena, config);
        error != 0) {
        log_info("no arena for kind %s: jemalloc answers %d", kind->name, error);
        return false;
    }
    __atomic_fetch_add(&arena_count, 1, __ATOMIC_RELAXED);
    // jemalloc grows an arena by ever larger extents; what is not used of them would hold blocks of a file, or count
    // against a limit, and no trimming reaches it.
    constexpr std::size_t kLargestGrowth = std::size_t{1} << 20;
    set_arena(kind, *arena, "retain_grow_limit", kLargestGrowth);
    if (kind->gives_back_at_once)
        set_arena(kind, *arena, "dirty_decay_ms", ssize_t{0});
    return true;
}

void purge_arena(const memkind* kind, unsigned arena) {
    if (const int error = arena_command(arena, "purge"); error != 0)
        log_info("kind %s: arena %u cannot be purged: jemalloc answers %d", kind->name, arena, error);
}

Mutex& arenas_lock() {
    static constinit Mutex lock;
    return lock;
}

void destroy_arena(const memkind* kind, unsigned arena) {
    LockGuard guard(arenas_lock());
    if (const int error = arena_command(arena, "destroy"); error != 0)
        log_error("kind %s: arena %u cannot be destroyed: jemalloc answers %d", kind->name, arena, error);
    else
        __atomic_fetch_sub(&arena_count, 1, __ATOMIC_RELAXED);
}

Shard* shard_for_this_thread(memkind* kind) {
    unsigned count = kind->shard_count != 0 ? kind->shard_count : default_shard_count();
    if (count > 1 && __atomic_load_n(&arena_count, __ATOMIC_RELAXED) >= kManyArenas)
        count = 1;
    Shard** const slot = &kind->shards[number_of_this_thread() % count];
    if (Shard* const made = __atomic_load_n(slot, __ATOMIC_ACQUIRE); made != nullptr)
        return made;
    check_heap_manager_variable();
    // Not under growth_lock: making an arena may call the hooks.
    Shard* const fresh = make_shard(kind);
    if (fresh == nullptr) {
        // Any shard of this kind is better than none.
        Shard* any = nullptr;
        for_each_shard(kind, [&](Shard* shard) { any = shard; });
        return any;
    }
    thread_caches_lock().lock();  // a fork, which holds it, must unlock the shards that it has locked
    Shard* const other = *slot;
    if (other == nullptr)
        __atomic_store_n(slot, fresh, __ATOMIC_RELEASE);
    thread_caches_lock().unlock();
    if (other == nullptr)
        return fresh;
    destroy_shard(fresh);
    return other;
}

void tear_down(memkind* kind) {
    REQUIRES(is_valid(kind) && kind->caches == nullptr);
    kind->dying = true;
    for (Shard*& shard : kind->shards) {
        if (shard != nullptr)
            destroy_shard(shard);
        shard = nullptr;
    }
    if (kind->fixed.base != nullptr)
        page_map::clear(kind->fixed.base, kind->fixed.size);
    else
        for (unsigned i = 0; i < kind->window_count; ++i)
            windows::release(kind->windows[i]);
    kind->window_count = 0;
    kind->carved = 0;
}

bool is_valid(const memkind* kind) {
    if (kind->window_count > kMostWindows || kind->shard_count > kMostShards || kind->taken > kind->peak)
        return false;
    for (unsigned i = 0; i < kind->window_count; ++i)
        if (owner_at(kind->windows[i].base, kind) != owner_number(kind->slot))
            return false;
    return kind->window_count == 0 ? kind->carved == 0
                                   : kind->carved <= kind->windows[kind->window_count - 1].size;
}

}  // namespace terrace::kinds
