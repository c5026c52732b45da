// See recovery.hpp.
// Order: look at everything first (nothing is changed in a pool that will be refused), replay, sync, move the
// watermark, sync. Only then may the log be written again.
// An extension is read through the file, never through the working copy: recovery runs before anything is mapped.
#include "persist/pool/log/recovery.hpp"

#include <errno.h>
#include <string.h>

#include <algorithm>

#include "persist/pool/device_file.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/format/checksum.hpp"
#include "persist/pool/format/superblock.hpp"
#include "persist/pool/medium.hpp"

namespace terrace::persist {

int LogScan::read(int file, const char* path, const Superblock& superblock, uint64_t watermark) {
    if (int error = pool_file_bytes(file, file_bytes_))
        return fail(error, "%s: %s", path, strerror(error));
    file_ = file;
    seed_ = superblock.log_seed;
    last_sequence_ = watermark;
    for (uint64_t at_byte = 0; at_byte + sizeof(RecordHeader) <= superblock.log_bytes;) {
        const RecordHeader* header = nullptr;
        if (int error = look_at(superblock, at_byte, header))
            return fail(error, "%s: the log cannot be read: %s", path, strerror(error));
        uint64_t step = kLineBytes;
        if (header->magic == kRecordMagic && header->sequence > watermark) {
            if (int error = keep_if_valid(superblock, at_byte, *header, step))
                return fail(error, "%s: the log cannot be read: %s", path, strerror(error));
        }
        at_byte += step;
    }
    std::sort(records_.begin(), records_.end(),
              [](const Found& a, const Found& b) { return a.sequence < b.sequence; });
    if (!records_.empty())
        last_sequence_ = records_.back().sequence;
    if (int error = keep_what_was_committed(path, watermark))
        return error;
    for (const Found& found : records_) {
        if (int error = check_entries(path, EntryReader(at(found)), false))
            return error;
    }
    return audit_.verify(file_, path, seed_, is_one_sequence_);
}

// The header that may be at `at_byte` of the log, which is read piece by piece: most of it is nothing to keep.
int LogScan::look_at(const Superblock& superblock, uint64_t at_byte, const RecordHeader*& header) {
    if (piece_.size() == 0 || at_byte < piece_begin_ || at_byte >= piece_begin_ + piece_.size()) {
        piece_.truncate(0);
        char* const room = piece_.room(kPieceBytes);
        if (room == nullptr)
            return ENOMEM;
        const uint64_t bytes = std::min(kPieceBytes, superblock.log_bytes - at_byte);
        if (int error = medium::read_file(file_, room, bytes, superblock.log_offset + at_byte))
            return error;
        piece_begin_ = at_byte;
        piece_.take(bytes);
    }
    header = reinterpret_cast<const RecordHeader*>(piece_.data() + (at_byte - piece_begin_));
    return 0;
}

// `step`: to where the next record may begin.
int LogScan::keep_if_valid(const Superblock& superblock, uint64_t at_byte, const RecordHeader& header,
                           uint64_t& step) {
    const uint64_t bytes = header.bytes;
    if (bytes < sizeof header || bytes % kLineBytes != 0 || bytes > superblock.log_bytes - at_byte)
        return 0;
    const uint64_t place = log_.size();
    char* const copy = log_.room(bytes);
    if (copy == nullptr)
        return ENOMEM;
    const uint64_t position = superblock.log_offset + at_byte;
    if (int error = medium::read_file(file_, copy, bytes, position))
        return error;
    if (!is_valid_record(reinterpret_cast<RecordHeader*>(copy), bytes, position, seed_))
        return 0;
    if (!records_.push({reinterpret_cast<RecordHeader*>(copy)->sequence, position, place}))
        return ENOMEM;
    log_.take(bytes);
    step = bytes;
    return 0;
}

bool LogScan::has_sequence(uint64_t sequence) const {
    return std::binary_search(records_.begin(), records_.end(), Found{sequence, 0, 0},
                              [](const Found& a, const Found& b) { return a.sequence < b.sequence; });
}

// At page granularity the log is one sequence, and a group of records becomes durable at once: whatever lies behind
// the first gap was not committed. Lanes have no such order between them.
int LogScan::keep_what_was_committed(const char* path, uint64_t watermark) {
    uint64_t unbroken = watermark;
    for (const Found& found : records_) {
        if (found.sequence != unbroken + 1)
            break;
        ++unbroken;
    }
    for (const Found& found : records_) {
        const uint64_t previous = at(found)->previous & ~kAllBefore;
        const bool proves_all = (at(found)->previous & kAllBefore) != 0;
        is_one_sequence_ |= proves_all;
        if (previous <= watermark || (proves_all ? previous <= unbroken : has_sequence(previous)))
            continue;
        return fail(EINVAL,
                    "%s: the log is damaged: record %llu, which was committed before the one at offset %llu, "
                    "is missing or does not match its checksum",
                    path, static_cast<unsigned long long>(proves_all ? unbroken + 1 : previous),
                    static_cast<unsigned long long>(found.position));
    }
    if (is_one_sequence_)
        records_.truncate(unbroken - watermark);
    return 0;
}

int LogScan::check_entries(const char* path, EntryReader reader, bool nested) {
    for (EntryView entry; reader.next(entry);) {
        const bool is_extension = entry.kind == EntryKind::kExtension;
        const uint64_t bytes = is_extension ? entry.operand : entry.bytes();
        // The pool may have grown by one of these records, so the file's end is the bound.
        if (entry.offset < kRootOffset || bytes > file_bytes_ || entry.offset > file_bytes_ - bytes ||
            (is_extension && (nested || bytes % 8 != 0)))
            return fail(EINVAL, "%s: the log is damaged: an entry reaches outside the pool", path);
        if (!audit_.note(entry))
            return fail(ENOMEM, "%s: no memory to read the log", path);
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
        EntryReader further(extension_.data(), bytes);
        if (int error = check_entries(path, further, true))
            return error;
    }
    if (!reader.is_well_formed())
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
    piece_.release();
    log_.release();
    extension_.release();
    records_.release();
    audit_.release();
}

namespace {

int replay_to_file(int file, const Superblock& superblock, LogScan& scan) {
    FilePatcher patcher;
    if (int error = patcher.open(file, superblock.log_seed))
        return error;
    int error = scan.replay(patcher);
    if (error == 0)
        error = patcher.flush();
    if (error == 0)
        error = medium::sync_file(file);
    patcher.close();
    return error;
}

}  // namespace

int recover_file(int file, const char* path, const Superblock& superblock, uint64_t& last_sequence) {
    Watermark watermark;
    if (int error = read_watermark(file, path, superblock.log_seed, watermark))
        return error;
    last_sequence = watermark.sequence;
    LogScan scan;
    int error = watermark.log_is_empty ? 0 : scan.read(file, path, superblock, watermark.sequence);
    if (error != 0) {
        scan.release();
        return error;
    }
    if (!watermark.log_is_empty)
        last_sequence = scan.last_sequence();
    error = repair_watermark(file, watermark, superblock.log_seed);
    if (error == 0 && scan.record_count() > 0)
        error = replay_to_file(file, superblock, scan);
    scan.release();
    // From here on the log has to be looked at; and records that were not replayed are never looked at again.
    if (error == 0 && (watermark.log_is_empty || last_sequence != watermark.sequence))
        error = write_watermarks(file, last_sequence, superblock.log_seed);
    return error == 0 ? 0 : fail(error, "%s: recovery could not write the pool: %s", path, strerror(error));
}

}  // namespace terrace::persist
