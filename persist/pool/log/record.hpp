// A log record: built in DRAM by one thread, appended to the log, replayed by recovery. See
// docs/pool-format.md, "Log". Heap metadata is changed by setting and clearing bits, never by copying words,
// because two transactions may change different bits of one word at the same time.
#pragma once

#include <cstdint>

#include "persist/pool/format/media_layout.hpp"
#include "persist/pool/grow_buffer.hpp"
#include "persist/pool/working_copy/page_pins.hpp"

namespace terrace::persist {

// Where a record's effects go. Plain functions over plain data: the same walk serves commit, checkpoint and recovery.
struct EntryView {
    EntryKind kind;
    uint64_t offset;
    uint64_t operand;
    const char* data;  // of kData: `operand` bytes; of kExtension: one word, the checksum

    // The bytes of the file that this entry changes (0 for an extension, which changes them through its own entries).
    uint64_t bytes() const {
        switch (kind) {
            case EntryKind::kData:
            case EntryKind::kZero:
            case EntryKind::kFormat:
                return operand;
            case EntryKind::kStore:
            case EntryKind::kSetBits:
            case EntryKind::kClearBits:
            case EntryKind::kDescribe:
                return 8;
            case EntryKind::kExtension:
                return 0;
        }
        return 0;
    }
};

// Whether the entry changes page descriptors, with their checks.
constexpr bool is_of_descriptors(EntryKind kind) {
    return kind == EntryKind::kSetBits || kind == EntryKind::kClearBits || kind == EntryKind::kDescribe ||
           kind == EntryKind::kFormat;
}

// Does in memory what an entry says; `place` is where entry.offset lies, `seed` the log's. Words change atomically, for
// other threads change other bits of them. An extension does nothing here: whoever commits it has its entries at hand.
void apply_at(char* place, const EntryView& entry, uint32_t seed);
inline void apply_to_memory(char* base, const EntryView& entry, uint32_t seed) {
    apply_at(base + entry.offset, entry, seed);
}

// Steps through entries; `next` is false at the end, and after a malformed entry (then `is_well_formed` is false).
class EntryReader {
  public:
    EntryReader(const char* entries, uint64_t bytes, uint32_t count)
        : at_(entries), end_(entries + bytes), left_(count) {}
    // Of an extension, which has no count and ends where its bytes end.
    EntryReader(const char* entries, uint64_t bytes) : EntryReader(entries, bytes, kToTheEnd) {}
    explicit EntryReader(const RecordHeader* record)
        : EntryReader(reinterpret_cast<const char*>(record + 1), record->bytes - sizeof(RecordHeader),
                      record->entry_count) {}

    // Entries of one word come back without a call: commits read the records that they have just built.
    bool next(EntryView& entry) {
        if (left_ == 0 || end_ - at_ < static_cast<ptrdiff_t>(sizeof(Entry)))
            return next_with_data(entry);
        // Two loads, as they were two stores: one of 16 bytes would wait until both have left the store buffer.
        const uint64_t target = load_word(at_);
        const Entry raw{target, load_word(at_ + 8)};
        constexpr uint64_t kOfOneWord = 1ull << static_cast<unsigned>(EntryKind::kStore) |
                                        1ull << static_cast<unsigned>(EntryKind::kSetBits) |
                                        1ull << static_cast<unsigned>(EntryKind::kClearBits) |
                                        1ull << static_cast<unsigned>(EntryKind::kDescribe);
        if (target >> 56 > 63 || (kOfOneWord >> (target >> 56) & 1) == 0 || target % 8 != 0)
            return next_with_data(entry);
        entry = {raw.kind(), raw.offset(), raw.operand, at_ + sizeof(Entry)};
        at_ += sizeof(Entry);
        left_ -= left_ != kToTheEnd;
        return true;
    }
    // The next entry is a kStore. This and take_stores() are for records that this process has built, which it may trust.
    bool is_at_store() const {
        return left_ != 0 && left_ != kToTheEnd &&
               load_word(at_) >> 56 == static_cast<uint64_t>(EntryKind::kStore);
    }
    // Gives use(offset, word) that store, and those that follow it. REQUIRES: is_at_store().
    template <class Use>
    void take_stores(const Use& use) {
        constexpr uint64_t kStoreAtZero = Entry::of_store(0, 0).target;
        const char* at = at_;
        uint32_t left = left_;
        for (; left != 0; --left, at += sizeof(Entry)) {
            const uint64_t offset = load_word(at) - kStoreAtZero;
            if (offset >> 56 != 0)  // of another kind
                break;
            use(offset, load_word(at + 8));
        }
        at_ = at;
        left_ = left;
    }
    bool is_well_formed() const { return well_formed_; }

  private:
    static constexpr uint32_t kToTheEnd = UINT32_MAX;
    static uint64_t load_word(const char* place) {
        uint64_t word;
        __builtin_memcpy(&word, place, sizeof word);
        return word;
    }
    bool next_with_data(EntryView& entry);

    const char* at_;
    const char* end_;
    uint32_t left_;
    bool well_formed_ = true;
};

class RecordBuilder {
  public:
    // With `pins`, the pages of data and words are pinned as they are added, before anything is read there, until
    // unpin() or the next reset().
    void reset(PagePins* pins = nullptr) {
        unpin();
        pins_ = pins;
        entries_ = 0;
        end_of_bits_ = 0;
        described_ = 0;
        out_of_memory_ = false;
        buffer_.clear();
        if (buffer_.room(sizeof(RecordHeader)) == nullptr)
            out_of_memory_ = true;
        else
            buffer_.take(sizeof(RecordHeader));
    }
    void add_data(uint64_t offset, const void* source, uint64_t bytes) {
        if (pins_ != nullptr && bytes != 0) [[unlikely]]
            pins_->pin(offset, bytes);
        // A word is read at once: another thread's atomic may change it right now.
        if (bytes == 8 && offset % 8 == 0 && reinterpret_cast<uintptr_t>(source) % 8 == 0)
            add(EntryKind::kStore, offset,
                __atomic_load_n(static_cast<const uint64_t*>(source), __ATOMIC_RELAXED));
        else
            add_bytes(offset, source, bytes);
    }
    void add_store(uint64_t offset, uint64_t word) {
        if (pins_ != nullptr) [[unlikely]]
            pins_->pin(offset, sizeof word);
        add(EntryKind::kStore, offset, word);
    }
    // Room for many stores at once, which the caller fills in with Entry::of_store; null when DRAM is short, and where pages
    // have to be pinned: then it is add_store for each of them.
    Entry* add_stores(uint64_t count) {
        if (pins_ != nullptr) [[unlikely]]
            return nullptr;
        char* const place = buffer_.room(count * sizeof(Entry));
        if (place == nullptr) [[unlikely]]
            return nullptr;
        buffer_.take(count * sizeof(Entry));
        entries_ += static_cast<uint32_t>(count);
        return reinterpret_cast<Entry*>(place);
    }
    void add_zero(uint64_t offset, uint64_t bytes);
    // The rest of them change page descriptors.
    void add_set_bits(uint64_t offset, uint64_t bits) { add_bits(EntryKind::kSetBits, offset, bits); }
    void add_clear_bits(uint64_t offset, uint64_t bits) { add_bits(EntryKind::kClearBits, offset, bits); }
    void add_describe(uint64_t offset, uint64_t word) { add(EntryKind::kDescribe, offset, word); }
    // Whether it is not the slab that was asked for last: that one this record describes already.
    bool is_to_be_described(uint64_t descriptor) {
        const bool is_new = described_ != descriptor;
        described_ = descriptor;
        return is_new;
    }
    void add_format(uint64_t offset, uint64_t bytes) { add(EntryKind::kFormat, offset, bytes); }
    void add_extension(uint64_t offset, uint64_t bytes, uint32_t checksum);

    // The working copy gets some of these bytes only after the commit: whoever stores them there calls unpin().
    void keep_pins() { keep_pins_ = true; }
    void unpin_unless_kept() {
        if (!keep_pins_)
            unpin();
    }
    void unpin() {
        if (pins_ != nullptr) [[unlikely]]
            unpin_entries();
    }

    bool is_empty() const { return entries_ == 0; }
    bool is_out_of_memory() const { return out_of_memory_; }
    // Header, entries and padding: a multiple of 64.
    uint64_t padded_bytes() const { return (buffer_.size() + kLineBytes - 1) & ~(kLineBytes - 1); }

    // The finished record, 64-byte aligned, valid at exactly this place of the log. REQUIRES: pad() was true.
    const RecordHeader* seal(uint64_t sequence, uint64_t previous, uint64_t position, uint32_t seed);
    // The part of seal() that may run out of memory. Entries end at whole words.
    bool pad() {
        const uint64_t padding = padded_bytes() - buffer_.size();
        char* const place = buffer_.room(kLineBytes);
        if (place == nullptr || out_of_memory_) [[unlikely]]
            return false;
        constexpr uint64_t kZero = 0;
        for (uint64_t at = 0; at < padding; at += sizeof kZero)
            __builtin_memcpy(place + at, &kZero, sizeof kZero);
        return true;
    }
    const RecordHeader* record() const { return reinterpret_cast<const RecordHeader*>(buffer_.data()); }

    // The bare entries, for a log extension.
    const char* entries() const { return buffer_.data() + sizeof(RecordHeader); }
    uint64_t entries_bytes() const { return buffer_.size() - sizeof(RecordHeader); }
    EntryReader reader() const { return EntryReader(entries(), entries_bytes(), entries_); }

    void release() {
        unpin();
        buffer_.release();
    }

  private:
    // Bits of one word, added one after the other, are one entry.
    void add_bits(EntryKind kind, uint64_t offset, uint64_t bits) {
        if (buffer_.size() == end_of_bits_) {
            auto* const last = reinterpret_cast<Entry*>(buffer_.data() + buffer_.size() - sizeof(Entry));
            if (last->kind() == kind && last->offset() == offset) {
                last->operand |= bits;
                return;
            }
        }
        add(kind, offset, bits);
        end_of_bits_ = buffer_.size();
    }
    void unpin_entries();
    void add_bytes(uint64_t offset, const void* source, uint64_t bytes);
    void add(EntryKind kind, uint64_t offset, uint64_t operand) {
        char* place = buffer_.room(sizeof(Entry));
        if (place == nullptr) [[unlikely]] {
            out_of_memory_ = true;
            return;
        }
        auto* entry = reinterpret_cast<Entry*>(place);
        entry->target = offset | uint64_t{static_cast<uint8_t>(kind)} << 56;
        entry->operand = operand;
        buffer_.take(sizeof(Entry));
        ++entries_;
    }

    GrowBuffer buffer_;
    PagePins* pins_ = nullptr;
    uint64_t described_ = 0;
    uint64_t end_of_bits_ = 0;  // where an entry of bits ended that was added last
    uint32_t entries_ = 0;
    bool out_of_memory_ = false;
    bool keep_pins_ = false;
};

// Whether the bytes at `record` are a whole record written for this place; `readable` bytes may be looked at.
// Writes the checksum field and puts it back, so the bytes must be a copy in DRAM.
bool is_valid_record(RecordHeader* record, uint64_t readable, uint64_t position, uint32_t seed);

}  // namespace terrace::persist
