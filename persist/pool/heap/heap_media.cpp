// The durable side of the heap: what records say about it, and how a segment is read back into DRAM.
// A new slab is formatted by every record that has an object in it, until one of them is known to be durable.
// A slab that became empty stays in the page table until a record of the heap's own takes it out; only then
// are its pages free. So at any time the page table has the head of every extent in use, and no other head
// inside one.
#include <string.h>

#include <algorithm>
#include <bit>

#include "persist/pool/format/descriptor.hpp"
#include "persist/pool/format/superblock.hpp"
#include "persist/pool/heap/heap.hpp"
#include "src/check.hpp"
#include "src/log.hpp"

namespace terrace::persist {

namespace {

constexpr uint64_t own_size_offset(uint64_t descriptors) {
    return descriptors + sizeof(PageDescriptor) + offsetof(PageDescriptor, type_number);
}

}  // namespace

uint64_t Heap::type_offset(const Slab& slab, uint32_t index) const {
    const SizeClass& c = kSizeClasses[slab.size_class];
    return page_offset(slab.first_page + c.slab_pages) - sizeof(TypeEntry) * (c.mixed_capacity - index);
}

TypeEntry Heap::type_entry(const Slab& slab, uint32_t index, uint64_t type_number) const {
    const auto place = static_cast<uint32_t>(type_offset(slab, index) / sizeof(TypeEntry));
    return {type_number, check_word(type_number, pool_->superblock->log_seed ^ place)};
}

bool Heap::is_touched(const Segment& segment) const {
    return segment_value(read_word(segment.entry_offset + offsetof(SegmentEntry, touched))) != 0;
}

bool Heap::is_descriptor_sound(uint64_t page) const {
    const uint64_t offset = state_offset(page);
    const auto* words = pool_->metadata_word(offset);
    const PageDescriptor d{
        __atomic_load_n(words, __ATOMIC_RELAXED),
        __atomic_load_n(words + 1, __ATOMIC_RELAXED),
        {__atomic_load_n(words + 2, __ATOMIC_RELAXED), __atomic_load_n(words + 3, __ATOMIC_RELAXED)}};
    return descriptor::is_sound(d, pool_->superblock->log_seed, offset);
}

// The segments that an extent reaches into after the one it begins in. REQUIRES: it lies in one region.
void Heap::log_covered(RecordBuilder& record, uint64_t first, uint64_t pages, bool is_covered) {
    const uint64_t end = first + pages;
    for (uint64_t number = pool_->regions.segment_of(first) + 1;; ++number) {
        if (number >= pool_->regions.segment_count())
            return;
        const Segment segment = pool_->regions.segment(number);
        if (segment.first_page >= end)
            return;
        const uint64_t covered = is_covered ? std::min(end, segment.end_page) - segment.first_page : 0;
        record.add_store(segment.entry_offset,
                         segment_word(covered, segment.entry_offset, pool_->superblock->log_seed));
    }
}

void Heap::log_extent(RecordBuilder& record, uint64_t first, uint64_t pages, uint64_t state,
                      uint64_t type_number) {
    record.add_describe(state_offset(first), state);
    record.add_describe(state_offset(first) + offsetof(PageDescriptor, type_number), type_number);
    log_covered(record, first, pages, true);
}

void Heap::log_allocation(RecordBuilder& record, const Block& block, uint64_t type_number) {
    if (block.slab == nullptr) {
        const ExtentState state{ExtentKind::kLarge, 0, 0, block.pages};
        return log_extent(record, block.offset / kPageBytes, block.pages, state.pack(), type_number);
    }
    const Slab& slab = *block.slab;
    if (!slab.formatted.load(std::memory_order_relaxed) && record.is_to_be_described(slab.descriptors)) {
        const uint64_t pages = kSizeClasses[slab.size_class].slab_pages;
        const bool has_own_size = slab.usable != kSizeClasses[slab.size_class].bytes;
        const uint8_t flags = slab.mixed ? kSlabMixedTypes : has_own_size ? kSlabOwnSize : uint8_t{0};
        const ExtentState state{ExtentKind::kSlab, slab.size_class, flags, pages};
        record.add_describe(slab.descriptors, state.pack());
        if (has_own_size)
            record.add_describe(own_size_offset(slab.descriptors), slab.usable);
        record.add_describe(slab.descriptors + offsetof(PageDescriptor, type_number),
                            slab.mixed ? 0 : slab.type_number);
    }
    if (slab.mixed) {
        const TypeEntry entry = type_entry(slab, block.index, type_number);
        record.add_data(type_offset(slab, block.index), &entry, sizeof entry);
    }
    record.add_set_bits(bitmap_offset(slab, block.index / 64), 1ull << (block.index % 64));
}

void Heap::log_free(RecordBuilder& record, const Block& block) {
    if (block.slab != nullptr) {
        record.add_clear_bits(bitmap_offset(*block.slab, block.index / 64), 1ull << (block.index % 64));
        return;
    }
    const uint64_t first = block.offset / kPageBytes;
    record.add_describe(state_offset(first), 0);
    log_covered(record, first, block.pages, false);
}

void Heap::confirm(const Block& block) {
    if (block.slab != nullptr && !block.slab->formatted.load(std::memory_order_relaxed))
        block.slab->formatted.store(true, std::memory_order_relaxed);
}

bool Heap::find(uint64_t offset, Block& block) {
    const uint64_t page = offset / kPageBytes;
    if (pool_->regions.of_page(page) == nullptr)
        return false;
    ensure_loaded(pool_->regions.segment_of(page));
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

bool Heap::find_around(uint64_t offset, Block& block) {
    const Region* const region = pool_->regions.of_page(offset / kPageBytes);
    if (region == nullptr)
        return false;
    // Pages inside an extent have no tag: the nearest one before them has.
    for (uint64_t page = offset / kPageBytes; region->has_page(page); --page) {
        ensure_loaded(pool_->regions.segment_of(page));
        PageInfo& info = extents_.info(page);
        switch (info.tag.load(std::memory_order_acquire)) {
            case PageTag::kSlab: {
                Slab* const slab = info.slab;
                const uint32_t bytes = kSizeClasses[slab->size_class].bytes;
                const auto index = static_cast<uint32_t>((offset - page_offset(slab->first_page)) / bytes);
                block = {page_offset(slab->first_page) + uint64_t{index} * bytes, slab, index, 0};
                return page == offset / kPageBytes && index < slab->capacity && is_used(block);
            }
            case PageTag::kLarge:
                block = {page_offset(page), nullptr, 0, info.pages};
                return offset / kPageBytes - page < info.pages;
            case PageTag::kUnknown:
                continue;
            case PageTag::kFree:
                return false;
        }
    }
    return false;
}

bool Heap::is_allocated(const Block& block) const {
    if (block.slab != nullptr) {
        return block.slab->formatted.load(std::memory_order_relaxed) &&
               (read_word(bitmap_offset(*block.slab, block.index / 64)) >> (block.index % 64) & 1) != 0;
    }
    const uint64_t state = read_word(state_offset(block.offset / kPageBytes)) & descriptor::kStateBits;
    return state == ExtentState{ExtentKind::kLarge, 0, 0, block.pages}.pack();
}

uint64_t Heap::type_of(const Block& block) const {
    if (block.slab == nullptr)
        return const_cast<ExtentHeap&>(extents_).info(block.offset / kPageBytes).type_number;
    if (!block.slab->mixed)
        return block.slab->type_number;
    uint64_t type_number;
    memcpy(&type_number, pool_->base + type_offset(*block.slab, block.index), sizeof type_number);
    return type_number;
}

// What lies behind is not given out: better a pool that looks full than one object over another.
void Heap::report_damage(const char* what, uint64_t page) {
    if (!damage_reported_.exchange(true))
        log_error("a pool is damaged: heap page %llu (offset %llu): %s; the rest of its segment is not used",
                  static_cast<unsigned long long>(page), static_cast<unsigned long long>(page_offset(page)),
                  what);
}

void Heap::load_segment(uint64_t number) {
    const Segment segment = pool_->regions.segment(number);
    const uint64_t touched_offset = segment.entry_offset + offsetof(SegmentEntry, touched);
    const uint64_t covered = read_word(segment.entry_offset);
    const uint64_t touched = read_word(touched_offset);
    const uint32_t seed = pool_->superblock->log_seed;
    const uint64_t first = segment.first_page + segment_value(covered);
    if (!is_segment_word(covered, segment.entry_offset, seed) ||
        !is_segment_word(touched, touched_offset, seed) || first > segment.end_page)
        report_damage("its entry in the segment table does not match its checksum", segment.first_page);
    else if (first == segment.end_page)
        ;  // a large object covers all of it
    else if (segment_value(touched) != 0)
        load_extents(first, segment.end_page);
    else
        extents_.give(first, segment.end_page - first);
    loaded_[number].store(true, std::memory_order_release);
}

void Heap::load_extents(uint64_t first, uint64_t end) {
    uint64_t free_from = first;
    uint64_t page = first;
    const auto end_free_run = [&] {
        if (page > free_from)
            extents_.give(free_from, page - free_from);
    };
    const Region& region = *pool_->regions.of_page(first);
    const uint64_t region_end = region.first_page + region.page_count;
    while (page < end) {
        if (!is_descriptor_sound(page)) {
            end_free_run();
            return report_damage("its descriptor does not match its checksum", page);
        }
        const ExtentState state = read_state(page);
        if (state.kind == ExtentKind::kFree) {
            ++page;
            continue;
        }
        if (state.kind == ExtentKind::kLarge && state.pages != 0 && state.pages <= region_end - page) {
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
            end_free_run();
            return report_damage("its descriptor names an impossible extent", page);
        }
        if (state.kind == ExtentKind::kSlab) {
            for (uint64_t i = 1; i < state.pages; ++i) {
                if (!is_descriptor_sound(page + i)) {
                    end_free_run();
                    return report_damage("its descriptor does not match its checksum", page + i);
                }
            }
        }
        Slab* slab = load_slab(page, state);
        end_free_run();
        if (slab == nullptr) {
            log_error("out of memory while reading a pool's heap: the rest of a segment is not used");
            return;
        }
        for (uint64_t i = 0; i < state.pages; ++i) {
            extents_.info(page + i).slab = slab;
            extents_.info(page + i).tag.store(PageTag::kSlab, std::memory_order_release);
        }
        page += state.pages;
        free_from = page;
    }
    page = std::min(page, region_end);
    end_free_run();
}

// Null when DRAM is short.
Slab* Heap::load_slab(uint64_t page, const ExtentState& state) {
    const SizeClass& c = kSizeClasses[state.size_class];
    const bool mixed = (state.flags & kSlabMixedTypes) != 0;
    const uint32_t capacity = mixed ? c.mixed_capacity : c.capacity;
    uint64_t used[kMostObjectsPerSlab / 64] = {};
    uint32_t count = 0;
    Slab probe{};
    probe.descriptors = state_offset(page);
    for (uint32_t word = 0; word < (capacity + 63) / 64; ++word) {
        used[word] = read_word(bitmap_offset(probe, word));
        count += static_cast<uint32_t>(std::popcount(used[word]));
    }
    Slab* slab = new_slab();
    if (slab == nullptr)
        return nullptr;
    slab->first_page = page;
    slab->descriptors = probe.descriptors;
    slab->type_number = mixed ? 0 : read_word(state_offset(page) + offsetof(PageDescriptor, type_number));
    slab->size_class = state.size_class;
    slab->mixed = mixed;
    slab->usable = (state.flags & kSlabOwnSize) != 0
                       ? static_cast<uint32_t>(read_word(own_size_offset(slab->descriptors)))
                       : c.bytes;
    slab->formatted.store(true, std::memory_order_relaxed);
    slab->capacity = static_cast<uint16_t>(capacity);
    slab->free = static_cast<uint16_t>(capacity - std::min(count, capacity));
    memcpy(slab->used, used, sizeof used);
    const uint32_t own_size = slab->usable != c.bytes ? slab->usable : 0;
    slab->type_slot =
        mixed ? uint8_t{kMixedSlot} : static_cast<uint8_t>(slot_for_loaded_type(slab->type_number, own_size));
    if (count == 0)
        retire(slab);
    else if (slab->free > 0)
        list_unclaimed(slab);
    return slab;
}

uint32_t Heap::slot_for_loaded_type(uint64_t type_number, uint32_t own_size) {
    const uint32_t known = known_types_.load(std::memory_order_relaxed);
    for (uint32_t i = 0; i < known; ++i) {
        if (is_slot_of(i, type_number, own_size))
            return i;
    }
    if (known == kMixedSlot)
        return kForeignSlot;
    types_[known].store(type_number, std::memory_order_relaxed);
    own_sizes_[known].store(own_size, std::memory_order_relaxed);
    known_types_.store(known + 1, std::memory_order_release);
    return known;
}

// The first object at page `page` or behind it in its region, and of a slab there at index `index` or behind it; 0: none.
uint64_t Heap::next_object_in(const Region& region, uint64_t page, uint32_t index) {
    const uint64_t region_end = region.first_page + region.page_count;
    while (page < region_end) {
        const Segment segment = pool_->regions.segment(pool_->regions.segment_of(page));
        if (page == segment.first_page && index == 0) {
            if (!is_touched(segment)) {
                page = segment.end_page;
                continue;
            }
            page += segment_value(read_word(segment.entry_offset));
            if (page >= segment.end_page)
                continue;
        } else if (!is_touched(segment)) {
            page = segment.end_page;  // behind a large object's end
            continue;
        }
        if (index == 0 && !is_descriptor_sound(page)) {
            report_damage("its descriptor does not match its checksum", page);
            ++page;
            continue;
        }
        const ExtentState state = read_state(page);
        if (state.kind == ExtentKind::kLarge && state.pages != 0)
            return page_offset(page);
        if (state.kind != ExtentKind::kSlab || state.size_class >= kSizeClassCount || state.pages == 0) {
            ++page;
            index = 0;
            continue;
        }
        Slab slab{};
        slab.descriptors = state_offset(page);
        for (; index < state.pages * kBitsPerPage && index < kMostObjectsPerSlab; ++index) {
            const uint64_t bits = read_word(bitmap_offset(slab, index / 64)) >> (index % 64);
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

uint64_t Heap::next_object(uint64_t after) {
    const Regions& regions = pool_->regions;
    uint64_t page = 0;
    uint32_t index = 0;
    if (after != 0) {
        Block block;
        if (!find(after, block))
            return 0;
        page = block.slab != nullptr ? block.slab->first_page : after / kPageBytes + block.pages;
        index = block.slab != nullptr ? block.index + 1 : 0;
    }
    for (uint32_t i = 0; i < regions.count(); ++i) {
        const Region& region = regions[i];
        if (page >= region.first_page + region.page_count)
            continue;
        const uint64_t found =
            next_object_in(region, std::max(page, region.first_page), page >= region.first_page ? index : 0);
        if (found != 0)
            return found;
    }
    return 0;
}

}  // namespace terrace::persist
