// See record.hpp.
// The checksum covers the header too, with its own field as zero, and begins with the pool's seed and the record's
// place: a record is valid only there, under its own sequence, in its own pool.
#include "persist/pool/log/record.hpp"

#include <cstring>

#include "persist/pool/format/checksum.hpp"
#include "persist/pool/format/descriptor.hpp"

namespace terrace::persist {
namespace {

constexpr uint64_t round_up_8(uint64_t bytes) {
    return (bytes + 7) & ~uint64_t{7};
}

uint32_t seed_at(uint32_t seed, uint64_t position) {
    return seed ^ static_cast<uint32_t>(position / kLineBytes * 0x9E3779B1u);
}

void format_descriptors(char* place, const EntryView& entry, uint32_t seed) {
    for (uint64_t at = 0; at < entry.operand; at += sizeof(PageDescriptor)) {
        const PageDescriptor empty = descriptor::empty(seed, entry.offset + at);
        memcpy(place + at, &empty, sizeof empty);
    }
}

}  // namespace

void apply_at(char* place, const EntryView& entry, uint32_t seed) {
    auto* const word = reinterpret_cast<uint64_t*>(place);
    switch (entry.kind) {
        case EntryKind::kStore:
            __atomic_store_n(word, entry.operand, __ATOMIC_RELAXED);
            break;
        case EntryKind::kData:
            memcpy(place, entry.data, entry.operand);
            break;
        case EntryKind::kSetBits:
            descriptor::set_bits(word, entry.operand);
            break;
        case EntryKind::kClearBits:
            descriptor::clear_bits(word, entry.operand);
            break;
        case EntryKind::kDescribe:
            descriptor::store(word, entry.operand);
            break;
        case EntryKind::kFormat:
            format_descriptors(place, entry, seed);
            break;
        case EntryKind::kZero:
            memset(place, 0, entry.operand);
            break;
        case EntryKind::kExtension:
            break;
    }
}

void RecordBuilder::add_bytes(uint64_t offset, const void* source, uint64_t bytes) {
    const uint64_t padded = round_up_8(bytes);
    char* place = buffer_.room(sizeof(Entry) + padded);
    if (place == nullptr) [[unlikely]] {
        out_of_memory_ = true;
        return;
    }
    auto* entry = reinterpret_cast<Entry*>(place);
    entry->target = offset | uint64_t{static_cast<uint8_t>(EntryKind::kData)} << 56;
    entry->operand = bytes;
    if (padded != bytes)
        memset(place + sizeof(Entry) + padded - 8, 0, 8);
    memcpy(place + sizeof(Entry), source, bytes);
    buffer_.take(sizeof(Entry) + padded);
    ++entries_;
}

// A range that found no room in the buffer stays pinned: its page is not dropped any more, which does no harm.
void RecordBuilder::unpin_entries() {
    EntryReader entries = reader();
    for (EntryView entry; entries.next(entry);) {
        if ((entry.kind == EntryKind::kData && entry.operand != 0) || entry.kind == EntryKind::kStore)
            pins_->unpin(entry.offset, entry.bytes());
    }
    pins_ = nullptr;
    keep_pins_ = false;
}

// In pieces, for the log keeps the length of an entry's lines in 20 bits.
void RecordBuilder::add_zero(uint64_t offset, uint64_t bytes) {
    constexpr uint64_t kPiece = 32u << 20;
    for (; bytes > kPiece; offset += kPiece, bytes -= kPiece)
        add(EntryKind::kZero, offset, kPiece);
    add(EntryKind::kZero, offset, bytes);
}

void RecordBuilder::add_extension(uint64_t offset, uint64_t bytes, uint32_t checksum) {
    add(EntryKind::kExtension, offset, bytes);
    char* place = buffer_.room(8);
    if (place == nullptr) {
        out_of_memory_ = true;
        return;
    }
    const uint64_t word = checksum;
    memcpy(place, &word, sizeof word);
    buffer_.take(8);
}

const RecordHeader* RecordBuilder::seal(uint64_t sequence, uint64_t previous, uint64_t position,
                                        uint32_t seed) {
    auto* header = reinterpret_cast<RecordHeader*>(buffer_.data());
    const uint64_t bytes = padded_bytes();
    header->magic = kRecordMagic;
    header->bytes = static_cast<uint32_t>(bytes);
    header->sequence = sequence;
    header->previous = previous;
    header->entry_count = entries_;
    header->checksum = 0;
    header->checksum = checksum_words(seed_at(seed, position), header, bytes);
    return header;
}

bool EntryReader::next_with_data(EntryView& entry) {
    if (left_ == 0 || (left_ == kToTheEnd && at_ == end_))
        return false;
    if (end_ - at_ < static_cast<ptrdiff_t>(sizeof(Entry))) {
        well_formed_ = false;
        return false;
    }
    const Entry raw{load_word(at_), load_word(at_ + 8)};
    entry = {raw.kind(), raw.offset(), raw.operand, at_ + sizeof(Entry)};
    uint64_t trailing = 0;
    switch (entry.kind) {
        case EntryKind::kData:
            trailing = raw.operand;
            break;
        case EntryKind::kExtension:
            trailing = 8;
            break;
        case EntryKind::kStore:
        case EntryKind::kSetBits:
        case EntryKind::kClearBits:
        case EntryKind::kDescribe:
            if (entry.offset % 8 != 0)
                well_formed_ = false;
            break;
        case EntryKind::kFormat:
            if (entry.offset % sizeof(PageDescriptor) != 0 || raw.operand % sizeof(PageDescriptor) != 0)
                well_formed_ = false;
            break;
        case EntryKind::kZero:
            break;
        default:
            well_formed_ = false;
    }
    const auto room = static_cast<uint64_t>(end_ - entry.data);
    if (!well_formed_ || trailing > room || round_up_8(trailing) > room) {
        well_formed_ = false;
        return false;
    }
    at_ = entry.data + round_up_8(trailing);
    if (left_ != kToTheEnd)
        --left_;
    return true;
}

bool is_valid_record(RecordHeader* record, uint64_t readable, uint64_t position, uint32_t seed) {
    if (readable < sizeof *record || record->magic != kRecordMagic || record->bytes < sizeof *record ||
        record->bytes % kLineBytes != 0 || record->bytes > readable)
        return false;
    const uint32_t stored = record->checksum;
    record->checksum = 0;
    const uint32_t computed = checksum_words(seed_at(seed, position), record, record->bytes);
    record->checksum = stored;
    return computed == stored;
}

}  // namespace terrace::persist
