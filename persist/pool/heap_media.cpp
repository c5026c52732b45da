// The durable side of the heap: what records say about it, and how a segment is read back into DRAM.
// A new slab is formatted by every record that has an object in it, until one of them is known to be durable.
// A slab that became empty stays in the page table until a record of the heap's own takes it out; only then
// are its pages free. So at any time the page table has the head of every extent in use, and no other head
// inside one.
#include <string.h>

#include <algorithm>
#include <bit>

#include "persist/pool/heap.hpp"
#include "src/check.hpp"
#include "src/log.hpp"

namespace terrace::persist {

uint64_t Heap::type_offset(const Slab& slab, uint32_t index) const {
    const SizeClass& c = kSizeClasses[slab.size_class];
    return page_offset(slab.first_page + c.slab_pages) - uint64_t{8} * (c.mixed_capacity - index);
}

void Heap::log_extent(RecordBuilder& record, uint64_t first, uint64_t pages, uint64_t state,
                      uint64_t type_number) {
    record.add_store(state_offset(first), state);
    record.add_store(state_offset(first) + offsetof(PageDescriptor, type_number), type_number);
    const uint64_t segment = first / kSegmentPages;
    if (read_word(segment_offset(segment) + offsetof(SegmentEntry, touched)) == 0)
        record.add_store(segment_offset(segment) + offsetof(SegmentEntry, touched), 1);
    for (uint64_t next = segment + 1; next * kSegmentPages < first + pages; ++next)
        record.add_store(segment_offset(next), std::min(first + pages - next * kSegmentPages, kSegmentPages));
}

void Heap::log_allocation(RecordBuilder& record, const Block& block, uint64_t type_number) {
    if (block.slab == nullptr) {
        const ExtentState state{ExtentKind::kLarge, 0, 0, block.pages};
        const uint64_t first = (block.offset - pool_->superblock->pages_offset) / kPageBytes;
        return log_extent(record, first, block.pages, state.pack(), type_number);
    }
    const Slab& slab = *block.slab;
    if (!slab.formatted.load(std::memory_order_relaxed)) {
        const uint64_t pages = kSizeClasses[slab.size_class].slab_pages;
        const ExtentState state{ExtentKind::kSlab, slab.size_class, slab.mixed ? kSlabMixedTypes : uint8_t{0},
                                pages};
        log_extent(record, slab.first_page, pages, state.pack(), slab.mixed ? 0 : slab.type_number);
    }
    if (slab.mixed)
        record.add_store(type_offset(slab, block.index), type_number);
    record.add_set_bits(bitmap_offset(slab.first_page, block.index / 64), 1ull << (block.index % 64));
}

void Heap::log_free(RecordBuilder& record, const Block& block) {
    if (block.slab != nullptr) {
        record.add_clear_bits(bitmap_offset(block.slab->first_page, block.index / 64),
                              1ull << (block.index % 64));
        return;
    }
    const uint64_t first = (block.offset - pool_->superblock->pages_offset) / kPageBytes;
    record.add_store(state_offset(first), 0);
    for (uint64_t next = first / kSegmentPages + 1; next * kSegmentPages < first + block.pages; ++next)
        record.add_store(segment_offset(next), 0);
}

void Heap::confirm(const Block& block) {
    if (block.slab != nullptr && !block.slab->formatted.load(std::memory_order_relaxed))
        block.slab->formatted.store(true, std::memory_order_relaxed);
}

bool Heap::find(uint64_t offset, Block& block) {
    const Superblock& superblock = *pool_->superblock;
    if (offset < superblock.pages_offset || offset >= superblock.pool_bytes)
        return false;
    const uint64_t page = (offset - superblock.pages_offset) / kPageBytes;
    if (!is_loaded(page / kSegmentPages)) [[unlikely]] {
        LockGuard guard(lock_);
        if (!is_loaded(page / kSegmentPages))
            load_segment(page / kSegmentPages);
    }
    PageInfo& info = extents_.info(page);
    switch (info.tag.load(std::memory_order_acquire)) {
        case PageTag::kSlab: {
            Slab* slab = info.slab;
            const uint32_t bytes = kSizeClasses[slab->size_class].bytes;
            const auto within = static_cast<uint32_t>(offset - page_offset(slab->first_page));
            block = {offset, slab, within / bytes, 0};
            return within % bytes == 0 && block.index < slab->capacity;
        }
        case PageTag::kLarge:
            block = {offset, nullptr, 0, info.pages};
            return offset % kPageBytes == 0;
        case PageTag::kUnknown:
        case PageTag::kFree:
            return false;
    }
    return false;
}

bool Heap::is_allocated(const Block& block) const {
    if (block.slab != nullptr) {
        return block.slab->formatted.load(std::memory_order_relaxed) &&
               (read_word(bitmap_offset(block.slab->first_page, block.index / 64)) >> (block.index % 64) &
                1) != 0;
    }
    const uint64_t first = (block.offset - pool_->superblock->pages_offset) / kPageBytes;
    return read_word(state_offset(first)) == ExtentState{ExtentKind::kLarge, 0, 0, block.pages}.pack();
}

uint64_t Heap::type_of(const Block& block) const {
    if (block.slab == nullptr) {
        const uint64_t first = (block.offset - pool_->superblock->pages_offset) / kPageBytes;
        return const_cast<ExtentHeap&>(extents_).info(first).type_number;
    }
    if (!block.slab->mixed)
        return block.slab->type_number;
    uint64_t type_number;
    memcpy(&type_number, pool_->base + type_offset(*block.slab, block.index), sizeof type_number);
    return type_number;
}

void Heap::load_segment(uint64_t segment) {
    const uint64_t first = segment * kSegmentPages;
    const uint64_t end = std::min(first + kSegmentPages, pool_->superblock->page_count);
    const uint64_t covered = read_word(segment_offset(segment));
    const bool touched = read_word(segment_offset(segment) + offsetof(SegmentEntry, touched)) != 0;
    if (covered < end - first) {
        if (touched)
            load_extents(first + covered, end);
        else
            extents_.give(first + covered, end - first - covered);
    }
    loaded_[segment].store(true, std::memory_order_release);
}

void Heap::load_extents(uint64_t first, uint64_t end) {
    uint64_t free_from = first;
    uint64_t page = first;
    const auto end_free_run = [&] {
        if (page > free_from)
            extents_.give(free_from, page - free_from);
    };
    while (page < end) {
        const uint64_t word = read_word(state_offset(page));
        if (word == 0) {
            ++page;
            continue;
        }
        const ExtentState state = ExtentState::unpack(word);
        if (state.kind == ExtentKind::kLarge && state.pages != 0 &&
            state.pages <= pool_->superblock->page_count - page) {
            end_free_run();
            PageInfo& info = extents_.info(page);
            info.pages = static_cast<uint32_t>(state.pages);
            info.type_number = read_word(state_offset(page) + offsetof(PageDescriptor, type_number));
            info.tag.store(PageTag::kLarge, std::memory_order_release);
            page += state.pages;
            free_from = page;
            continue;
        }
        if (state.kind != ExtentKind::kSlab || state.size_class >= kSizeClassCount ||
            state.pages != kSizeClasses[state.size_class].slab_pages || page + state.pages > end) {
            // What lies behind is not given out: better a pool that looks full than one object over another.
            end_free_run();
            if (!damaged_.exchange(true))
                log_error(
                    "heap page %llu has the impossible state 0x%llx; the rest of its segment is not used",
                    static_cast<unsigned long long>(page), static_cast<unsigned long long>(word));
            return;
        }
        Slab* slab = load_slab(page, state);
        end_free_run();
        if (slab == nullptr) {
            log_error("out of memory while reading a pool's heap: the rest of segment %llu is not used",
                      static_cast<unsigned long long>(page / kSegmentPages));
            return;
        }
        for (uint64_t i = 0; i < state.pages; ++i) {
            extents_.info(page + i).slab = slab;
            extents_.info(page + i).tag.store(PageTag::kSlab, std::memory_order_release);
        }
        page += state.pages;
        free_from = page;
    }
    page = std::min(page, pool_->superblock->page_count);
    end_free_run();
}

// Null when DRAM is short.
Slab* Heap::load_slab(uint64_t page, const ExtentState& state) {
    const SizeClass& c = kSizeClasses[state.size_class];
    const bool mixed = (state.flags & kSlabMixedTypes) != 0;
    const uint32_t capacity = mixed ? c.mixed_capacity : c.capacity;
    uint64_t used[kMostObjectsPerSlab / 64] = {};
    uint32_t count = 0;
    for (uint32_t word = 0; word < (capacity + 63) / 64; ++word) {
        used[word] = read_word(bitmap_offset(page, word));
        count += static_cast<uint32_t>(std::popcount(used[word]));
    }
    Slab* slab = new_slab();
    if (slab == nullptr)
        return nullptr;
    slab->first_page = page;
    slab->type_number = mixed ? 0 : read_word(state_offset(page) + offsetof(PageDescriptor, type_number));
    slab->size_class = state.size_class;
    slab->mixed = mixed;
    slab->formatted.store(true, std::memory_order_relaxed);
    slab->capacity = static_cast<uint16_t>(capacity);
    slab->free = static_cast<uint16_t>(capacity - std::min(count, capacity));
    memcpy(slab->used, used, sizeof used);
    slab->type_slot =
        mixed ? uint8_t{kMixedSlot} : static_cast<uint8_t>(slot_for_loaded_type(slab->type_number));
    if (count == 0)
        retire(slab);
    else if (slab->free > 0)
        list_unclaimed(slab);
    return slab;
}

uint32_t Heap::slot_for_loaded_type(uint64_t type_number) {
    const uint32_t known = known_types_.load(std::memory_order_relaxed);
    for (uint32_t i = 0; i < known; ++i) {
        if (types_[i].load(std::memory_order_relaxed) == type_number)
            return i;
    }
    if (known == kMixedSlot)
        return kForeignSlot;
    types_[known].store(type_number, std::memory_order_relaxed);
    known_types_.store(known + 1, std::memory_order_release);
    return known;
}

uint64_t Heap::next_object(uint64_t after) {
    const Superblock& superblock = *pool_->superblock;
    uint64_t page = 0;
    uint32_t index = 0;
    if (after != 0) {
        Block block;
        if (!find(after, block))
            return 0;
        page = block.slab != nullptr ? block.slab->first_page
                                     : (after - superblock.pages_offset) / kPageBytes + block.pages;
        index = block.slab != nullptr ? block.index + 1 : 0;
    }
    while (page < superblock.page_count) {
        const uint64_t segment = page / kSegmentPages;
        const uint64_t segment_first = segment * kSegmentPages;
        if (page == segment_first || index == 0) {
            // An extent that begins earlier, or nothing at all, may cover this segment.
            if (read_word(segment_offset(segment) + offsetof(SegmentEntry, touched)) == 0) {
                page = segment_first + kSegmentPages;
                continue;
            }
            page = std::max(page, segment_first + read_word(segment_offset(segment)));
            if (page >= superblock.page_count)
                break;
        }
        const ExtentState state = ExtentState::unpack(read_word(state_offset(page)));
        if (state.kind == ExtentKind::kLarge && state.pages != 0)
            return page_offset(page);
        if (state.kind != ExtentKind::kSlab || state.size_class >= kSizeClassCount || state.pages == 0) {
            ++page;
            index = 0;
            continue;
        }
        for (; index < state.pages * kBitsPerPage && index < kMostObjectsPerSlab; ++index) {
            const uint64_t bits = read_word(bitmap_offset(page, index / 64)) >> (index % 64);
            if (bits == 0) {
                index |= 63;
                continue;
            }
            index += static_cast<uint32_t>(std::countr_zero(bits));
            return page_offset(page) + uint64_t{index} * kSizeClasses[state.size_class].bytes;
        }
        page += state.pages;
        index = 0;
    }
    return 0;
}

}  // namespace terrace::persist
