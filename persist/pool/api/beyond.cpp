// libpmemobj/beyond.h: opening with flags, growing, figures, commits without waiting.
// Thread safety: as the public header says.
#include "persist/pool/api/exported.hpp"
#pragma GCC visibility push(default)
#include <libpmemobj/beyond.h>
#pragma GCC visibility pop

#include <errno.h>

#include "persist/pool/api/pool.hpp"
#include "persist/pool/api/tx_support.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/pool.hpp"

using namespace terrace::persist;

#pragma GCC visibility push(default)

PMEMobjpool* pmemobj_xopen(const char* path, const char* layout, unsigned flags) {
    switch (flags) {
        case 0:
            return open_configured(path, layout, Access::kReadWrite);
        case POBJ_OPEN_READ_ONLY:
            return open_configured(path, layout, Access::kReadOnly);
        case POBJ_OPEN_COPY_ON_WRITE:
            return open_configured(path, layout, Access::kCopyOnWrite);
        default:
            fail(EINVAL,
                 "pmemobj_xopen: flags 0x%x; 0, POBJ_OPEN_READ_ONLY or POBJ_OPEN_COPY_ON_WRITE is allowed",
                 flags);
            return nullptr;
    }
}

int pmemobj_extend(PMEMobjpool* pop, size_t bytes) {
    return extend_pool(pool_of(pop), bytes) == 0 ? 0 : -1;
}

int pmemobj_space(PMEMobjpool* pop, struct pobj_space* space, size_t space_size) {
    if (space == nullptr || space_size != sizeof *space) {
        fail(EINVAL, "pmemobj_space: a structure of %zu bytes; this library fills one of %zu", space_size,
             sizeof *space);
        return -1;
    }
    Pool& pool = pool_of(pop);
    const HeapUsage usage = pool.heap.usage();
    *space = {pool.bytes(),     usage.heap_bytes,         usage.objects,    usage.object_bytes,
              usage.free_bytes, usage.largest_free_bytes, usage.slab_bytes, usage.slab_object_bytes};
    return 0;
}

uint64_t pmemobj_tx_commit_async(void) {
    Transaction& tx = transaction_at_work("pmemobj_tx_commit_async");
    tx.ticket = 0;
    tx.may_commit_later = tx.levels.size() == 1;
    pmemobj_tx_commit();
    tx.may_commit_later = false;
    return tx.ticket;
}

int pmemobj_wait_durable(PMEMobjpool* pop, uint64_t ticket) {
    return wait_until_durable(pool_of(pop), ticket) == 0 ? 0 : -1;
}

int pmemobj_is_durable(PMEMobjpool* pop, uint64_t ticket) {
    return is_durable(pool_of(pop), ticket) ? 1 : 0;
}

#pragma GCC visibility pop
