#include "kinds/registry.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include <new>

#include "kinds/extent_hooks.hpp"
#include "kinds/static_kinds.hpp"
#include "kinds/thread_caches.hpp"
#include "src/check.hpp"
#include "src/jemalloc/thread_end.hpp"
#include "src/log.hpp"

namespace terrace::kinds {

__attribute__((visibility("hidden"))) constinit memkind* slots[kMaxKinds] = {&default_kind, &regular_kind};

namespace {

constinit Mutex registry_lock;
std::uint32_t last_serial = kFirstDynamicSlot;  // (registry_lock)
unsigned cpu_count = 0;

// Fork: our locks come in two ranks, with jemalloc's in between. The registry and the thread caches call
// jemalloc with their locks held; jemalloc calls the extent hooks, which take the growth locks, with its own
// held. Prepare handlers run in reverse order of registration, so the inner ones are registered before
// jemalloc's, the outer ones after.

template <typename Action>
void for_each_kind(Action action) {
    for (unsigned slot = 0; slot < kMaxKinds; ++slot)
        if (memkind* const kind = kind_in_slot(slot); kind != nullptr)
            action(kind);
}

void lock_outer() {
    registry_lock.lock();
    thread_caches_lock().lock();
}

void unlock_outer() {
    thread_caches_lock().unlock();
    registry_lock.unlock();
}

void reinitialise_outer() {
    thread_caches_lock().reinitialise();
    registry_lock.reinitialise();
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

void reinitialise_inner() {
    for_each_kind([](memkind* kind) { kind->growth_lock.reinitialise(); });
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

}  // namespace

void initialise() {
    enum : int { kNotYet, kRunning, kDone };
    static int state = kNotYet;
    if (__atomic_load_n(&state, __ATOMIC_ACQUIRE) == kDone) [[likely]]
        return;
    // Whoever comes while it runs, a recursion through malloc included, goes on without waiting: nothing that
    // an allocation needs is made here.
    int expected = kNotYet;
    if (!__atomic_compare_exchange_n(&state, &expected, kRunning, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return;
    __atomic_store_n(&cpu_count, count_cpus(), __ATOMIC_RELAXED);
    pthread_atfork(lock_inner, unlock_inner, reinitialise_inner);
    jemalloc::call_at_thread_end(close_caches_of_this_thread);
    // The first call makes jemalloc register its own handlers. Arena 0 serves whoever asks in a thread that
    // jemalloc has let go of, and such memory must be known to be ours too.
    jemalloc::ExtentHooks* const hooks = &default_kind.hooks;
    if (const int error = jemalloc::write_value("arena.0.extent_hooks", hooks); error != 0)
        log_error(
            "jemalloc refuses extent hooks for arena 0 (%d); memory allocated at a thread's end may be lost",
            error);
    pthread_atfork(lock_outer, unlock_outer, reinitialise_outer);
    __atomic_store_n(&state, kDone, __ATOMIC_RELEASE);
}

unsigned default_shard_count() {
    const unsigned count = __atomic_load_n(&cpu_count, __ATOMIC_RELAXED);
    return count == 0 ? 1 : count;
}

int add_kind(const KindDescription& description, memkind** result) {
    void* const memory =
        mmap(nullptr, sizeof(memkind), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return MEMKIND_ERROR_MALLOC;
    initialise();
    LockGuard guard(registry_lock);
    for (unsigned slot = kFirstDynamicSlot; slot < kMaxKinds; ++slot) {
        if (slots[slot] != nullptr)
            continue;
        memkind* const kind = new (memory) memkind{};
        kind->hooks = kExtentHooks;
        kind->name = description.name;
        kind->source = description.source;
        kind->foreign_heap = description.foreign_heap;
        kind->foreign_state = description.foreign_state;
        kind->serial = ++last_serial;
        kind->slot = slot;
        kind->shard_count = description.shard_count;
        kind->first_window = description.first_window;
        __atomic_store_n(&slots[slot], kind, __ATOMIC_RELEASE);
        *result = kind;
        return MEMKIND_SUCCESS;
    }
    munmap(memory, sizeof(memkind));
    return MEMKIND_ERROR_TOOMANY;
}

int remove_kind(memkind* kind) {
    LockGuard guard(registry_lock);
    unsigned slot = 0;
    while (slot < kMaxKinds && slots[slot] != kind)
        ++slot;
    if (kind == nullptr || slot == kMaxKinds)
        return MEMKIND_ERROR_INVALID;
    if (slot < kFirstDynamicSlot)
        return MEMKIND_SUCCESS;
    if (kind->foreign_heap != nullptr)
        kind->foreign_heap->destroy(kind);
    close_caches_of(kind);
    tear_down(kind);
    if (kind->source != nullptr)
        kind->source->dispose();
    __atomic_store_n(&slots[slot], nullptr, __ATOMIC_RELEASE);
    munmap(kind, sizeof *kind);
    return MEMKIND_SUCCESS;
}

}  // namespace terrace::kinds
