// See range_index.hpp. Open addressing, at most half full. A new transaction does not clear the table: every
// key carries the transaction's epoch, and slots of another epoch count as empty. Large ranges are looked
// through from the newest, a few at most: beyond that the line table answers or the range is noted twice,
// which is allowed.
#include "persist/pool/range_index.hpp"

#include <sys/mman.h>

#include <algorithm>

namespace terrace::persist {

uint64_t RangeIndex::covered_in_line(uint64_t line) const {
    if (used_ == 0)
        return 0;
    const uint64_t key = key_of(line);
    for (uint64_t i = hash(line);; ++i) {
        const Slot& slot = slots_[i & mask_];
        if (slot.key == key)
            return slot.covered;
        if (slot.key < first_key_)
            return 0;
    }
}

bool RangeIndex::is_in_large(uint64_t offset, uint64_t bytes) {
    constexpr uint64_t kLookedAt = 32;
    const uint64_t count = large_.size();
    for (uint64_t i = count; i > 0 && count - i < kLookedAt; --i) {
        const Large& range = large_[i - 1];
        if (offset >= range.offset && bytes <= range.bytes && offset - range.offset <= range.bytes - bytes)
            return true;
    }
    return false;
}

bool RangeIndex::overlaps_large(uint64_t offset, uint64_t bytes) {
    for (const Large& range : large_) {
        if (offset < range.offset + range.bytes && range.offset < offset + bytes)
            return true;
    }
    return false;
}

bool RangeIndex::grow() {
    const uint64_t wanted = slots_ == nullptr ? kFirstSlots : (mask_ + 1) * 2;
    void* memory =
        mmap(nullptr, wanted * sizeof(Slot), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    Slot* const old = slots_;
    const uint64_t old_count = old == nullptr ? 0 : mask_ + 1;
    slots_ = static_cast<Slot*>(memory);
    mask_ = wanted - 1;
    room_ = wanted / 2;
    room_at_once_ = has_large() ? 0 : room_;
    for (uint64_t i = 0; i < old_count; ++i) {
        if (old[i].key < first_key_)
            continue;
        uint64_t at = hash(old[i].key - first_key_);
        while (slots_[at & mask_].key != 0)
            ++at;
        slots_[at & mask_] = old[i];
    }
    if (old != nullptr)
        munmap(old, old_count * sizeof(Slot));
    return true;
}

void RangeIndex::forget_all() {
    if (slots_ != nullptr)
        std::fill(slots_, slots_ + mask_ + 1, Slot{});
    first_key_ = kOneEpoch;
}

void RangeIndex::release() {
    if (slots_ != nullptr)
        munmap(slots_, (mask_ + 1) * sizeof(Slot));
    slots_ = nullptr;
    mask_ = room_ = room_at_once_ = used_ = 0;
    large_.release();
}

}  // namespace terrace::persist
