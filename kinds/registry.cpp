#include "kinds/registry.hpp"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <new>

#include "kinds/places.hpp"
#include "kinds/static_kinds.hpp"
#include "kinds/thread_caches.hpp"
#include "src/check.hpp"
#include "src/jemalloc/thread_end.hpp"
#include "src/log.hpp"
#include "src/own_memory.hpp"

namespace terrace::kinds {
namespace {

constexpr Slots with_static_kinds() {
    Slots filled{};
    for (unsigned slot = 0; slot < kStaticKindCount; ++slot)
        filled.kinds[slot] = filled.shown[slot + 1] = &static_kinds[slot];
    return filled;
}

constinit Mutex registry_lock;
constinit Mutex fixed_lock;                    // comes before registry_lock
memkind* kinds_over_buffers = nullptr;         // (fixed_lock)
std::uint32_t last_serial = kStaticKindCount;  // (registry_lock)
unsigned lowest_free_slot = kStaticKindCount;  // none below it is free (registry_lock)
unsigned cpu_count = 0;

}  // namespace

__attribute__((visibility("hidden"))) constinit Slots slots = with_static_kinds();

namespace {

// Fork: our locks come in two ranks, with jemalloc's in between. The registry, the thread caches and the
// shards call jemalloc, or take locks of each other, with their locks held; jemalloc calls the extent hooks,
// which take the growth locks, with its own held. Prepare handlers run in reverse order of registration, so
// the inner ones are registered before jemalloc's, the outer ones after.

void lock_outer() {
    preparing_lock().lock();
    fixed_lock.lock();
    registry_lock.lock();
    thread_caches_lock().lock();
    for_each_kind([](memkind* kind) { for_each_shard(kind, [](Shard* shard) { shard->lock.lock(); }); });
    arenas_lock().lock();
}

void unlock_outer() {
    arenas_lock().unlock();
    for_each_kind([](memkind* kind) { for_each_shard(kind, [](Shard* shard) { shard->lock.unlock(); }); });
    thread_caches_lock().unlock();
    registry_lock.unlock();
    fixed_lock.unlock();
    preparing_lock().unlock();
}

// The child's one thread is the one that took the locks, so it may let go of them.
void unlock_outer_in_child() {
    forget_caches_of_other_threads();
    unlock_outer();
}

void lock_inner() {
    for_each_kind([](memkind* kind) { kind->growth_lock.lock(); });
    for_each_kind([](memkind* kind) {
        if (kind->source != nullptr)
            kind->source->before_fork();
    });
}

void unlock_inner() {
    for_each_kind([](memkind* kind) { kind->growth_lock.unlock(); });
}

unsigned count_cpus() {
    cpu_set_t cpus;
    const int count = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    return count < 1                                    ? 1
           : static_cast<unsigned>(count) > kMostShards ? kMostShards
                                                        : static_cast<unsigned>(count);
}

// jemalloc's own constructor has no priority, so this runs before it and registers first.
__attribute__((constructor(101))) void initialise_at_load() {
    initialise();
}

// A destroyed kind's structure stays, as a kind without memory, until its slot has a new kind: who still has
// the old pointer gets errors and no crash. No block and no cache is ever under the dead kinds' slot.
constexpr unsigned kDeadSlot = kMaxKinds - 1;
void* slot_memory[kMaxKinds];  // (registry_lock)

// REQUIRES: registry_lock is held.
void* memory_for_slot(unsigned slot) {
    if (slot_memory[slot] == nullptr)
        slot_memory[slot] = map_own_memory(sizeof(memkind));
    return slot_memory[slot];
}

void bury(memkind* kind) {
    memkind* const dead = new (static_cast<void*>(kind)) memkind{};
    dead->name = "destroyed";
    dead->slot = kDeadSlot;
    dead->shown_as = dead;
    dead->error = MEMKIND_ERROR_INVALID;
    dead->state.store(KindState::kUnavailable, std::memory_order_release);
}

enum : int { kNotYet, kRunning, kDone };

// MEMKIND_ARENA_NUM_PER_KIND, read once: a number from 1 on, 0 when it is not set, -1 when it is no such number.
long shard_count_variable() {
    constexpr long kNotRead = -2;
    static long answer = kNotRead;
    long known = __atomic_load_n(&answer, __ATOMIC_RELAXED);
    if (known != kNotRead)
        return known;
    known = 0;
    if (const char* const text = secure_getenv("MEMKIND_ARENA_NUM_PER_KIND"); text != nullptr) {
        char* end = nullptr;
        const int saved_errno = errno;
        errno = 0;
        known = strtol(text, &end, 10);
        if (errno != 0 || end == text || *end != '\0' || known < 1 || known > INT32_MAX) {
            known = -1;
            log_error("MEMKIND_ARENA_NUM_PER_KIND: '%s' is not a number from 1 to %d", text, INT32_MAX);
        }
        errno = saved_errno;
    }
    __atomic_store_n(&answer, known, __ATOMIC_RELAXED);
    return known;
}

}  // namespace

void initialise() {
    static int state = kNotYet;
    if (__atomic_load_n(&state, __ATOMIC_ACQUIRE) == kDone) [[likely]]
        return;
    // Whoever comes while it runs, a recursion through malloc included, goes on without waiting: nothing that
    // an allocation needs is made here.
    int expected = kNotYet;
    if (!__atomic_compare_exchange_n(&state, &expected, kRunning, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return;
    __atomic_store_n(&cpu_count, count_cpus(), __ATOMIC_RELAXED);
    pthread_atfork(lock_inner, unlock_inner, unlock_inner);
    jemalloc::call_at_thread_end(close_caches_of_this_thread);
    // The first call makes jemalloc register its own handlers. Arena 0 serves whoever asks in a thread that
    // jemalloc has let go of, and such memory must be known to be ours too.
    jemalloc::ExtentHooks* const hooks = &jemallocs_own_shard.hooks;
    if (const int error = jemalloc::write_value("arena.0.extent_hooks", hooks); error != 0)
        log_error(
            "jemalloc refuses extent hooks for arena 0 (%d); memory allocated at a thread's end may be lost",
            error);
    pthread_atfork(lock_outer, unlock_outer, unlock_outer_in_child);
    __atomic_store_n(&state, kDone, __ATOMIC_RELEASE);
}

unsigned default_shard_count() {
    if (const long wanted = shard_count_variable(); wanted > 0)
        return wanted < static_cast<long>(kMostShards) ? static_cast<unsigned>(wanted) : kMostShards;
    const unsigned count = __atomic_load_n(&cpu_count, __ATOMIC_RELAXED);
    return count == 0 ? 1 : count;
}

int check_shard_count_variable() {
    return shard_count_variable() < 0 ? MEMKIND_ERROR_ENVIRON : MEMKIND_SUCCESS;
}

namespace {

// REQUIRES: fixed_lock is held.
void forget_buffer(memkind* kind) {
    for (memkind** link = &kinds_over_buffers; *link != nullptr; link = &(*link)->next_over_buffer)
        if (*link == kind) {
            *link = kind->next_over_buffer;
            return;
        }
}

}  // namespace

memkind* kind_with_fixed_buffer_at(const void* address) {
    LockGuard guard(fixed_lock);
    const char* const at = static_cast<const char*>(address);
    for (memkind* kind = kinds_over_buffers; kind != nullptr; kind = kind->next_over_buffer)
        if (at >= kind->fixed.base && at < kind->fixed.base + kind->fixed.size)
            return kind;
    return nullptr;
}

int add_kind_over_buffer(const KindDescription& description, std::uintptr_t begin, std::uintptr_t end,
                         memkind** result) {
    LockGuard guard(fixed_lock);
    for (const memkind* kind = kinds_over_buffers; kind != nullptr; kind = kind->next_over_buffer) {
        const auto base = reinterpret_cast<std::uintptr_t>(kind->fixed.base);
        if (begin < base + kind->fixed.size && base < end)
            return MEMKIND_ERROR_INVALID;
    }
    for (std::uintptr_t at = begin & ~(windows::kGranule - 1); at < end; at += windows::kGranule)
        if (const windows::Owner owner = windows::owner_of(reinterpret_cast<const void*>(at));
            owner != windows::kNobody && owner != windows::kMixed)
            return MEMKIND_ERROR_INVALID;
    if (description.fixed.size != 0 && !windows::share_granules(description.fixed))
        return MEMKIND_ERROR_MMAP;
    const int error = add_kind(description, result);
    if (error == MEMKIND_SUCCESS && description.fixed.base != nullptr) {
        (*result)->next_over_buffer = kinds_over_buffers;
        kinds_over_buffers = *result;
    }
    return error;
}

Mutex& registry_mutex() {
    return registry_lock;
}

bool is_kind(const memkind* kind) {
    if (kind >= &static_kinds[0] && kind < &static_kinds[kStaticKindCount])
        return true;
    bool found = false;
    for_each_kind([&](const memkind* other) { found = found || other == kind; });
    return found;
}

int add_kind(const KindDescription& description, memkind** result) {
    initialise();
    LockGuard guard(registry_lock);
    unsigned slot = lowest_free_slot;
    while (slot < kDeadSlot && slots.kinds[slot] != nullptr)
        ++slot;
    lowest_free_slot = slot;
    if (slot == kDeadSlot)
        return MEMKIND_ERROR_TOOMANY;
    void* const memory = memory_for_slot(slot);
    if (memory == nullptr)
        return MEMKIND_ERROR_MALLOC;
    memkind* const kind = new (memory) memkind{};
    kind->name = description.name;
    kind->source = description.source;
    kind->foreign_heap = description.foreign_heap;
    kind->foreign_state = description.foreign_state;
    kind->serial = ++last_serial;
    kind->slot = slot;
    kind->shard_count = description.shard_count;
    kind->first_window = description.first_window;
    kind->gives_back_at_once = description.gives_back_at_once;
    kind->limit = SIZE_MAX;
    kind->shown_as = description.shown_as != nullptr ? description.shown_as : kind;
    kind->parts = description.parts;
    kind->part_count = description.part_count;
    kind->state.store(description.parts != nullptr ? KindState::kSeveral : KindState::kReady,
                      std::memory_order_relaxed);
    if (description.fixed.base != nullptr) {
        kind->fixed = description.fixed;
        kind->windows[0] = description.fixed;
        kind->window_count = 1;
    }
    __atomic_store_n(&slots.kinds[slot], kind, __ATOMIC_RELEASE);
    __atomic_store_n(&slots.shown[owner_number(slot)], kind->shown_as, __ATOMIC_RELEASE);
    *result = kind;
    return MEMKIND_SUCCESS;
}

int remove_kind(memkind* kind) {
    fixed_lock.lock();
    LockGuard guard(registry_lock);
    const bool exists = kind != nullptr && is_kind(kind);
    if (exists)
        forget_buffer(kind);
    fixed_lock.unlock();
    if (!exists)
        return MEMKIND_ERROR_INVALID;
    const unsigned slot = kind->slot;
    if (slot < kStaticKindCount)
        return MEMKIND_SUCCESS;
    if (kind->foreign_heap != nullptr)
        kind->foreign_heap->destroy(kind);
    close_caches_of(kind);
    tear_down(kind);
    if (kind->source != nullptr)
        kind->source->dispose();
    if (kind->parts != nullptr)
        munmap(kind->parts, kind->part_count * sizeof(memkind*));
    __atomic_store_n(&slots.shown[owner_number(slot)], nullptr, __ATOMIC_RELEASE);
    __atomic_store_n(&slots.kinds[slot], nullptr, __ATOMIC_RELEASE);
    if (slot < lowest_free_slot)
        lowest_free_slot = slot;
    bury(kind);
    return MEMKIND_SUCCESS;
}

}  // namespace terrace::kinds
