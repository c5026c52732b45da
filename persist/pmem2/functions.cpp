#include "persist/pmem2/functions.hpp"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "persist/flush/flush.hpp"
#include "persist/flush/pool_aware.hpp"
#include "src/log.hpp"

namespace terrace::persist {
namespace {

constexpr unsigned kStreamed = PMEM2_F_MEM_NONTEMPORAL | PMEM2_F_MEM_WC;
constexpr unsigned kCached = PMEM2_F_MEM_TEMPORAL | PMEM2_F_MEM_WB;
constexpr unsigned kNoFence = PMEM2_F_MEM_NODRAIN | PMEM2_F_MEM_NOFLUSH;

CopyHint hint_from(unsigned flags) {
    return (flags & kStreamed) != 0 ? CopyHint::kStreamed
           : (flags & kCached) != 0 ? CopyHint::kCached
                                    : CopyHint::kBySize;
}

void fence_unless(unsigned flags) {
    if ((flags & kNoFence) == 0)
        fence();
}

// ---- byte: the caches are durable, or nobody else sees the memory. Only the order of stores is left ----

void flush_nothing(const void*, size_t) {
    asm volatile("" ::: "memory");  // the stores themselves must have been made
}

void fence_only(const void*, size_t) {
    fence();
}

void* move_bytes(void* to, const void* from, size_t size, unsigned flags) {
    if ((flags & kStreamed) != 0 && (flags & PMEM2_F_MEM_NOFLUSH) == 0)
        copy_and_write_back(to, from, size, CopyHint::kStreamed);
    else
        copy_cached(to, from, size);
    fence_unless(flags);
    return to;
}

void* set_bytes(void* to, int value, size_t size, unsigned flags) {
    if ((flags & kStreamed) != 0 && (flags & PMEM2_F_MEM_NOFLUSH) == 0)
        fill_and_write_back(to, static_cast<unsigned char>(value), size, CopyHint::kStreamed);
    else
        fill_cached(to, static_cast<unsigned char>(value), size);
    fence_unless(flags);
    return to;
}

// ---- cache line ----

void flush_lines(const void* address, size_t size) {
    write_back(address, size);
}

void persist_lines(const void* address, size_t size) {
    write_back_and_fence(address, size);
}

void drain() {
    fence();
}

void* move_lines(void* to, const void* from, size_t size, unsigned flags) {
    if ((flags & PMEM2_F_MEM_NOFLUSH) != 0)
        copy_cached(to, from, size);
    else
        copy_and_write_back(to, from, size, hint_from(flags));
    fence_unless(flags);
    return to;
}

void* set_lines(void* to, int value, size_t size, unsigned flags) {
    if ((flags & PMEM2_F_MEM_NOFLUSH) != 0)
        fill_cached(to, static_cast<unsigned char>(value), size);
    else
        fill_and_write_back(to, static_cast<unsigned char>(value), size, hint_from(flags));
    fence_unless(flags);
    return to;
}

// ---- page: msync, which waits, so that nothing is left for a drain ----

void persist_pages(const void* address, size_t size) {
    const int saved_errno = errno;
    const int error = sync_pages(address, size, false);
    // ENOMEM: parts of the range are not mapped; the others are synced. There is no result to tell any
    // other error by, and a program that goes on believes that its data is durable.
    if (error != 0 && error != ENOMEM) {
        log_error("libpmem2: %zu bytes at %p cannot be made durable: %s", size, address, strerror(error));
        abort();
    }
    errno = saved_errno;
}

void drain_nothing() {
    asm volatile("" ::: "memory");
}

void* move_pages(void* to, const void* from, size_t size, unsigned flags) {
    copy_cached(to, from, size);
    if ((flags & PMEM2_F_MEM_NOFLUSH) == 0)
        persist_pages(to, size);
    return to;
}

void* set_pages(void* to, int value, size_t size, unsigned flags) {
    fill_cached(to, static_cast<unsigned char>(value), size);
    if ((flags & PMEM2_F_MEM_NOFLUSH) == 0)
        persist_pages(to, size);
    return to;
}

constexpr MapFunctions kFunctions[] = {
    {fence_only, flush_nothing, drain, move_bytes, set_bytes},
    {persist_lines, flush_lines, drain, move_lines, set_lines},
    {persist_pages, persist_pages, drain_nothing, move_pages, set_pages},
};

}  // namespace

const MapFunctions& functions_at(pmem2_granularity granularity) {
    return kFunctions[granularity];
}

int sync_pages(const void* address, std::size_t size, bool to_medium) {
    return size == 0 || sync_pages_and_pools(address, size, to_medium) == 0 ? 0 : errno;
}

}  // namespace terrace::persist
