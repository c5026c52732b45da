// See heap.hpp. This file: reserving and releasing in DRAM. heap_media.cpp: what is durable, and loading it.
// A type number is kept once for a whole slab: the first fifteen type numbers seen in a pool get slabs of
// their own in each size class; objects of any further type share slabs that end in an array of type numbers.
// Lock order: an arena, then the heap.
#include "persist/pool/heap/heap.hpp"

#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>

#include "persist/pool/format/superblock.hpp"
#include "src/check.hpp"

namespace terrace::persist {
namespace {

constexpr uint64_t kSlabBatchBytes = 256 << 10;
constexpr uint32_t kRetiredAtOnce = 16;

template <class T>
T* map_array(uint64_t count) {
    void* memory = mmap(nullptr, std::max<uint64_t>(count, 1) * sizeof(T), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<T*>(memory);
}
template <class T>
void unmap_array(T* array, uint64_t count) {
    if (array != nullptr)
        munmap(static_cast<void*>(array), std::max<uint64_t>(count, 1) * sizeof(T));
}

void push_front(Slab*& head, Slab* slab) {
    slab->previous = nullptr;
    slab->next = head;
    if (head != nullptr)
        head->previous = slab;
    head = slab;
    slab->listed = true;
}

void remove(Slab*& head, Slab* slab) {
    if (slab->previous != nullptr)
        slab->previous->next = slab->next;
    else
        head = slab->next;
    if (slab->next != nullptr)
        slab->next->previous = slab->previous;
    slab->listed = false;
}

}  // namespace

bool Heap::start(const PoolHome& pool, uint64_t most_bytes, Commit commit, Grow grow, void* context) {
    pool_ = &pool;
    commit_ = commit;
    grow_ = grow;
    commit_context_ = context;
    // Each region may end in a segment that is not full.
    most_segments_ = most_bytes / (kSegmentPages * kPageBytes) + kMostRegions + 1;
    loaded_ = map_array<std::atomic<bool>>(most_segments_);
    if (loaded_ == nullptr || !start_arenas() || !extents_.start(pool.regions, most_bytes / kPageBytes)) {
        stop();
        return false;
    }
    return true;
}

void Heap::stop() {
    extents_.stop();
    unmap_array(loaded_, most_segments_);
    stop_arenas();
    while (batches_ != nullptr) {
        SlabBatch* next = batches_->next;
        munmap(batches_, kSlabBatchBytes);
        batches_ = next;
    }
    loaded_ = nullptr;
}

bool Heap::reach(uint64_t bytes) {
    LockGuard guard(lock_);
    return extents_.reach(bytes / kPageBytes);
}

// REQUIRES: the slab has a free place.
uint32_t Heap::take_place(Slab& slab) {
    for (uint32_t word = 0;; ++word) {
        const uint64_t free = ~slab.used[word];
        if (free == 0)
            continue;
        const auto bit = static_cast<uint32_t>(std::countr_zero(free));
        const uint32_t index = word * 64 + bit;
        INVARIANT(index < slab.capacity);
        __atomic_store_n(&slab.used[word], slab.used[word] | 1ull << bit, __ATOMIC_RELAXED);  // see is_used
        --slab.free;
        return index;
    }
}

uint32_t Heap::slot_for_type(uint64_t type_number, uint32_t own_size) {
    const uint32_t known = known_types_.load(std::memory_order_acquire);
    for (uint32_t i = 0; i < known; ++i) {
        if (is_slot_of(i, type_number, own_size))
            return i;
    }
    if (known == kMixedSlot)
        return kMixedSlot;
    LockGuard guard(lock_);
    const uint32_t now = known_types_.load(std::memory_order_relaxed);
    for (uint32_t i = known; i < now; ++i) {
        if (is_slot_of(i, type_number, own_size))
            return i;
    }
    if (now == kMixedSlot)
        return kMixedSlot;
    types_[now].store(type_number, std::memory_order_relaxed);
    own_sizes_[now].store(own_size, std::memory_order_relaxed);
    known_types_.store(now + 1, std::memory_order_release);
    return now;
}

Block Heap::reserve(uint64_t bytes, uint64_t type_number, uint64_t alignment, uint32_t arena, bool is_exact) {
    Block block = try_reserve(bytes, type_number, alignment, arena, is_exact);
    if (block.offset != 0) [[likely]]
        return block;
    // Full, or all that is free lies in the slabs of other arenas.
    const uint64_t seen_bytes = pool_->regions.end();
    give_up_arena_slabs();
    give_back_retired(1);
    block = try_reserve(bytes, type_number, alignment, arena, is_exact);
    if (block.offset == 0 && grow_(commit_context_, bytes + alignment, seen_bytes))
        block = try_reserve(bytes, type_number, alignment, arena, is_exact);
    return block;
}

Block Heap::try_reserve(uint64_t bytes, uint64_t type_number, uint64_t alignment, uint32_t arena,
                        bool is_exact) {
    if (bytes == 0)
        bytes = 1;
    const uint32_t own_size = is_exact && bytes <= kLargestSmallObject ? static_cast<uint32_t>(bytes) : 0;
    if (alignment > 16 && alignment <= kPageBytes && bytes <= kLargestSmallObject) {
        // A class whose size is a multiple of the alignment: slabs begin on a page, so each of its objects is aligned.
        for (uint32_t c = size_class_of(bytes); c < kSizeClassCount; ++c) {
            if (kSizeClasses[c].bytes % alignment == 0)
                return reserve_small(c, type_number, arena, own_size);
        }
    } else if (alignment <= 16 && bytes <= kLargestSmallObject) {
        return reserve_small(size_class_of(bytes), type_number, arena, own_size);
    }
    return reserve_large(bytes, type_number, alignment);
}

Block Heap::reserve_small(uint32_t size_class, uint64_t type_number, uint32_t arena_id, uint32_t own_size) {
    if (own_size == kSizeClasses[size_class].bytes) [[unlikely]]
        own_size = 0;
    const uint32_t slot = slot_for_type(type_number, own_size);
    Arena& arena = arena_id == 0 ? arena_of_thread() : *arenas_[arena_id - 1];
    Slab* slab;
    uint32_t index;
    {
        LockGuard guard(arena.lock);
        slab = arena.bins[size_class][slot];
        if (slab == nullptr) [[unlikely]] {
            slab = slab_for(arena, size_class, slot, type_number, own_size);
            if (slab == nullptr)
                return {};
        }
        index = take_place(*slab);
        if (slab->free == 0)
            remove(arena.bins[size_class][slot], slab);
    }
    // A full slab stays its arena's: whoever frees into it lists it there again.
    if (slab->mixed) {
        const TypeEntry entry = type_entry(*slab, index, type_number);
        memcpy(pool_->base + type_offset(*slab, index), &entry, sizeof entry);
    }
    return {page_offset(slab->first_page) + uint64_t{index} * kSizeClasses[size_class].bytes, slab, index, 0};
}

// REQUIRES: the arena's lock is held. ENSURES: the slab is listed in the arena and has a free place.
Slab* Heap::slab_for(Arena& arena, uint32_t size_class, uint32_t slot, uint64_t type_number,
                     uint32_t own_size) {
    LockGuard guard(lock_);
    const uint32_t pages = kSizeClasses[size_class].slab_pages;
    Slab* slab = nullptr;
    uint32_t first = ExtentHeap::kNone;
    // One segment after the other, until one has room: in a slab or for one.
    while ((slab = unclaimed_[size_class][slot]) == nullptr &&
           (first = take_loaded_pages(pages, 1, true)) == ExtentHeap::kNone) {
        if (!load_next_segment())
            return nullptr;
    }
    if (slab != nullptr) {
        unlist_unclaimed(slab);
    } else {
        slab = new_slab();
        if (slab == nullptr) {
            extents_.give(first, pages);
            return nullptr;
        }
        slab->first_page = first;
        slab->descriptors = state_offset(first);
        slab->type_number = type_number;
        slab->size_class = static_cast<uint8_t>(size_class);
        slab->type_slot = static_cast<uint8_t>(slot);
        slab->mixed = slot == kMixedSlot;
        slab->usable = slab->mixed || own_size == 0 ? kSizeClasses[size_class].bytes : own_size;
        slab->capacity = static_cast<uint16_t>(slab->mixed ? kSizeClasses[size_class].mixed_capacity
                                                           : kSizeClasses[size_class].capacity);
        slab->free = slab->capacity;
        for (uint32_t i = 0; i < pages; ++i) {
            extents_.info(first + i).slab = slab;
            extents_.info(first + i).tag.store(PageTag::kSlab, std::memory_order_release);
        }
    }
    slab->arena.store(&arena, std::memory_order_release);
    arena.pages.fetch_add(kSizeClasses[size_class].slab_pages, std::memory_order_relaxed);
    push_front(arena.bins[size_class][slot], slab);
    return slab;
}

Block Heap::reserve_large(uint64_t bytes, uint64_t type_number, uint64_t alignment) {
    if (bytes > pool_->regions.end() || alignment > pool_->regions.end())
        return {};
    const uint64_t pages = (bytes + kPageBytes - 1) / kPageBytes;
    LockGuard guard(lock_);
    const uint32_t first = take_pages(pages, std::max<uint64_t>(alignment / kPageBytes, 1), false);
    if (first == ExtentHeap::kNone)
        return {};
    PageInfo& info = extents_.info(first);
    info.pages = static_cast<uint32_t>(pages);
    info.type_number = type_number;
    info.tag.store(PageTag::kLarge, std::memory_order_release);
    return {page_offset(first), nullptr, 0, pages};
}

uint32_t Heap::take_pages(uint64_t count, uint64_t alignment, bool inside_segment) {
    uint32_t first;
    while ((first = take_loaded_pages(count, alignment, inside_segment)) == ExtentHeap::kNone) {
        if (!load_next_segment())
            return ExtentHeap::kNone;
    }
    return first;
}

uint32_t Heap::take_loaded_pages(uint64_t count, uint64_t alignment, bool inside_segment) {
    const uint32_t first = extents_.take(count, alignment, inside_segment);
    if (first != ExtentHeap::kNone && !touch_segment_of(first)) {
        extents_.give(first, count);
        return ExtentHeap::kNone;
    }
    return first;
}

bool Heap::load_next_segment() {
    uint64_t& next = segments_not_loaded_from_;
    const uint64_t segments = pool_->regions.segment_count();
    while (next < segments && is_loaded(next))
        ++next;
    if (next == segments)
        return false;
    load_segment(next);
    return true;
}

// The first extent in a segment formats its page descriptors, durably and before anybody's record can name one of them.
bool Heap::touch_segment_of(uint64_t page) {
    const Segment segment = pool_->regions.segment(pool_->regions.segment_of(page));
    if (is_touched(segment)) [[likely]]
        return true;
    const uint64_t touched = segment.entry_offset + offsetof(SegmentEntry, touched);
    RecordBuilder record;
    record.reset();
    record.add_format(state_offset(segment.first_page),
                      (segment.end_page - segment.first_page) * sizeof(PageDescriptor));
    record.add_store(touched, segment_word(1, touched, pool_->superblock->log_seed));
    const int error = commit_(commit_context_, record);
    record.release();
    return error == 0;
}

Slab* Heap::new_slab() {
    if (spare_slabs_ == nullptr) {
        void* memory =
            mmap(nullptr, kSlabBatchBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            return nullptr;
        auto* batch = static_cast<SlabBatch*>(memory);
        batch->next = batches_;
        batches_ = batch;
        auto* slabs = reinterpret_cast<Slab*>(static_cast<char*>(memory) + alignof(Slab));
        for (uint64_t i = 0; i < (kSlabBatchBytes - alignof(Slab)) / sizeof(Slab); ++i) {
            slabs[i].next = spare_slabs_;
            spare_slabs_ = &slabs[i];
        }
    }
    Slab* slab = spare_slabs_;
    spare_slabs_ = slab->next;
    return new (slab) Slab{};
}

// A slab that no record ever named is free at once.
void Heap::retire(Slab* slab) {
    if (!slab->formatted.load(std::memory_order_relaxed))
        return give_pages(slab);
    slab->next = retired_;
    retired_ = slab;
    retired_count_.fetch_add(1, std::memory_order_relaxed);
}

void Heap::give_pages(Slab* slab) {
    const uint32_t pages = kSizeClasses[slab->size_class].slab_pages;
    for (uint32_t i = 0; i < pages; ++i)
        extents_.info(slab->first_page + i).tag.store(PageTag::kUnknown, std::memory_order_relaxed);
    extents_.give(slab->first_page, pages);
    slab->next = spare_slabs_;
    spare_slabs_ = slab;
}

// One record for many slabs, so that giving them back costs next to no fences. REQUIRES: no lock is held.
void Heap::give_back_retired(uint32_t at_least) {
    if (retired_count_.load(std::memory_order_relaxed) < at_least)
        return;
    Slab* slabs;
    {
        LockGuard guard(lock_);
        slabs = retired_;
        retired_ = nullptr;
        retired_count_.store(0, std::memory_order_relaxed);
    }
    if (slabs == nullptr)
        return;
    RecordBuilder record;
    record.reset();
    for (const Slab* slab = slabs; slab != nullptr; slab = slab->next)
        record.add_describe(slab->descriptors, 0);
    const int error = commit_(commit_context_, record);
    record.release();
    LockGuard guard(lock_);
    while (Slab* slab = slabs) {
        slabs = slab->next;
        if (error == 0)
            give_pages(slab);
        else
            retire(slab);  // another time
    }
}

void Heap::list_unclaimed(Slab* slab) {
    push_front(unclaimed_[slab->size_class][slab->type_slot], slab);
}
void Heap::unlist_unclaimed(Slab* slab) {
    remove(unclaimed_[slab->size_class][slab->type_slot], slab);
}

void Heap::release(const Block& block) {
    if (block.slab != nullptr) {
        release_small(block);
        return give_back_retired(kRetiredAtOnce);
    }
    LockGuard guard(lock_);
    const uint64_t first = block.offset / kPageBytes;
    extents_.info(first).tag.store(PageTag::kUnknown, std::memory_order_relaxed);
    extents_.give(first, block.pages);
}

void Heap::release_small(const Block& block) {
    Slab* slab = block.slab;
    const uint64_t bit = 1ull << (block.index % 64);
    for (;;) {
        Arena* arena = slab->arena.load(std::memory_order_acquire);
        LockGuard guard(arena != nullptr ? arena->lock : lock_);
        if (slab->arena.load(std::memory_order_acquire) != arena)
            continue;  // claimed or given up meanwhile; it cannot be retired while it holds this block
        uint64_t& used = slab->used[block.index / 64];
        __atomic_store_n(&used, used & ~bit, __ATOMIC_RELAXED);
        ++slab->free;
        Slab*& bin = arena != nullptr ? arena->bins[slab->size_class][slab->type_slot]
                                      : unclaimed_[slab->size_class][slab->type_slot];
        if (!slab->listed)
            push_front(bin, slab);
        if (slab->free < slab->capacity)
            return;
        if (arena == nullptr) {
            remove(bin, slab);
            retire(slab);
        } else if (bin != slab || slab->next != nullptr) {
            // One empty slab stays, so that a thread that allocates and frees in turn does not ask for pages
            // each time.
            remove(bin, slab);
            arena->pages.fetch_sub(kSizeClasses[slab->size_class].slab_pages, std::memory_order_relaxed);
            LockGuard heap_guard(lock_);
            retire(slab);
        }
        return;
    }
}

void Heap::give_up_arena_slabs() {
    for (uint32_t i = 0; i < arena_count(); ++i) {
        Arena& arena = *arenas_[i];
        LockGuard guard(arena.lock);
        LockGuard heap_guard(lock_);
        for (auto& of_class : arena.bins) {
            for (Slab*& bin : of_class) {
                while (Slab* slab = bin) {
                    remove(bin, slab);
                    slab->arena.store(nullptr, std::memory_order_release);
                    arena.pages.fetch_sub(kSizeClasses[slab->size_class].slab_pages,
                                          std::memory_order_relaxed);
                    if (slab->free == slab->capacity)
                        retire(slab);
                    else
                        list_unclaimed(slab);
                }
            }
        }
    }
}

bool Heap::is_used(const Block& block) const {
    if (block.slab == nullptr)
        return true;
    const uint64_t word = __atomic_load_n(&block.slab->used[block.index / 64], __ATOMIC_RELAXED);
    return (word >> (block.index % 64) & 1) != 0;
}

uint64_t Heap::usable_bytes(const Block& block) const {
    return block.slab != nullptr ? block.slab->usable : block.pages * kPageBytes;
}

}  // namespace terrace::persist
