// See pmem_stores.hpp. The functions are those of pmemobj_flush, pmemobj_drain and pmemobj_persist.
// pmem_flush and pmem_drain return nothing, so a medium that fails can only be reported, as there.
// Thread safety: the table's functions may be called from any thread.
#include "persist/pool/pmem_stores.hpp"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>

#include <algorithm>
#include <atomic>

#include "persist/flush/pool_stores.hpp"
#include "persist/pool/direct_store.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/medium.hpp"
#include "persist/pool/pool.hpp"
#include "persist/pool/registry.hpp"
#include "src/log.hpp"

namespace terrace::persist {
namespace {

void report(int error, const char* function) {
    if (error != 0)
        log_error("%s, on a pool: %s", function, last_error_message());
}

void find(const void* address, size_t size, size_t* before, size_t* inside) {
    const Pool* const pool = first_pool_in(address, size);
    *before = size;
    *inside = 0;
    if (pool == nullptr)
        return;
    const char* const begin = static_cast<const char*>(address);
    *before = begin < pool->media.base ? static_cast<size_t>(pool->media.base - begin) : 0;
    const size_t left_in_pool = pool->bytes() - pool->offset_of(begin + *before);
    *inside = std::min(size - *before, left_in_pool);
}

void flush(const void* address, size_t size) {
    Pool* const pool = pool_at(address);
    report(flush_range(*pool, pool->offset_of(address), size), "pmem_flush");
}

void drain_all() {
    report(drain_pending(), "pmem_drain");
}

int persist(const void* address, size_t size) {
    Pool* const pool = pool_at(address);
    return result_of(persist_range(*pool, pool->offset_of(address), size));
}

int sync(const void* address, size_t size) {
    if (persist(address, size) != 0)
        return -1;
    return result_of(medium::sync_file(pool_at(address)->media.file));
}

constexpr terrace_pool_stores kTable = {
    TERRACE_POOL_STORES_VERSION, any_pool_is_open, find, flush, drain_all, persist, sync};

// Differs as soon as a library was loaded or unloaded. Never 0. Cost: a lock and a call, where a dlopen that finds nothing
// searches the file system.
uint64_t libraries_loaded_so_far() {
    uint64_t number = 0;
    dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void* result) {
            *static_cast<uint64_t*>(result) = info->dlpi_adds + info->dlpi_subs + 1;
            return 1;
        },
        &number);
    return number;
}

}  // namespace

void tell_libpmem_of_pools() {
    static constinit std::atomic<uint64_t> told_at{0};
    const uint64_t now = libraries_loaded_so_far();
    if (told_at.load(std::memory_order_acquire) == now)
        return;
    using Mind = void (*)(const terrace_pool_stores*);
    struct Listener {
        Mind mind;  // nullptr: loaded after this library, or where its names are not seen from here
        const char* library;
        const char* name;
    };
    const Listener listeners[] = {{terrace_pmem_mind_pools, "libpmem.so.1", "terrace_pmem_mind_pools"},
                                  {terrace_pmem2_mind_pools, "libpmem2.so.1", "terrace_pmem2_mind_pools"}};
    const int saved_errno = errno;
    for (const Listener& listener : listeners) {
        Mind mind = listener.mind;
        void* const library = mind == nullptr ? dlopen(listener.library, RTLD_LAZY | RTLD_NOLOAD) : nullptr;
        if (library != nullptr)
            mind = reinterpret_cast<Mind>(dlsym(library, listener.name));
        if (mind != nullptr)
            mind(&kTable);
        if (library != nullptr)
            dlclose(library);
    }
    told_at.store(now, std::memory_order_release);
    errno = saved_errno;
}

}  // namespace terrace::persist

const struct terrace_pool_stores* terrace_pool_stores_table(void) {
    return &terrace::persist::kTable;
}
