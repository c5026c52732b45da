// See transaction.hpp.
// Costs: add_range of 8 bytes: one probe of the line table, one copy. Commit: one record, one fence.
// The content of a large new object is written home before the record instead of through the log: nobody can
// reach it until the record is durable, so it needs no atomicity of its own.
#include "persist/pool/transaction.hpp"

#include <errno.h>
#include <string.h>

#include <algorithm>
#include <bit>

#include "persist/pool/direct_store.hpp"
#include "persist/pool/zeros.hpp"
#include "src/check.hpp"

namespace terrace::persist {

inline int Transaction::note(uint64_t offset, uint64_t bytes, bool keep_old_bytes) {
    const uint64_t kept = keep_old_bytes ? bytes : 0;
    const uint64_t old_bytes = keep_old_bytes ? old_bytes_.size() : kNoOldBytes;
    if (pool->media.pins != nullptr) [[unlikely]]
        pool->media.pins->pin(offset, bytes);
    if (keep_old_bytes) {
        char* const place = old_bytes_.room(bytes);
        if (place == nullptr) [[unlikely]]
            return ENOMEM;
        memcpy(place, pool->media.base + offset, bytes);
    }
    // A neighbour in the file whose old bytes are neighbours too grows instead.
    if (!ranges_.empty()) {
        Range& last = ranges_.back();
        const bool has_old_bytes = last.old_bytes != kNoOldBytes;
        if (last.offset + last.bytes == offset && has_old_bytes == keep_old_bytes &&
            (!keep_old_bytes || last.old_bytes + last.bytes == old_bytes)) {
            last.bytes += bytes;
            old_bytes_.take(kept);
            if (pool->media.pins != nullptr && offset % kPageBytes != 0) [[unlikely]]
                pool->media.pins->unpin(offset, 1);  // `last` has pinned this page already
            return 0;
        }
    }
    Range* const range = ranges_.add();
    if (range == nullptr) [[unlikely]]
        return ENOMEM;
    *range = {offset, bytes, old_bytes};
    old_bytes_.take(kept);
    return 0;
}

// Notes the bytes of a line that `missing` names, a bit each. `offset`: anywhere in the line.
int Transaction::note_missing_in_line(uint64_t offset, uint64_t missing, bool keep_old_bytes) {
    const uint64_t line = offset / kLineBytes * kLineBytes;
    while (missing != 0) {
        const auto from = static_cast<uint64_t>(std::countr_zero(missing));
        const auto run = static_cast<uint64_t>(std::countr_one(missing >> from));
        if (int error = note(line + from, run, keep_old_bytes))
            return error;
        missing &= ~RangeIndex::byte_mask(from, run);
    }
    return 0;
}

// REQUIRES: the range lies within one cache line.
inline int Transaction::note_in_line(uint64_t offset, uint64_t bytes, bool keep_old_bytes) {
    const uint64_t wanted = RangeIndex::byte_mask(offset % kLineBytes, bytes);
    uint64_t before;
    if (!index_.cover_line(offset / kLineBytes, wanted, before)) [[unlikely]]
        return ENOMEM;
    if ((before & wanted) == 0) [[likely]]
        return note(offset, bytes, keep_old_bytes);
    return note_missing_in_line(offset, wanted & ~before, keep_old_bytes);
}

// REQUIRES: no large range was noted.
int Transaction::add_word(uint64_t offset) {
    const uint64_t wanted = RangeIndex::byte_mask(offset % kLineBytes, 8);
    uint64_t before;
    Word* const word = words_.room_for_one();
    if (word == nullptr || !index_.cover_line(offset / kLineBytes, wanted, before)) [[unlikely]]
        return ENOMEM;
    if ((before & wanted) != 0) [[unlikely]]
        return note_missing_in_line(offset, wanted & ~before, true);
    if (pool->media.pins != nullptr) [[unlikely]]
        pool->media.pins->pin(offset, 8);
    word->offset = offset;
    memcpy(&word->old_word, pool->media.base + offset, 8);
    words_.take_one();
    return 0;
}

int Transaction::add_range(uint64_t offset, uint64_t bytes, bool keep_old_bytes) {
    if (pool->media.home != nullptr) {
        constexpr uint64_t kMostPrefetched = 4096;
        for (uint64_t at = 0; at < std::min(bytes, kMostPrefetched); at += kLineBytes)
            __builtin_prefetch(pool->media.home + offset + at, 1);
    }
    if ((bytes == 8 || bytes == 16) && offset % 8 == 0 && keep_old_bytes && !index_.has_large()) {
        const int error = add_word(offset);
        return error != 0 || bytes == 8 ? error : add_word(offset + 8);
    }
    if (bytes - 1 < kLineBytes - offset % kLineBytes && !index_.has_large()) [[likely]]
        return note_in_line(offset, bytes, keep_old_bytes);
    if (bytes == 0 || index_.is_in_large(offset, bytes))
        return 0;
    if (bytes > RangeIndex::kSmall) {
        if (int error = note(offset, bytes, keep_old_bytes))
            return error;
        return index_.cover_large(offset, bytes) ? 0 : ENOMEM;
    }
    for (const uint64_t end = offset + bytes; offset < end;) {
        const uint64_t count = std::min(end - offset, kLineBytes - offset % kLineBytes);
        if (int error = note_in_line(offset, count, keep_old_bytes))
            return error;
        offset += count;
    }
    return 0;
}

int Transaction::add_allocation(const Block& block, uint64_t type_number, uint64_t content_bytes) {
    if (!allocations_.push({block, type_number, content_bytes, false}))
        return ENOMEM;
    if (content_bytes == 0)
        return 0;
    // Ranges inside it need no old bytes, and its content goes out as a whole.
    if (content_bytes > RangeIndex::kSmall)
        return index_.cover_large(block.offset, content_bytes) ? 0 : ENOMEM;
    for (uint64_t at = block.offset, end = block.offset + content_bytes; at < end;) {
        const uint64_t first = at % kLineBytes;
        const uint64_t count = std::min(end - at, kLineBytes - first);
        uint64_t before;
        if (!index_.cover_line(at / kLineBytes, RangeIndex::byte_mask(first, count), before))
            return ENOMEM;
        at += count;
    }
    return 0;
}

int Transaction::add_free(const Block& block) {
    return frees_.push(block) ? 0 : ENOMEM;
}
int Transaction::add_store(uint64_t offset, uint64_t word) {
    return stores_.push({offset, word}) ? 0 : ENOMEM;
}

bool Transaction::cancel_allocation(uint64_t offset) {
    for (uint64_t i = allocations_.size(); i > 0; --i) {
        const Allocation allocation = allocations_[i - 1];
        if (allocation.block.offset != offset)
            continue;
        // Its ranges were never noted, but the index says they are covered: the memory must not be given to
        // this transaction again while it believes that. It is released at the end.
        allocations_.remove_at(i - 1);
        if (!cancelled_.push(allocation.block))
            return false;
        return true;
    }
    return false;
}

bool Transaction::will_free(uint64_t offset) {
    for (const Block& block : frees_) {
        if (block.offset == offset)
            return true;
    }
    return false;
}

bool Transaction::covers(uint64_t offset, uint64_t bytes) {
    if (index_.is_in_large(offset, bytes))
        return true;
    for (const uint64_t end = offset + bytes; offset < end;) {
        const uint64_t first = offset % kLineBytes;
        const uint64_t count = std::min(end - offset, kLineBytes - first);
        const uint64_t wanted = RangeIndex::byte_mask(first, count);
        if ((index_.covered_in_line(offset / kLineBytes) & wanted) != wanted)
            return false;
        offset += count;
    }
    return true;
}

bool Transaction::touches(uint64_t offset, uint64_t bytes) {
    const uint64_t wanted = RangeIndex::byte_mask(offset % kLineBytes, bytes);
    return (index_.covered_in_line(offset / kLineBytes) & wanted) != 0 ||
           index_.overlaps_large(offset, bytes);
}

// Finds out what need not go through the log: zeros, and what is cheaper written home at once.
int Transaction::prepare_contents() {
    const uint64_t threshold = direct_write_threshold(*pool);
    for (Allocation& allocation : allocations_) {
        const char* const content = pool->media.base + allocation.block.offset;
        allocation.is_zero =
            allocation.content_bytes >= kZerosWorthAnEntry && is_zero(content, allocation.content_bytes);
        if (allocation.content_bytes < threshold || allocation.is_zero)
            continue;
        if (int error = write_home_directly(*pool, allocation.block.offset, allocation.content_bytes))
            return error;
        allocation.content_bytes = 0;
    }
    return 0;
}

// Objects of one size that were allocated one after the other lie side by side, and go into one entry.
void Transaction::add_contents() {
    const char* const base = pool->media.base;
    uint64_t begin = 0;
    uint64_t end = 0;
    const auto end_run = [&] {
        if (end != begin)
            record_.add_data(begin, base + begin, end - begin);
        begin = end = 0;
    };
    for (const Allocation& allocation : allocations_) {
        if (allocation.content_bytes == 0)
            continue;
        if (allocation.is_zero) {
            record_.add_zero(allocation.block.offset, allocation.content_bytes);
            continue;
        }
        if (allocation.block.offset != end) {
            end_run();
            begin = allocation.block.offset;
        }
        end = allocation.block.offset + allocation.content_bytes;
    }
    end_run();
}

void Transaction::add_words() {
    const char* const base = pool->media.base;
    // Read at once: another thread's atomic may change it right now.
    const auto now = [base](const Word& word) {
        return __atomic_load_n(reinterpret_cast<const uint64_t*>(base + word.offset), __ATOMIC_RELAXED);
    };
    Entry* entry = record_.add_stores(words_.size());
    if (entry == nullptr) [[unlikely]] {
        for (const Word& word : words_)
            record_.add_store(word.offset, now(word));
        return;
    }
    for (const Word& word : words_)
        *entry++ = Entry::of_store(word.offset, now(word));
}

void Transaction::build_record() {
    Heap& heap = pool->heap;
    const char* base = pool->media.base;
    record_.reset(pool->media.pins);
    add_words();
    for (const Range& range : ranges_)
        record_.add_data(range.offset, base + range.offset, range.bytes);
    add_contents();
    for (const Allocation& allocation : allocations_)
        heap.log_allocation(record_, allocation.block, allocation.type_number);
    for (const Block& block : frees_)
        heap.log_free(record_, block);
    for (const Store& store : stores_)
        record_.add_store(store.offset, store.word);
    if (!stores_.empty())
        record_.keep_pins();
    add_pending_flushes(*pool, record_);
}

int Transaction::commit() {
    const bool has_heap_work = !allocations_.empty() || !frees_.empty() || !stores_.empty();
    if (words_.empty() && ranges_.empty() && !has_heap_work && !has_pending_flushes(*pool)) {
        forget();
        return 0;
    }
    if (!allocations_.empty()) {
        if (int error = prepare_contents())
            return error;
    }
    build_record();
    if (int error = commit_record(*pool, record_, may_commit_later ? &ticket : nullptr))
        return error;
    forget_pending_flushes(*pool);
    for (const Store& store : stores_)
        __atomic_store_n(reinterpret_cast<uint64_t*>(pool->media.base + store.offset), store.word,
                         __ATOMIC_RELEASE);
    for (const Allocation& allocation : allocations_)
        pool->heap.confirm(allocation.block);
    for (const Block& block : frees_)
        pool->heap.release(block);
    forget();
    return 0;
}

// Restores a range except for the locks in it that this transaction holds: other threads wait on those bytes
// and change them meanwhile.
void Transaction::restore(char* to, const char* from, uint64_t bytes) {
    constexpr uint64_t kPersistentLockBytes = 64;
    uint64_t at = 0;
    while (at < bytes) {
        uint64_t stop = bytes;    // restore up to here,
        uint64_t resume = bytes;  // and go on here
        for (const HeldLock& held : locks) {
            const auto* lock = static_cast<const char*>(held.lock);
            if (lock + kPersistentLockBytes <= to + at || lock >= to + stop)
                continue;
            stop = lock <= to + at ? at : static_cast<uint64_t>(lock - to);
            resume = std::min(bytes, static_cast<uint64_t>(lock + kPersistentLockBytes - to));
        }
        memcpy(to + at, from + at, stop - at);
        at = resume;
    }
}

void Transaction::roll_back() {
    char* base = pool->media.base;
    for (uint64_t i = ranges_.size(); i > 0; --i) {
        const Range& range = ranges_[i - 1];
        if (range.old_bytes != kNoOldBytes)
            restore(base + range.offset, old_bytes_.data() + range.old_bytes, range.bytes);
    }
    for (const Word& word : words_)
        restore(base + word.offset, reinterpret_cast<const char*>(&word.old_word), 8);
    for (const Allocation& allocation : allocations_)
        pool->heap.release(allocation.block);
    forget();
}

void Transaction::unpin_pages() {
    PagePins& pins = *pool->media.pins;
    for (const Word& word : words_)
        pins.unpin(word.offset, 8);
    for (const Range& range : ranges_)
        pins.unpin(range.offset, range.bytes);
}

void Transaction::forget() {
    may_commit_later = false;
    record_.unpin();
    if (pool->media.pins != nullptr) [[unlikely]]
        unpin_pages();
    for (const Block& block : cancelled_)
        pool->heap.release(block);
    index_.clear();
    words_.clear();
    ranges_.clear();
    old_bytes_.clear();
    allocations_.clear();
    cancelled_.clear();
    frees_.clear();
    stores_.clear();
}

void Transaction::release_memory() {
    index_.release();
    words_.release();
    ranges_.release();
    old_bytes_.release();
    allocations_.release();
    cancelled_.release();
    frees_.release();
    stores_.release();
    record_.release();
    levels.release();
    locks.release();
}

}  // namespace terrace::persist
