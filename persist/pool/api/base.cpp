// libpmemobj.h: from OIDs to addresses and back, direct stores, iteration.
// pmemobj_pool_by_ptr and pmemobj_direct are on every C++ caller's hot path: one thread-local look, no lock.
// Thread safety: as the public header says.
#include "persist/pool/api/exported.hpp"

#include <errno.h>
#include <string.h>

#include <algorithm>

#include "persist/pool/api/support.hpp"
#include "persist/pool/direct_store.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/pool.hpp"
#include "src/log.hpp"

using namespace terrace::persist;

namespace {

constexpr unsigned kCopyFlags = PMEMOBJ_F_MEM_NODRAIN | PMEMOBJ_F_MEM_NONTEMPORAL | PMEMOBJ_F_MEM_TEMPORAL |
                                PMEMOBJ_F_MEM_WC | PMEMOBJ_F_MEM_WB | PMEMOBJ_F_MEM_NOFLUSH |
                                PMEMOBJ_F_RELAXED;

bool is_in_pool(const Pool& pool, const void* address, size_t bytes) {
    return pool.contains(address) && bytes <= pool.bytes() - pool.offset_of(address);
}

int make_durable(Pool& pool, const void* address, size_t bytes) {
    if (!is_in_pool(pool, address, bytes))
        return fail(EINVAL, "%p is not in the pool", address);
    return persist_range(pool, pool.offset_of(address), bytes);
}

int note_flush(Pool& pool, const void* address, size_t bytes) {
    if (!is_in_pool(pool, address, bytes))
        return fail(EINVAL, "%p is not in the pool", address);
    return flush_range(pool, pool.offset_of(address), bytes);
}

bool are_store_flags(unsigned flags, const char* function) {
    if ((flags & ~PMEMOBJ_F_RELAXED) == 0)
        return true;
    fail(EINVAL, "%s: unknown flags 0x%x; only PMEMOBJ_F_RELAXED is known", function, flags);
    return false;
}

// A persist function returns nothing, so a medium that fails can only be reported.
void report(int error, const char* function) {
    if (error != 0)
        terrace::log_error("%s: %s", function, last_error_message());
}

// The next object that is not the root object.
PMEMoid next_listed(Pool& pool, uint64_t after) {
    const auto* words = reinterpret_cast<const RootPage*>(pool.media.metadata + kRootOffset);
    uint64_t offset = pool.heap.next_object(after);
    if (offset != 0 && offset == __atomic_load_n(&words->root_offset, __ATOMIC_RELAXED))
        offset = pool.heap.next_object(offset);
    return offset == 0 ? OID_NULL : oid_at(pool, offset);
}

void after_copy(Pool& pool, void* target, size_t bytes, unsigned flags, const char* function) {
    if ((flags & ~kCopyFlags) != 0)
        terrace::log_error("%s: unknown flags 0x%x are ignored", function, flags & ~kCopyFlags);
    if ((flags & PMEMOBJ_F_MEM_NOFLUSH) != 0)
        return;
    report((flags & PMEMOBJ_F_MEM_NODRAIN) != 0 ? note_flush(pool, target, bytes)
                                                : make_durable(pool, target, bytes),
           function);
}

constexpr size_t kPieceBytes = 4u << 20;

// Calls copy(at, bytes) for all of dest … dest+bytes, and makes that durable. A bounded working copy need not have the whole
// of a large copy at once: its pages can go piece by piece, for which the copy waits outside of transactions.
template <class Copy>
void* copy_durably(PMEMobjpool* pop, void* dest, size_t bytes, unsigned flags, const char* function,
                   bool from_the_end, Copy copy) {
    Pool& pool = pool_of(pop);
    if (bytes <= kPieceBytes || pool.media.pins == nullptr) [[likely]] {
        copy(0, bytes);
        after_copy(pool, dest, bytes, flags, function);
        return dest;
    }
    for (size_t done = 0; done < bytes;) {
        const size_t piece = std::min(kPieceBytes, bytes - done);
        const size_t at = from_the_end ? bytes - done - piece : done;
        copy(at, piece);
        after_copy(pool, static_cast<char*>(dest) + at, piece, flags, function);
        if (pmemobj_tx_stage() == TX_STAGE_NONE)
            pool.working_copy.slow_down();
        done += piece;
    }
    return dest;
}

}  // namespace

#pragma GCC visibility push(default)

PMEMobjpool* pmemobj_pool_by_ptr(const void* addr) {
    const Pool* pool = pool_at(addr);
    return pool == nullptr ? nullptr : pool->handle();
}

PMEMobjpool* pmemobj_pool_by_oid(PMEMoid oid) {
    const Pool* pool = pool_with_identity(oid.pool_uuid_lo);
    return pool == nullptr ? nullptr : pool->handle();
}

#undef pmemobj_direct
void* pmemobj_direct(PMEMoid oid) {
    if (oid.off == 0 || oid.pool_uuid_lo == 0)
        return nullptr;
    const Pool* pool = pool_with_identity(oid.pool_uuid_lo);
    return pool == nullptr ? nullptr : pool->media.base + oid.off;
}

PMEMoid pmemobj_oid(const void* addr) {
    const Pool* pool = pool_at(addr);
    return pool == nullptr ? OID_NULL : oid_at(*pool, pool->offset_of(addr));
}

size_t pmemobj_alloc_usable_size(PMEMoid oid) {
    Pool* pool;
    Block block;
    return oid.off != 0 && find_object(oid, pool, block) ? pool->heap.usable_bytes(block) : 0;
}

uint64_t pmemobj_type_num(PMEMoid oid) {
    Pool* pool;
    Block block;
    return oid.off != 0 && find_object(oid, pool, block) ? pool->heap.type_of(block) : 0;
}

void pmemobj_persist(PMEMobjpool* pop, const void* addr, size_t len) {
    report(make_durable(pool_of(pop), addr, len), "pmemobj_persist");
}

void pmemobj_flush(PMEMobjpool* pop, const void* addr, size_t len) {
    report(note_flush(pool_of(pop), addr, len), "pmemobj_flush");
}

int pmemobj_xpersist(PMEMobjpool* pop, const void* addr, size_t len, unsigned flags) {
    if (!are_store_flags(flags, "pmemobj_xpersist"))
        return -1;
    return make_durable(pool_of(pop), addr, len) == 0 ? 0 : -1;
}

int pmemobj_xflush(PMEMobjpool* pop, const void* addr, size_t len, unsigned flags) {
    if (!are_store_flags(flags, "pmemobj_xflush"))
        return -1;
    return note_flush(pool_of(pop), addr, len) == 0 ? 0 : -1;
}

void pmemobj_drain(PMEMobjpool* pop) {
    report(drain(pool_of(pop)), "pmemobj_drain");
}

void* pmemobj_memcpy(PMEMobjpool* pop, void* dest, const void* src, size_t len, unsigned flags) {
    return copy_durably(pop, dest, len, flags, "pmemobj_memcpy", false, [=](size_t at, size_t bytes) {
        memcpy(static_cast<char*>(dest) + at, static_cast<const char*>(src) + at, bytes);
    });
}

void* pmemobj_memmove(PMEMobjpool* pop, void* dest, const void* src, size_t len, unsigned flags) {
    return copy_durably(pop, dest, len, flags, "pmemobj_memmove", dest > src, [=](size_t at, size_t bytes) {
        memmove(static_cast<char*>(dest) + at, static_cast<const char*>(src) + at, bytes);
    });
}

void* pmemobj_memset(PMEMobjpool* pop, void* dest, int c, size_t len, unsigned flags) {
    return copy_durably(pop, dest, len, flags, "pmemobj_memset", false,
                        [=](size_t at, size_t bytes) { memset(static_cast<char*>(dest) + at, c, bytes); });
}

void* pmemobj_memcpy_persist(PMEMobjpool* pop, void* dest, const void* src, size_t len) {
    return pmemobj_memcpy(pop, dest, src, len, 0);
}

void* pmemobj_memset_persist(PMEMobjpool* pop, void* dest, int c, size_t len) {
    return pmemobj_memset(pop, dest, c, len, 0);
}

PMEMoid pmemobj_first(PMEMobjpool* pop) {
    Pool& pool = pool_of(pop);
    return next_listed(pool, 0);
}

PMEMoid pmemobj_next(PMEMoid oid) {
    Pool* pool = pool_with_identity(oid.pool_uuid_lo);
    return pool == nullptr || oid.off == 0 ? OID_NULL : next_listed(*pool, oid.off);
}

#pragma GCC visibility pop
