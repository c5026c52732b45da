// Which bytes a transaction already covers, so that adding a range again costs one look: a hash table from
// cache line to a bit for each of its bytes, and a list of the large ranges. It only saves work. An abort
// restores in reverse order and so reaches the oldest content even if a range was noted twice; a commit that
// writes a byte twice writes the same byte. Thread safety: one owner.
#pragma once

#include <cstdint>

#include "persist/pool/format/media_layout.hpp"
#include "persist/pool/grow_buffer.hpp"

namespace terrace::persist {

class RangeIndex {
  public:
    // Ranges up to this size are kept by line, larger ones in the list.
    static constexpr uint64_t kSmall = 1024;

    void clear() {
        large_.clear();
        room_at_once_ = room_;
        used_ = 0;
        first_key_ += kOneEpoch;
        if (first_key_ == 0) [[unlikely]]
            forget_all();
    }
    void release();

    // The bytes of the line at `line * 64` that are covered, with `bytes` (a bit each) added; false when DRAM
    // is short.
    [[nodiscard]] bool cover_line(uint64_t line, uint64_t bytes, uint64_t& before) {
        if (used_ == room_) [[unlikely]] {
            if (!grow())
                return false;
        }
        const uint64_t key = key_of(line);
        for (uint64_t i = hash(line);; ++i) {
            Slot& slot = slots_[i & mask_];
            if (slot.key == key) {
                before = slot.covered;
                slot.covered |= bytes;
                return true;
            }
            if (slot.key < first_key_) [[likely]] {  // of an earlier transaction
                slot.key = key;
                slot.covered = bytes;
                ++used_;
                before = 0;
                return true;
            }
        }
    }
    // The same for kBytes at `offset`, all in one line, in the usual case, without a call: one look into the table. False
    // when it takes more, and while there is a large range, which may cover the bytes. The address of the slot comes first:
    // it is what the processor waits for.
    template <uint64_t kBytes>
    [[nodiscard]] bool cover_at_once(uint64_t offset, uint64_t& before) {
        if (used_ >= room_at_once_) [[unlikely]]
            return false;
        const uint64_t line = offset / kLineBytes;
        Slot& slot = slots_[hash(line) & mask_];
        const uint64_t key = key_of(line);
        const uint64_t bytes = byte_mask(0, kBytes) << offset % kLineBytes;
        if (slot.key < first_key_) [[likely]] {
            slot.key = key;
            slot.covered = bytes;
            ++used_;
            before = 0;
            return true;
        }
        if (slot.key != key)
            return false;
        before = slot.covered & bytes;
        slot.covered |= before == 0 ? bytes : 0;
        return before == 0 || before == bytes;
    }
    bool has_large() const { return !large_.empty(); }
    [[nodiscard]] bool cover_large(uint64_t offset, uint64_t bytes) {
        room_at_once_ = 0;
        return large_.push({offset, bytes});
    }
    // Whether one large range holds all of it.
    bool is_in_large(uint64_t offset, uint64_t bytes);
    bool overlaps_large(uint64_t offset, uint64_t bytes);
    uint64_t covered_in_line(uint64_t line) const;

    // A bit for each byte from `first` (0-63) on, `count` (1-64) of them.
    static uint64_t byte_mask(uint64_t first, uint64_t count) {
        return (count == 64 ? ~0ull : (1ull << count) - 1) << first;
    }

  private:
    struct Slot {
        uint64_t key;  // epoch in the high 20 bits, line in the low 44
        uint64_t covered;
    };
    struct Large {
        uint64_t offset;
        uint64_t bytes;
    };
    static constexpr uint64_t kOneEpoch = 1ull << 44;
    static constexpr uint64_t kFirstSlots = 1024;

    uint64_t key_of(uint64_t line) const { return first_key_ + line; }
    // Four neighbours in the file have neighbouring slots: one line of the table serves them all. The factor fits into an
    // instruction. It was chosen by trial: lines 1, 2, 4, 5, 16 and 64 apart, 100 to a million of them, seldom meet.
    static uint64_t hash(uint64_t line) {
        return ((((line >> 2) * 0x496B86D3u) >> 20) & ~uint64_t{3}) + (line & 3);
    }
    bool grow();
    void forget_all();

    Slot* slots_ = nullptr;
    uint64_t mask_ = 0;          // number of slots, a power of two, less 1
    uint64_t room_ = 0;          // half of them: as many may be used
    uint64_t room_at_once_ = 0;  // the same; 0 while there is a large range
    uint64_t used_ = 0;
    uint64_t first_key_ = kOneEpoch;  // this transaction's epoch; earlier ones are smaller
    GrowArray<Large> large_;
};

}  // namespace terrace::persist
