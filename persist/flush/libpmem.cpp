// The functions of libpmem.h: arguments and flags here, the work in the files beside.
// The functions that leave the library are these and those of libpmem_log.cpp; libpmem.map lists them.
// Thread safety: any thread.
#pragma GCC visibility push(default)
#include <libpmem.h>
#pragma GCC visibility pop

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "persist/flush/auto_flush.hpp"
#include "persist/flush/device_dax.hpp"
#include "persist/flush/error_message.hpp"
#include "persist/flush/flush.hpp"
#include "persist/flush/map_file.hpp"
#include "persist/flush/pool_aware.hpp"
#include "persist/flush/ranges.hpp"

using namespace terrace::persist;

namespace {

// PMEM_IS_PMEM_FORCE, read at the first question and not before: programs set it at their start.
enum ForcedAnswer { kNotRead = -2, kNotForced = -1, kNever = 0, kAlways = 1 };

ForcedAnswer forced_answer() {
    static std::atomic<ForcedAnswer> remembered{kNotRead};
    ForcedAnswer answer = remembered.load(std::memory_order_relaxed);
    if (answer == kNotRead) {
        const char* const text = secure_getenv("PMEM_IS_PMEM_FORCE");
        answer = text == nullptr          ? kNotForced
                 : strcmp(text, "0") == 0 ? kNever
                 : strcmp(text, "1") == 0 ? kAlways
                                          : kNotForced;
        remembered.store(answer, std::memory_order_relaxed);
    }
    return answer;
}

CopyHint hint_from(unsigned flags) {
    if ((flags & (PMEM_F_MEM_NONTEMPORAL | PMEM_F_MEM_WC)) != 0)
        return CopyHint::kStreamed;
    if ((flags & (PMEM_F_MEM_TEMPORAL | PMEM_F_MEM_WB)) != 0)
        return CopyHint::kCached;
    return CopyHint::kBySize;
}

void fence_unless(unsigned flags) {
    if ((flags & PMEM_F_MEM_NODRAIN) == 0)
        fence();
}

// A device DAX has no msync: its region's queue is flushed, where the kernel offers that.
int drain_device(const DurableRange& range) {
    if (range.region < 0 || flush_region(range.region) == 0)
        return 0;
    if (errno == ENOENT || errno == EACCES)  // kernels without deep_flush; it is root's to write
        return 0;
    set_error_with_reason(errno, "flushing NVDIMM region %d", range.region);
    return -1;
}

}  // namespace

void* pmem_map_file(const char* path, size_t len, int flags, mode_t mode, size_t* mapped_lenp,
                    int* is_pmemp) {
    const Mapping mapping = map_file(path, len, flags, mode);
    if (mapping.address == nullptr)
        return nullptr;
    if (mapped_lenp != nullptr)
        *mapped_lenp = mapping.length;
    if (is_pmemp != nullptr)
        *is_pmemp = pmem_is_pmem(mapping.address, mapping.length);
    return mapping.address;
}

int pmem_unmap(void* addr, size_t len) {
    return unmap(addr, len);
}

int pmem_is_pmem(const void* addr, size_t len) {
    const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(addr);
    if (len == 0 || len > UINTPTR_MAX - begin)
        return 0;
    if (const ForcedAnswer answer = forced_answer(); answer != kNotForced)
        return answer == kAlways;
    return is_durable(begin, begin + len) ? 1 : 0;
}

void pmem_flush(const void* addr, size_t len) {
    write_back(addr, len);
}

void pmem_drain(void) {
    fence();
}

void pmem_persist(const void* addr, size_t len) {
    write_back_and_fence(addr, len);
}

int pmem_msync(const void* addr, size_t len) {
    return sync_pages_and_pools(addr, len, false);
}

int pmem_has_hw_drain(void) {
    return 0;
}

int pmem_has_auto_flush(void) {
    const int answer = platform_flushes_caches();
    if (answer < 0)
        set_error_with_reason(errno, "reading /sys/bus/nd/devices");
    return answer;
}

void pmem_deep_flush(const void* addr, size_t len) {
    write_back_always(addr, len);
    note_pool_stores(addr, len);
}

int pmem_deep_drain(const void* addr, size_t len) {
    fence();
    std::uintptr_t at = reinterpret_cast<std::uintptr_t>(addr);
    if (len > UINTPTR_MAX - at) {
        set_error(EINVAL, "pmem_deep_drain: %zu bytes at %p are beyond all addresses", len, addr);
        return -1;
    }
    const std::uintptr_t end = at + len;
    while (at < end) {
        DurableRange range = {};
        const bool found = first_durable_range(at, end, &range);
        const bool is_device = found && range.begin <= at && range.medium == Medium::kDeviceDax;
        // Files, with MAP_SYNC or not, up to the next device; a device up to its own end.
        const std::uintptr_t until = !found              ? end
                                     : range.begin <= at ? std::min(end, range.end)
                                                         : range.begin;
        const int result = is_device
                               ? drain_device(range)
                               : sync_pages_and_pools(reinterpret_cast<const void*>(at), until - at, true);
        if (result != 0)
            return -1;
        at = until;
    }
    return 0;
}

int pmem_deep_persist(const void* addr, size_t len) {
    pmem_deep_flush(addr, len);
    return pmem_deep_drain(addr, len);
}

void* pmem_memmove(void* pmemdest, const void* src, size_t len, unsigned flags) {
    if ((flags & PMEM_F_MEM_NOFLUSH) != 0) {
        copy_cached(pmemdest, src, len);
    } else {
        copy_and_write_back(pmemdest, src, len, hint_from(flags));
        fence_unless(flags);
    }
    return pmemdest;
}

void* pmem_memcpy(void* pmemdest, const void* src, size_t len, unsigned flags) {
    return pmem_memmove(pmemdest, src, len, flags);
}

void* pmem_memset(void* pmemdest, int c, size_t len, unsigned flags) {
    const unsigned char value = static_cast<unsigned char>(c);
    if ((flags & PMEM_F_MEM_NOFLUSH) != 0) {
        fill_cached(pmemdest, value, len);
    } else {
        fill_and_write_back(pmemdest, value, len, hint_from(flags));
        fence_unless(flags);
    }
    return pmemdest;
}

void* pmem_memmove_persist(void* pmemdest, const void* src, size_t len) {
    return pmem_memmove(pmemdest, src, len, 0);
}

void* pmem_memcpy_persist(void* pmemdest, const void* src, size_t len) {
    return pmem_memmove(pmemdest, src, len, 0);
}

void* pmem_memset_persist(void* pmemdest, int c, size_t len) {
    return pmem_memset(pmemdest, c, len, 0);
}

void* pmem_memmove_nodrain(void* pmemdest, const void* src, size_t len) {
    return pmem_memmove(pmemdest, src, len, PMEM_F_MEM_NODRAIN);
}

void* pmem_memcpy_nodrain(void* pmemdest, const void* src, size_t len) {
    return pmem_memmove(pmemdest, src, len, PMEM_F_MEM_NODRAIN);
}

void* pmem_memset_nodrain(void* pmemdest, int c, size_t len) {
    return pmem_memset(pmemdest, c, len, PMEM_F_MEM_NODRAIN);
}

const char* pmem_check_version(unsigned major_required, unsigned minor_required) {
    if (major_required != PMEM_MAJOR_VERSION)
        return "this libpmem has interface version 1; the program was built for another major version";
    if (minor_required > PMEM_MINOR_VERSION)
        return "this libpmem has interface version 1.1; the program was built for a newer minor version";
    return nullptr;
}

const char* pmem_errormsg(void) {
    return last_error_message();
}
