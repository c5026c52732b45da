#include "kinds/kind.hpp"

#include <sched.h>
#include <stdio.h>

#include "kinds/registry.hpp"
#include "src/check.hpp"
#include "src/log.hpp"

namespace terrace::kinds {
namespace {

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

bool make_arena(memkind* kind, unsigned* arena) {
    ArenaConfig config = {&kind->hooks, false};
    if (const int error = jemalloc::exchange_value("experimental.arenas_create_ext", arena, config);
        error != 0) {
        log_info("no arena for kind %s: jemalloc answers %d", kind->name, error);
        return false;
    }
    // jemalloc grows an arena by ever larger extents; what is not used of them would hold blocks of the file.
    if (kind->source->prefers_small_growth()) {
        char name[64];
        snprintf(name, sizeof name, "arena.%u.retain_grow_limit", *arena);
        constexpr std::size_t kLargestGrowth = std::size_t{4} << 20;
        if (jemalloc::write_value(name, kLargestGrowth) != 0)
            log_info("kind %s: growth cannot be limited", kind->name);
    }
    return true;
}

}  // namespace

bool arena_for_this_cpu(memkind* kind, unsigned* arena) {
    const int cpu = sched_getcpu();
    const unsigned shard_count = kind->shard_count != 0 ? kind->shard_count : default_shard_count();
    ArenaSlot* const slot = &kind->arenas[(cpu < 0 ? 0U : static_cast<unsigned>(cpu)) % shard_count];
    ArenaSlot made = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    if (made == 0) {
        // Not under growth_lock: making an arena may call the hooks.
        unsigned fresh = 0;
        if (!make_arena(kind, &fresh)) {
            // Any arena of this kind is better than none.
            for (const ArenaSlot& other : kind->arenas)
                if ((made = __atomic_load_n(&other, __ATOMIC_ACQUIRE)) != 0)
                    break;
            *arena = made - 1;
            return made != 0;
        }
        ArenaSlot expected = 0;
        made = fresh + 1;
        if (!__atomic_compare_exchange_n(slot, &expected, made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            char name[32];
            snprintf(name, sizeof name, "arena.%u.destroy", fresh);
            [[maybe_unused]] const int error =
                jemalloc::terrace_je_mallctl(name, nullptr, nullptr, nullptr, 0);
            made = expected;
        }
    }
    *arena = made - 1;
    return true;
}

void give_free_extents_back(memkind* kind) {
    for (const ArenaSlot& slot : kind->arenas)
        if (const ArenaSlot arena = __atomic_load_n(&slot, __ATOMIC_ACQUIRE); arena != 0)
            if (const int error = arena_command(arena - 1, "purge"); error != 0)
                log_info("kind %s: arena %u cannot be purged: jemalloc answers %d", kind->name, arena - 1,
                         error);
}

void tear_down(memkind* kind) {
    REQUIRES(is_valid(kind));
    kind->dying = true;
    for (ArenaSlot& arena : kind->arenas) {
        if (arena == 0)
            continue;
        if (const int error = arena_command(arena - 1, "destroy"); error != 0)
            log_error("kind %s: arena %u cannot be destroyed: jemalloc answers %d", kind->name, arena - 1,
                      error);
        arena = 0;
    }
    for (unsigned i = 0; i < kind->window_count; ++i)
        windows::release(kind->windows[i]);
    kind->window_count = 0;
    kind->carved = 0;
}

bool is_valid(const memkind* kind) {
    if (kind->window_count > kMostWindows || kind->shard_count > kMostShards)
        return false;
    for (unsigned i = 0; i < kind->window_count; ++i)
        if (windows::owner_of(kind->windows[i].base) != owner_number(kind->slot))
            return false;
    return kind->window_count == 0 ? kind->carved == 0
                                   : kind->carved <= kind->windows[kind->window_count - 1].size;
}

}  // namespace terrace::kinds
