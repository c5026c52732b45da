// The door to durability, see pool.hpp: picks the log by granularity, and extends it from the heap for a
// record that is larger than the log can take. An extension is written and durable before the record that
// refers to it, and its space is free again only after a checkpoint has put its effects at home.
#include <errno.h>
#include <string.h>

#include "persist/pool/checksum.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/pool.hpp"
#include "src/log.hpp"

namespace terrace::persist {
namespace {

uint64_t largest_record(const Pool& pool) {
    return pool.media.granularity == Granularity::kCacheLine ? pool.lanes.largest_record()
                                                             : pool.pages.largest_record();
}

int commit_small(Pool& pool, RecordBuilder& record, const RecordBuilder* extension) {
    const int error = pool.media.granularity == Granularity::kCacheLine
                          ? pool.lanes.commit(record, extension)
                          : pool.pages.commit(record, extension);
    if (error != 0) [[unlikely]]
        return fail(error, "the pool's log cannot be written: %s", strerror(error));
    return 0;
}

int commit_extended(Pool& pool, RecordBuilder& record) {
    const uint64_t bytes = record.entries_bytes();
    const Block place = pool.heap.reserve(bytes, 0);
    if (place.offset == 0)
        return fail(ENOMEM, "no room in the pool for a log extension of %llu bytes",
                    static_cast<unsigned long long>(bytes));
    const uint32_t checksum = checksum_words(pool.superblock.log_seed, record.entries(), bytes);
    // No older record may be replayed over the extension.
    int error = checkpoint(pool);
    if (error == 0 && pool.media.granularity == Granularity::kCacheLine) {
        medium::store_and_flush(pool.media.home + place.offset, record.entries(), bytes);
        medium::fence();
    } else if (error == 0) {
        error = medium::write_file(pool.media.file, record.entries(), bytes, place.offset);
        if (error == 0)
            error = medium::sync_file(pool.media.file);
    }
    RecordBuilder reference;
    if (error == 0) {
        reference.reset();
        reference.add_extension(place.offset, bytes, checksum);
        error = commit_small(pool, reference, &record);
    }
    reference.release();
    if (error != 0) {
        pool.heap.release(place);
        return fail(error, "a log extension cannot be written: %s", strerror(error));
    }
    // When this fails the transaction is committed all the same; the space stays taken until the pool is closed.
    if (checkpoint(pool) == 0)
        pool.heap.release(place);
    return 0;
}

}  // namespace

int commit_record(Pool& pool, RecordBuilder& record) {
    if (pool.frozen.load(std::memory_order_relaxed)) [[unlikely]]
        return fail(EPERM, "a forked child sees a frozen copy of the pool and cannot change it");
    if (record.is_out_of_memory()) [[unlikely]]
        return fail(ENOMEM, "out of memory while building a log record");
    if (record.padded_bytes() > largest_record(pool)) [[unlikely]]
        return commit_extended(pool, record);
    return commit_small(pool, record, nullptr);
}

int checkpoint(Pool& pool) {
    if (pool.frozen.load(std::memory_order_relaxed))
        return EPERM;
    if (pool.media.granularity == Granularity::kPage)
        return pool.pages.checkpoint();
    pool.lanes.checkpoint();
    return 0;
}

uint64_t direct_write_threshold(const Pool& pool) {
    return largest_record(pool) / 2;
}

int write_home_directly(Pool& pool, uint64_t offset, uint64_t bytes) {
    if (int error = checkpoint(pool))
        return fail(error, "the pool's log cannot be checkpointed: %s", strerror(error));
    if (pool.media.granularity == Granularity::kCacheLine) {
        medium::store_and_flush(pool.media.home + offset, pool.media.base + offset, bytes);
        medium::fence();
        return 0;
    }
    int error = medium::write_file(pool.media.file, pool.media.base + offset, bytes, offset);
    if (error == 0)
        error = medium::sync_file(pool.media.file);
    return error == 0 ? 0 : fail(error, "the pool file cannot be written: %s", strerror(error));
}

}  // namespace terrace::persist
