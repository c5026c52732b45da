// The door to durability, see pool.hpp: picks the log by granularity, and extends it from the heap for a
// record that is larger than the log can take. An extension is written and durable before the record that
// refers to it, and its space is free again only after a checkpoint has put its effects at home.
#include <errno.h>
#include <string.h>

#include <algorithm>

#include "persist/pool/error_message.hpp"
#include "persist/pool/format/checksum.hpp"
#include "persist/pool/pool.hpp"
#include "src/log.hpp"

namespace terrace::persist {
namespace {

uint64_t largest_record(const Pool& pool) {
    if (pool.access != Access::kReadWrite) [[unlikely]]
        return 64u << 10;  // nothing is logged; no content is collected for it either
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

// A pool that is opened copy-on-write: what is committed is seen by this process only.
int commit_to_memory(Pool& pool, RecordBuilder& record) {
    if (record.is_out_of_memory())
        return fail(ENOMEM, "out of memory while building a log record");
    EntryReader reader = record.reader();
    for (EntryView entry; reader.next(entry);) {
        if (pool.media.regions.is_metadata(entry.offset))
            apply_to_memory(pool.media.base, entry, pool.superblock.log_seed);
    }
    return 0;
}

// What is written past the log pins its pages piece by piece, so that a bounded working copy can drop those of the others.
constexpr uint64_t kDirectPiece = 4u << 20;

// Bytes to their home past the log, in two steps; durable after the second. 0 or an errno.
int write_to_home(Pool& pool, uint64_t offset, const void* source, uint64_t bytes) {
    if (pool.media.granularity == Granularity::kCacheLine) {
        medium::store_and_flush(pool.media.home + offset, source, bytes);
        return 0;
    }
    if (int error = pool.media.check_file())
        return error;
    return medium::write_file(pool.media.file, source, bytes, offset);
}
int settle_home(Pool& pool) {
    if (pool.media.granularity == Granularity::kPage)
        return medium::sync_file(pool.media.file);
    medium::fence();
    return 0;
}

int commit_extended(Pool& pool, RecordBuilder& record) {
    const uint64_t bytes = record.entries_bytes();
    const Block place = pool.heap.reserve(bytes, 0);
    if (place.offset == 0)
        return fail(ENOMEM, "no room in the pool for a log extension of %llu bytes",
                    static_cast<unsigned long long>(bytes));
    const uint32_t checksum = checksum_words(pool.superblock.log_seed, record.entries(), bytes);
    // The working copy has something else there, which must not come home.
    const PinnedRange pinned(pool.media.pins, place.offset, bytes);
    // No older record may be replayed over the extension.
    int error = checkpoint(pool);
    if (error == 0)
        error = write_to_home(pool, place.offset, record.entries(), bytes);
    if (error == 0)
        error = settle_home(pool);
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

int refuse_changes(const Pool& pool) {
    if (pool.frozen.load(std::memory_order_relaxed))
        return fail(EPERM, "a forked child sees a frozen copy of the pool and cannot change it");
    if (pool.access == Access::kReadOnly)
        return fail(EROFS, "the pool was opened for reading only");
    return 0;
}

static inline int commit_to_log(Pool& pool, RecordBuilder& record, uint64_t* ticket) {
    if (pool.access != Access::kReadWrite || pool.frozen.load(std::memory_order_relaxed)) [[unlikely]] {
        if (const int error = refuse_changes(pool))
            return error;
        return commit_to_memory(pool, record);
    }
    if (record.is_out_of_memory()) [[unlikely]]
        return fail(ENOMEM, "out of memory while building a log record");
    if (record.padded_bytes() > largest_record(pool)) [[unlikely]]
        return commit_extended(pool, record);
    if (ticket != nullptr && pool.media.granularity == Granularity::kPage) {
        if (const int error = pool.pages.append(record, *ticket))
            return fail(error, "the pool's log cannot be written: %s", strerror(error));
        return 0;
    }
    return commit_small(pool, record, nullptr);
}

int commit_record(Pool& pool, RecordBuilder& record, uint64_t* ticket) {
    const int error = commit_to_log(pool, record, ticket);
    if (pool.media.pins != nullptr) [[unlikely]] {
        if (error != 0)
            record.unpin();
        record.unpin_unless_kept();
        pool.working_copy.slow_down();
    }
    return error;
}

int wait_until_durable(Pool& pool, uint64_t ticket) {
    if (ticket == 0)
        return 0;
    if (pool.media.granularity != Granularity::kPage)
        return fail(EINVAL, "%llu is no ticket of this pool", static_cast<unsigned long long>(ticket));
    const int error = pool.pages.wait(ticket);
    if (error == EINVAL)
        return fail(EINVAL, "%llu is no ticket of this pool", static_cast<unsigned long long>(ticket));
    return error == 0 ? 0 : fail(error, "the pool's log cannot be written: %s", strerror(error));
}

bool is_durable(Pool& pool, uint64_t ticket) {
    return ticket == 0 || (pool.media.granularity == Granularity::kPage && pool.pages.is_durable(ticket));
}

int checkpoint(Pool& pool) {
    if (pool.frozen.load(std::memory_order_relaxed))
        return EPERM;
    if (pool.access != Access::kReadWrite)
        return 0;
    if (pool.media.granularity == Granularity::kPage)
        return pool.pages.checkpoint();
    pool.lanes.checkpoint();
    return 0;
}

uint64_t direct_write_threshold(const Pool& pool) {
    return largest_record(pool) / 2;
}

int write_home_directly(Pool& pool, uint64_t offset, uint64_t bytes) {
    if (pool.access != Access::kReadWrite)
        return refuse_changes(pool);
    if (int error = checkpoint(pool))
        return fail(error, "the pool's log cannot be checkpointed: %s", strerror(error));
    int error = 0;
    for (uint64_t end = offset + bytes; offset < end && error == 0; offset += kDirectPiece) {
        const uint64_t piece = std::min(kDirectPiece, end - offset);
        const PinnedRange pinned(pool.media.pins, offset, piece);
        // The kernel reads the piece with the file's lock held, which the sweeper needs before it can open a block.
        if (pool.media.pins != nullptr)
            pool.working_copy.open_pinned(offset, piece);
        error = write_to_home(pool, offset, pool.media.base + offset, piece);
    }
    if (error == 0)
        error = settle_home(pool);
    return error == 0 ? 0 : fail(error, "the pool file cannot be written: %s", strerror(error));
}

}  // namespace terrace::persist
