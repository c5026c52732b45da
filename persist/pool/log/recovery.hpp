// Recovery: finds the valid records above the watermark and replays them, oldest first. Idempotent: nothing
// moves the watermark before every effect is durable, so a crash during recovery only repeats it. The log is
// searched at every multiple of 64, so recovery does not depend on how it was divided into lanes.
// A record that does not match its checksum was being written when the machine stopped, and nobody was told that it is
// committed; unless a later record proves that it was durable (RecordHeader::previous): then the log is damaged.
#pragma once

#include <cstdint>

#include "persist/pool/format/media_layout.hpp"
#include "persist/pool/grow_buffer.hpp"
#include "persist/pool/log/descriptor_audit.hpp"
#include "persist/pool/log/file_patcher.hpp"

namespace terrace::persist {

class LogScan {
  public:
    // Reads the log and notes what is to be replayed. Changes nothing. 0 or an errno with the message set;
    // EINVAL when a record whose checksum is right asks for something impossible.
    [[nodiscard]] int read(int file, const char* path, const Superblock& superblock, uint64_t watermark);
    void release();

    uint64_t record_count() const { return records_.size(); }
    // The largest that the log holds, replayed or not; the watermark when there is none. No new record may have it or less.
    uint64_t last_sequence() const { return last_sequence_; }

    // REQUIRES: read() succeeded. Applies every record in sequence order; 0 or the patcher's errno.
    template <class Patcher>
    [[nodiscard]] int replay(Patcher& patcher);

  private:
    struct Found {
        uint64_t sequence;
        uint64_t position;  // in the file
        uint64_t place;     // in log_
    };
    const RecordHeader* at(const Found& found) const {
        return reinterpret_cast<const RecordHeader*>(log_.data() + found.place);
    }
    [[nodiscard]] int look_at(const Superblock& superblock, uint64_t at_byte, const RecordHeader*& header);
    [[nodiscard]] int keep_if_valid(const Superblock& superblock, uint64_t at_byte,
                                    const RecordHeader& header, uint64_t& step);
    [[nodiscard]] int keep_what_was_committed(const char* path, uint64_t watermark);
    bool has_sequence(uint64_t sequence) const;
    [[nodiscard]] int check_entries(const char* path, EntryReader reader, bool nested);
    [[nodiscard]] int read_extension(uint64_t offset, uint64_t bytes);

    int file_ = -1;
    uint64_t file_bytes_ = 0;
    uint32_t seed_ = 0;
    uint64_t last_sequence_ = 0;
    static constexpr uint64_t kPieceBytes = 64 << 10;
    GrowBuffer piece_;  // of the log, as it lies in the file
    uint64_t piece_begin_ = 0;
    GrowBuffer log_;  // the records that are to be replayed
    GrowBuffer extension_;
    GrowArray<Found> records_;
    DescriptorAudit audit_;
    bool is_one_sequence_ = false;  // page granularity: what lies behind the first gap was not committed
};

template <class Patcher>
int LogScan::replay(Patcher& patcher) {
    for (const Found& found : records_) {
        EntryReader reader(at(found));
        for (EntryView entry; reader.next(entry);) {
            if (entry.kind != EntryKind::kExtension) {
                if (int error = patch_entry(patcher, entry))
                    return error;
                continue;
            }
            if (int error = read_extension(entry.offset, entry.operand))
                return error;
            EntryReader further(extension_.data(), entry.operand);
            for (EntryView inner; further.next(inner);) {
                if (int error = patch_entry(patcher, inner))
                    return error;
            }
        }
    }
    return 0;
}

// Brings an unopened pool file to the state of its last commit. 0 or an errno with the message set.
// `last_sequence` is the largest sequence ever used, as far as the file tells.
[[nodiscard]] int recover_file(int file, const char* path, const Superblock& superblock,
                               uint64_t& last_sequence);

}  // namespace terrace::persist
