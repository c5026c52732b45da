// See registry.hpp; and what a fork does to open pools.
// The child's pools are frozen: it keeps its view, loses the home mapping, and gives up the file, so that the
// lock on it ends with the parent. pmemobj_direct is compiled into user programs and caches the last pool in
// _pobj_cached_pool; closing a pool changes _pobj_cache_invalidate, which every such cache compares.
// Executables copy that variable (a COPY relocation), so it is reached through the GOT here: default
// visibility, never hidden or protected.
#include "persist/pool/registry.hpp"

#include <pthread.h>
#include <unistd.h>

#include <atomic>

#include "persist/pool/device_file.hpp"
#include "persist/pool/pool.hpp"

#define TERRACE_EXPORT __attribute__((visibility("default")))

extern "C" {
TERRACE_EXPORT int _pobj_cache_invalidate;
TERRACE_EXPORT __thread struct _pobj_pcache _pobj_cached_pool;
}

namespace terrace::persist {
namespace {

constexpr uint32_t kMostPools = 1024;

struct Registered {
    std::atomic<uintptr_t> base;
    std::atomic<uint64_t> bytes;
    std::atomic<uint64_t> identity;
    std::atomic<Pool*> pool;
};

Registered g_pools[kMostPools];
std::atomic<uint32_t> g_used{0};  // entries beyond were never used
std::atomic<uint32_t> g_open{0};
std::atomic<uint64_t> g_generation{1};
Mutex g_lock;

struct LastPool {
    uint64_t generation;
    Pool* pool;
};
thread_local LastPool t_last __attribute__((tls_model("initial-exec")));

template <class Action>
void for_each_pool(Action action) {
    const uint32_t used = g_used.load(std::memory_order_relaxed);
    for (uint32_t i = 0; i < used; ++i) {
        if (Pool* const pool = g_pools[i].pool.load(std::memory_order_relaxed); pool != nullptr)
            action(*pool);
    }
}

void before_fork() {
    g_lock.lock();
    for_each_pool([](Pool& pool) { pool.working_copy.before_fork(); });
}
void after_fork_in_parent() {
    for_each_pool([](Pool& pool) { pool.working_copy.after_fork_in_parent(); });
    g_lock.unlock();
}
void after_fork_in_child() {
    const uint32_t used = g_used.load(std::memory_order_relaxed);
    for (uint32_t i = 0; i < used; ++i) {
        Pool* pool = g_pools[i].pool.load(std::memory_order_relaxed);
        if (pool == nullptr || pool->frozen.load(std::memory_order_relaxed))
            continue;
        pool->frozen.store(true, std::memory_order_relaxed);
        pool->media.home = nullptr;
        pool->media.metadata = pool->media.base;
        pool->working_copy.after_fork_in_child();
        close(pool->media.file);
        pool->media.file = -1;
        pool->heap.after_fork_in_child();
    }
    forget_devices();
    g_lock.reinitialise();
}

void watch_forks() {
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

}  // namespace

Mutex& registry_lock() {
    return g_lock;
}
uint64_t registry_generation() {
    return g_generation.load(std::memory_order_acquire);
}

bool register_pool(Pool& pool) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    for (uint32_t i = 0; i < kMostPools; ++i) {
        if (g_pools[i].pool.load(std::memory_order_relaxed) != nullptr)
            continue;
        g_pools[i].base.store(reinterpret_cast<uintptr_t>(pool.media.base), std::memory_order_relaxed);
        g_pools[i].bytes.store(pool.bytes(), std::memory_order_relaxed);
        g_pools[i].identity.store(pool.superblock.identity_low, std::memory_order_relaxed);
        g_pools[i].pool.store(&pool, std::memory_order_release);
        if (i >= g_used.load(std::memory_order_relaxed))
            g_used.store(i + 1, std::memory_order_release);
        g_open.fetch_add(1, std::memory_order_release);
        pool.registration = g_generation.fetch_add(1, std::memory_order_release) + 1;
        return true;
    }
    return false;
}

void update_registered_bytes(const Pool& pool) {
    const uint32_t used = g_used.load(std::memory_order_relaxed);
    for (uint32_t i = 0; i < used; ++i) {
        if (g_pools[i].pool.load(std::memory_order_relaxed) == &pool)
            g_pools[i].bytes.store(pool.bytes(), std::memory_order_relaxed);
    }
}

void unregister_pool(Pool& pool) {
    const uint32_t used = g_used.load(std::memory_order_relaxed);
    for (uint32_t i = 0; i < used; ++i) {
        if (g_pools[i].pool.load(std::memory_order_relaxed) != &pool)
            continue;
        g_pools[i].bytes.store(0, std::memory_order_relaxed);
        g_pools[i].identity.store(0, std::memory_order_relaxed);
        g_pools[i].pool.store(nullptr, std::memory_order_release);
        g_open.fetch_sub(1, std::memory_order_release);
    }
    g_generation.fetch_add(1, std::memory_order_release);
    __atomic_fetch_add(&_pobj_cache_invalidate, 1, __ATOMIC_RELEASE);
}

Pool* pool_at(const void* address) {
    const uint64_t generation = registry_generation();
    if (t_last.generation == generation && t_last.pool->contains(address)) [[likely]]
        return t_last.pool;
    const uint32_t used = g_used.load(std::memory_order_acquire);
    for (uint32_t i = 0; i < used; ++i) {
        Pool* pool = g_pools[i].pool.load(std::memory_order_acquire);
        if (pool == nullptr ||
            reinterpret_cast<uintptr_t>(address) - g_pools[i].base.load(std::memory_order_relaxed) >=
                g_pools[i].bytes.load(std::memory_order_relaxed))
            continue;
        t_last = {generation, pool};
        return pool;
    }
    return nullptr;
}

bool is_open(const Pool* pool, uint64_t registration) {
    const uint32_t used = g_used.load(std::memory_order_acquire);
    for (uint32_t i = 0; i < used; ++i) {
        if (g_pools[i].pool.load(std::memory_order_acquire) == pool)
            return pool != nullptr && pool->registration == registration;
    }
    return false;
}

uint32_t open_pool_count() {
    return g_open.load(std::memory_order_relaxed);
}

bool any_pool_is_open() {
    return g_open.load(std::memory_order_acquire) != 0;
}

Pool* first_pool_in(const void* address, uint64_t size) {
    if (Pool* const pool = pool_at(address))
        return pool;
    const uintptr_t begin = reinterpret_cast<uintptr_t>(address);
    Pool* first = nullptr;
    uintptr_t first_base = UINTPTR_MAX;
    const uint32_t used = g_used.load(std::memory_order_acquire);
    for (uint32_t i = 0; i < used; ++i) {
        Pool* pool = g_pools[i].pool.load(std::memory_order_acquire);
        const uintptr_t base = g_pools[i].base.load(std::memory_order_relaxed);
        if (pool == nullptr || base <= begin || base - begin >= size || base >= first_base)
            continue;
        first = pool;
        first_base = base;
    }
    return first;
}

Pool* pool_with_identity(uint64_t identity_low) {
    if (identity_low == 0)
        return nullptr;
    const uint64_t generation = registry_generation();
    if (t_last.generation == generation && t_last.pool->superblock.identity_low == identity_low) [[likely]]
        return t_last.pool;
    const uint32_t used = g_used.load(std::memory_order_acquire);
    for (uint32_t i = 0; i < used; ++i) {
        Pool* pool = g_pools[i].pool.load(std::memory_order_acquire);
        if (pool == nullptr || g_pools[i].identity.load(std::memory_order_relaxed) != identity_low)
            continue;
        t_last = {generation, pool};
        return pool;
    }
    return nullptr;
}

}  // namespace terrace::persist
