// Growing a pool, see extend_pool in pool.hpp. The new region lies behind the last one. Its segment table is made durable
// while nobody looks there yet; then one record makes the region part of the pool. A crash in between leaves a file that
// is longer than its pool, which is harmless.
#include <errno.h>
#include <string.h>

#include <algorithm>

#include "persist/pool/error_message.hpp"
#include "persist/pool/format/superblock.hpp"
#include "persist/pool/registry.hpp"
#include "persist/pool/root_page.hpp"
#include "src/files.hpp"

namespace terrace::persist {

namespace {

int prepare_file(Pool& pool, const Region& region) {
    if (int error = pool.media.check_file())
        return error;
    if (int error = reserve_file_blocks(pool.media.file, region.begin, region.end - region.begin))
        return error;
    if (int error = write_segment_table(pool.media.file, region, pool.superblock.log_seed))
        return error;
    return medium::sync_file(pool.media.file);
}

int commit_region(Pool& pool, const Region& region) {
    RootPage page = read_root_page(pool);
    page.region_end[page.region_count++] = region.end;
    RecordBuilder record;
    record.reset();
    log_root_page(pool, record, page);
    const int error = commit_record(pool, record);
    record.release();
    return error;
}

// REQUIRES: registry_lock() and root_lock are held.
int extend_locked(Pool& pool, uint64_t bytes) {
    if (int error = refuse_changes(pool))
        return error;
    if (pool.access == Access::kCopyOnWrite)
        return fail(EROFS, "a pool that is open copy-on-write cannot grow");
    if (pool.mapping.is_anonymous)
        return fail(ENOTSUP, "a pool on a device has all of it and cannot grow");
    if (bytes == 0)
        return fail(EINVAL, "a pool cannot grow by 0 bytes");
    const Region& last = pool.media.regions.last();
    const uint64_t most = pool.mapping.most_bytes();
    bytes = std::max(bytes, kSmallestRegion);
    if (bytes > most - last.end)
        return fail(ENOMEM, "the pool has %llu bytes and can grow to %llu while it is open",
                    static_cast<unsigned long long>(last.end), static_cast<unsigned long long>(most));
    if (pool.media.regions.count() == kMostRegions)
        return fail(ENOMEM, "the pool has grown %u times, which is the most", kMostRegions - 1);
    Region region;
    const uint64_t end = (last.end + bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
    if (!plan_region(last.end, end, last.first_segment + last.segment_count, region))
        return fail(EINVAL, "a pool cannot grow by %llu bytes", static_cast<unsigned long long>(bytes));
    if (int error = prepare_file(pool, region))
        return fail(error, "the pool cannot be given %llu bytes more: %s",
                    static_cast<unsigned long long>(bytes), strerror(error));
    if (pool.mapping.bytes < region.end) {
        if (int error = extend_mapping(pool.media.file, "the pool", region.end, pool.mapping))
            return error;
    }
    if (!pool.heap.reach(region.end))
        return fail(ENOMEM, "no memory for what a pool of %llu bytes needs",
                    static_cast<unsigned long long>(region.end));
    if (int error = commit_region(pool, region))
        return error;
    pool.media.regions.add(region);
    update_registered_bytes(pool);
    return 0;
}

}  // namespace

int extend_pool(Pool& pool, uint64_t bytes) {
    LockGuard registry(registry_lock());
    LockGuard guard(pool.root_lock);
    return extend_locked(pool, bytes);
}

bool grow_by_itself(Pool& pool, uint64_t bytes, uint64_t seen_bytes) {
    const uint64_t limit = pool.settings.growth_limit.load(std::memory_order_relaxed);
    if (seen_bytes >= limit || bytes >= limit)
        return false;
    LockGuard registry(registry_lock());
    LockGuard guard(pool.root_lock);
    const uint64_t now = pool.bytes();
    if (now != seen_bytes)
        return true;
    // The region's tables, and the rest of a page.
    const uint64_t needed = bytes + bytes / 64 + kSmallestRegion;
    const uint64_t step = pool.settings.growth_bytes.load(std::memory_order_relaxed);
    const uint64_t grown = std::min(std::max(needed, step), limit - now);
    return step != 0 && grown >= needed && extend_locked(pool, grown) == 0;
}

}  // namespace terrace::persist
