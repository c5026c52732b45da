// Whether the page descriptors that recovery is about to change were damaged. Replaying gives each of them a right
// check, which would hide that. What a crash may have left is known: at cache-line granularity any part of the changes
// that the log names, so the check that lies on the medium may differ from the right one by the sum of some of their
// differences, and by nothing else; at page granularity whole sectors, so that the check is right.
// Thread safety: one owner.
#pragma once

#include <cstdint>

#include "persist/pool/format/media_layout.hpp"
#include "persist/pool/grow_buffer.hpp"
#include "persist/pool/log/record.hpp"

namespace terrace::persist {

class DescriptorAudit {
  public:
    // Every entry of the log that will be replayed, in that order. False when DRAM is short.
    [[nodiscard]] bool note(const EntryView& entry);
    // 0, or an errno with the message set: EINVAL for a damaged descriptor. Changes nothing.
    [[nodiscard]] int verify(int file, const char* path, uint32_t seed, bool whole_sectors);
    void release();

  private:
    struct Change {
        uint64_t descriptor;  // offset
        uint64_t order;
        EntryView entry;
    };
    struct Range {
        uint64_t offset;
        uint64_t bytes;
    };
    bool is_formatted(uint64_t descriptor) const;

    GrowArray<Change> changes_;
    GrowArray<Range> formatted_;  // made anew by the log: what was there does not matter
};

}  // namespace terrace::persist
