#include "persist/flush/pool_aware.hpp"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "persist/flush/error_message.hpp"
#include "persist/flush/flush.hpp"
#include "persist/flush/pool_stores.hpp"
#include "src/log.hpp"
#include "src/mutex.hpp"

// The library's name of those two: this file is part of libpmem and of libpmem2.
#ifndef TERRACE_MIND_POOLS
#define TERRACE_MIND_POOLS terrace_pmem_mind_pools
#endif

namespace terrace::persist {
namespace {

// Both are written once, before the first table that uses them is in place.
const terrace_pool_stores* pools = nullptr;
const FlushMethods* usual = nullptr;

Mutex minding;
FlushMethods aware;
std::atomic<bool> is_minding{false};

template <typename Outside, typename Inside>
void for_each_part(const void* address, std::size_t size, Outside outside, Inside inside) {
    for (const char* at = static_cast<const char*>(address); size != 0;) {
        std::size_t before = size;
        std::size_t within = 0;
        pools->find(at, size, &before, &within);
        if (before != 0)
            outside(at, before);
        if (within != 0)
            inside(at + before, within);
        at += before + within;
        size -= before + within;
    }
}

bool touches_pool(const void* address, std::size_t size) {
    std::size_t before = size;
    std::size_t within = 0;
    pools->find(address, size, &before, &within);
    return within != 0;
}

void write_back_aware(const void* address, std::size_t size) {
    for_each_part(address, size, usual->write_back, pools->flush);
}

void fence_aware() {
    usual->fence();
    pools->drain();
}

// A range in one pool is committed by itself, which takes half the time of noting it first. What this thread noted
// before becomes durable as well, as the drain in a pmem_persist promises.
void persist_aware(const void* address, std::size_t size) {
    std::size_t before = size;
    std::size_t within = 0;
    if (size != 0)
        pools->find(address, size, &before, &within);
    if (size == 0 || within != size)
        write_back_aware(address, size);
    else if (pools->persist(address, size) != 0)
        log_error("pmem_persist of %zu bytes at %p, in a pool: %s", size, address, strerrordesc_np(errno));
    fence_aware();
}

// A pool's bytes are never streamed: the working copy is read again when the record is written.
void copy_into_pool(void* to, const void* from, std::size_t size) {
    copy_cached(to, from, size);
    write_back_aware(to, size);
}

void fill_in_pool(void* to, unsigned char value, std::size_t size) {
    fill_cached(to, value, size);
    write_back_aware(to, size);
}

void stream_lines_aware(void* to, const void* from, std::size_t lines) {
    if (touches_pool(to, lines * kCacheLine))
        copy_into_pool(to, from, lines * kCacheLine);
    else
        usual->stream_lines(to, from, lines);
}

void stream_lines_down_aware(void* to, const void* from, std::size_t lines) {
    if (touches_pool(to, lines * kCacheLine))
        copy_into_pool(to, from, lines * kCacheLine);
    else
        usual->stream_lines_down(to, from, lines);
}

void stream_fill_aware(void* to, unsigned char value, std::size_t lines) {
    if (touches_pool(to, lines * kCacheLine))
        fill_in_pool(to, value, lines * kCacheLine);
    else
        usual->stream_fill(to, value, lines);
}

void stream_words_aware(void* to, const void* from, std::size_t words) {
    if (touches_pool(to, words * 8))
        copy_into_pool(to, from, words * 8);
    else
        usual->stream_words(to, from, words);
}

void stream_fill_words_aware(void* to, unsigned char value, std::size_t words) {
    if (touches_pool(to, words * 8))
        fill_in_pool(to, value, words * 8);
    else
        usual->stream_fill_words(to, value, words);
}

void make_aware_table() {
    aware = *usual;
    aware.write_back = write_back_aware;
    aware.persist = persist_aware;
    aware.fence = fence_aware;
    if (usual->stream_lines != nullptr) {
        aware.stream_lines = stream_lines_aware;
        aware.stream_fill = stream_fill_aware;
    }
    if (usual->stream_lines_down != nullptr)
        aware.stream_lines_down = stream_lines_down_aware;
    if (usual->stream_words != nullptr) {
        aware.stream_words = stream_words_aware;
        aware.stream_fill_words = stream_fill_words_aware;
    }
}

int sync_pages(const char* address, std::size_t size) {
    const std::uintptr_t page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(address);
    const std::uintptr_t first_page = begin & ~(page - 1);
    if (msync(reinterpret_cast<void*>(first_page), size + (begin - first_page), MS_SYNC) == 0)
        return 0;
    set_error_with_reason(errno, "msync of %zu bytes at %p", size, static_cast<const void*>(address));
    return -1;
}

}  // namespace

int sync_pages_and_pools(const void* address, std::size_t size, bool to_medium) {
    if (!is_minding.load(std::memory_order_acquire) || !touches_pool(address, size))
        return sync_pages(static_cast<const char*>(address), size);
    int result = 0;
    for_each_part(
        address, size,
        [&](const char* at, std::size_t bytes) {
            if (result == 0)
                result = sync_pages(at, bytes);
        },
        [&](const char* at, std::size_t bytes) {
            if (result != 0)
                return;
            result = to_medium ? pools->sync(at, bytes) : pools->persist(at, bytes);
            if (result != 0)
                set_error_with_reason(errno, "persisting %zu bytes at %p, in a pool", bytes,
                                      static_cast<const void*>(at));
        });
    return result;
}

void note_pool_stores(const void* address, std::size_t size) {
    if (is_minding.load(std::memory_order_acquire))
        for_each_part(
            address, size, [](const void*, std::size_t) {}, pools->flush);
}

// Pools that were open before this library was first used, or loaded.
void methods_were_chosen() {
    using Table = const terrace_pool_stores* (*)();
    Table table = terrace_pool_stores_table;
    void* library = nullptr;
    if (table == nullptr) {
        library = dlopen("libpmemobj.so.1", RTLD_LAZY | RTLD_NOLOAD);
        if (library == nullptr)
            return;
        table = reinterpret_cast<Table>(dlsym(library, "terrace_pool_stores_table"));
    }
    if (table != nullptr)
        TERRACE_MIND_POOLS(table());
    if (library != nullptr)
        dlclose(library);
}

}  // namespace terrace::persist

void TERRACE_MIND_POOLS(const struct terrace_pool_stores* stores) {
    using namespace terrace::persist;
    if (stores->version != TERRACE_POOL_STORES_VERSION)
        return;
    (void)flush_methods();  // chosen before the lock is taken: that may lead here
    terrace::LockGuard lock(minding);
    const bool any_is_open = stores->any_is_open();
    if (any_is_open == is_minding.load(std::memory_order_relaxed))
        return;
    if (usual == nullptr) {
        pools = stores;
        usual = &flush_methods();
        make_aware_table();
    }
    is_minding.store(any_is_open, std::memory_order_release);
    use_flush_methods(any_is_open ? &aware : usual);
}
