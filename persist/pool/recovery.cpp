// See recovery.hpp.
// Order: look at everything first (nothing is changed in a pool that will be refused), replay, sync, move the
// watermark, sync. Only then may the log be written again.
// An extension is read through the file, never through the working copy: recovery runs before anything is mapped.
#include "persist/pool/recovery.hpp"

#include <errno.h>
#include <string.h>

#include <algorithm>

#include "persist/pool/checksum.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/medium.hpp"
#include "persist/pool/superblock.hpp"

namespace terrace::persist {

int LogScan::read(int file, const char* path, const Superblock& superblock, uint64_t watermark) {
    file_ = file;
    seed_ = superblock.log_seed;
    log_offset_ = superblock.log_offset;
    last_sequence_ = watermark;
    char* log = log_.room(superblock.log_bytes);
    if (log == nullptr)
        return fail(ENOMEM, "%s: no memory to read the log", path);
    if (int error = medium::read_file(file, log, superblock.log_bytes, superblock.log_offset))
        return fail(error, "%s: the log cannot be read: %s", path, strerror(error));

    for (uint64_t at_byte = 0; at_byte + sizeof(RecordHeader) <= superblock.log_bytes;
         at_byte += kLineBytes) {
        auto* record = reinterpret_cast<RecordHeader*>(log + at_byte);
        if (record->magic != kRecordMagic || record->sequence <= watermark)
            continue;
        if (!is_valid_record(record, superblock.log_bytes - at_byte, log_offset_ + at_byte, seed_))
            continue;  // torn: it was being written when the machine stopped, so it was never committed
        if (!records_.push({record->sequence, log_offset_ + at_byte}))
            return fail(ENOMEM, "%s: no memory to read the log", path);
        at_byte += record->bytes - kLineBytes;
    }
    std::sort(records_.begin(), records_.end(),
              [](const Found& a, const Found& b) { return a.sequence < b.sequence; });
    for (const Found& found : records_) {
        if (int error = check_entries(path, superblock, EntryReader(at(found)), false))
            return error;
        last_sequence_ = found.sequence;
    }
    return 0;
}

int LogScan::check_entries(const char* path, const Superblock& superblock, EntryReader reader, bool nested) {
    for (EntryView entry; reader.next(entry);) {
        const bool is_extension = entry.kind == EntryKind::kExtension;
        const uint64_t bytes = is_extension ? entry.operand : entry.bytes();
        if (entry.offset < kRootOffset || bytes > superblock.pool_bytes ||
            entry.offset > superblock.pool_bytes - bytes || (is_extension && (nested || bytes % 8 != 0)))
            return fail(EINVAL, "%s: the log is damaged: an entry reaches outside the pool", path);
        if (!is_extension)
            continue;
        if (int error = read_extension(entry.offset, bytes))
            return fail(error, "%s: a log extension cannot be read: %s", path, strerror(error));
        uint64_t expected;
        memcpy(&expected, entry.data, sizeof expected);
        if (checksum_words(seed_, extension_.data(), bytes) != expected)
            return fail(EINVAL,
                        "%s: the log is damaged: an extension at offset %llu does not match its checksum",
                        path, static_cast<unsigned long long>(entry.offset));
        EntryReader further(extension_.data(), bytes, UINT32_MAX);
        if (int error = check_entries(path, superblock, further, true))
            return error;
    }
    // An extension has no count: it ends where its bytes end.
    if (!nested && !reader.is_well_formed())
        return fail(EINVAL, "%s: the log is damaged: a record holds an entry of an unknown kind", path);
    return 0;
}

int LogScan::read_extension(uint64_t offset, uint64_t bytes) {
    extension_.truncate(0);
    char* target = extension_.room(bytes);
    if (target == nullptr)
        return ENOMEM;
    return medium::read_file(file_, target, bytes, offset);
}

void LogScan::release() {
    log_.release();
    extension_.release();
    records_.release();
}

namespace {

int replay_to_file(int file, const Superblock& superblock, LogScan& scan) {
    FilePatcher patcher;
    if (int error = patcher.open(file))
        return error;
    int error = scan.replay(patcher);
    if (error == 0)
        error = patcher.flush();
    if (error == 0)
        error = medium::sync_file(file);
    patcher.close();
    if (error != 0)
        return error;
    // Both slots: the older one could otherwise win over a damaged newer one and replay records twice.
    const WatermarkSlot slot = make_watermark(scan.last_sequence(), superblock.log_seed);
    for (uint64_t offset : kWatermarkOffset) {
        if ((error = medium::write_file(file, &slot, sizeof slot, offset)) != 0)
            return error;
        if ((error = medium::sync_file(file)) != 0)
            return error;
    }
    return 0;
}

}  // namespace

int recover_file(int file, const char* path, const Superblock& superblock, uint64_t& last_sequence) {
    uint64_t watermark = 0;
    if (int error = read_watermark(file, path, superblock.log_seed, watermark))
        return error;
    LogScan scan;
    int error = scan.read(file, path, superblock, watermark);
    last_sequence = scan.last_sequence();
    if (error == 0 && scan.record_count() > 0) {
        error = replay_to_file(file, superblock, scan);
        if (error != 0)
            fail(error, "%s: recovery could not write the pool: %s", path, strerror(error));
    }
    scan.release();
    return error;
}

}  // namespace terrace::persist
