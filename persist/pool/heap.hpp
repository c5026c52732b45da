// The heap of a pool. Small objects live in slabs of one size class, larger ones in whole pages. Which of
// them exist is durable in the page table, apart from the objects; everything else (free lists, reservations)
// is DRAM and is rebuilt, one 32 MiB segment at a time, when it is first needed. An object is reserved in
// DRAM, becomes durable with the record that its owner commits, and is released in DRAM only after the record
// that frees it is durable: no other transaction can get memory whose release may still be undone. Thread
// safety: any number of threads; a block has one owner between reserve and confirm, and between free and release.
#pragma once

#include <cstdint>

#include "persist/pool/extent_heap.hpp"
#include "persist/pool/log_home.hpp"
#include "persist/pool/record.hpp"
#include "persist/pool/size_classes.hpp"
#include "src/mutex.hpp"

namespace terrace::persist {

struct Arena;

struct alignas(128) Slab {  // two arenas never share a line
    uint64_t first_page;
    uint64_t type_number;  // of all its objects, unless mixed
    Slab* next;
    Slab* previous;
    std::atomic<Arena*> arena;    // whose lock guards it; null: the heap's own lock
    std::atomic<bool> formatted;  // the page table says that it exists
    uint8_t size_class;
    uint8_t type_slot;
    bool mixed;
    bool listed;
    uint16_t capacity;
    uint16_t free;
    uint64_t used[kMostObjectsPerSlab / 64];  // reserved or allocated
};

struct Block {
    uint64_t offset = 0;   // 0: none
    Slab* slab = nullptr;  // null: a large object
    uint32_t index = 0;    // within the slab
    uint64_t pages = 0;    // of a large object
};

class Heap {
  public:
    // `commit` makes a record durable (0 or an errno): the heap writes records of its own when it gives slabs back.
    using Commit = int (*)(void* context, RecordBuilder& record);
    [[nodiscard]] bool start(const PoolHome& pool, Commit commit, void* context);
    void stop();

    // A block that nobody else has; offset 0 when the heap is full. `alignment` a power of two.
    Block reserve(uint64_t bytes, uint64_t type_number, uint64_t alignment = 1);

    // What a record must say so that the block exists, or no longer exists, for recovery.
    void log_allocation(RecordBuilder& record, const Block& block, uint64_t type_number);
    void log_free(RecordBuilder& record, const Block& block);

    void confirm(const Block& block);  // its allocation is durable
    void release(const Block& block);  // its free is durable, or it was never allocated

    // The block that starts at `offset`, reserved or allocated; false for any other offset.
    bool find(uint64_t offset, Block& block);
    bool is_allocated(const Block& block) const;  // durably: not merely reserved
    bool is_used(const Block& block) const;       // reserved or allocated; of a large object always
    uint64_t usable_bytes(const Block& block) const;
    uint64_t type_of(const Block& block) const;

    // The allocated object with the smallest offset greater than `after` (0: the first), or 0.
    uint64_t next_object(uint64_t after);

    uint64_t free_bytes();

    // The child has one thread; a lock that another one held stays held for ever otherwise.
    void after_fork_in_child() { lock_.reinitialise(); }

  private:
    // Fifteen types with slabs of their own, one slot for mixed slabs, and one for loaded slabs of yet
    // another type, in which nothing is allocated until they are empty.
    static constexpr uint32_t kMixedSlot = 15;
    static constexpr uint32_t kForeignSlot = 16;
    static constexpr uint32_t kTypeSlots = 17;

    friend struct Arena;
    uint32_t slot_for_type(uint64_t type_number);
    uint32_t slot_for_loaded_type(uint64_t type_number);  // REQUIRES: lock_
    Arena& arena_of_thread();
    Block try_reserve(uint64_t bytes, uint64_t type_number, uint64_t alignment);
    void give_up_arena_slabs();
    Block reserve_small(uint32_t size_class, uint64_t type_number);
    Block reserve_large(uint64_t bytes, uint64_t type_number, uint64_t alignment);
    Slab* slab_for(Arena& arena, uint32_t size_class, uint32_t slot, uint64_t type_number);
    uint32_t take_pages(uint64_t count, uint64_t alignment, bool inside_segment);  // REQUIRES: lock_
    Slab* new_slab();                                                              // REQUIRES: lock_
    void retire(Slab* slab);      // REQUIRES: lock_; it is empty and unlisted
    void give_pages(Slab* slab);  // REQUIRES: lock_
    void give_back_retired(uint32_t at_least);
    void list_unclaimed(Slab* slab);    // REQUIRES: lock_
    void unlist_unclaimed(Slab* slab);  // REQUIRES: lock_
    void release_small(const Block& block);
    void load_segment(uint64_t segment);  // REQUIRES: lock_
    void load_extents(uint64_t first, uint64_t end);
    Slab* load_slab(uint64_t page, const ExtentState& state);
    bool is_loaded(uint64_t segment) const { return loaded_[segment].load(std::memory_order_acquire); }

    uint64_t page_offset(uint64_t page) const { return pool_->superblock->pages_offset + page * kPageBytes; }
    uint64_t state_offset(uint64_t page) const {
        return pool_->superblock->page_table_offset + page * sizeof(PageDescriptor);
    }
    uint64_t bitmap_offset(uint64_t first_page, uint32_t word) const {
        return state_offset(first_page + word / 2) + offsetof(PageDescriptor, bitmap) + (word % 2) * 8;
    }
    uint64_t segment_offset(uint64_t segment) const {
        return pool_->superblock->segment_table_offset + segment * sizeof(SegmentEntry);
    }
    uint64_t type_offset(const Slab& slab, uint32_t index) const;
    uint64_t read_word(uint64_t offset) const {
        return __atomic_load_n(pool_->metadata_word(offset), __ATOMIC_RELAXED);
    }
    void log_extent(RecordBuilder& record, uint64_t first, uint64_t pages, uint64_t state,
                    uint64_t type_number);

    const PoolHome* pool_ = nullptr;
    Mutex lock_;  // extents, segments, unclaimed slabs; taken after an arena's lock, never before
    ExtentHeap extents_;
    std::atomic<bool>* loaded_ = nullptr;
    uint64_t segments_not_loaded_from_ = 0;  // every segment below is loaded
    Arena* arenas_ = nullptr;
    uint32_t arena_count_ = 0;
    Slab* unclaimed_[kSizeClassCount][kTypeSlots] = {};
    // Empty slabs that the page table still names: their pages are free once a record has said so.
    Slab* retired_ = nullptr;
    std::atomic<uint32_t> retired_count_{0};
    Slab* spare_slabs_ = nullptr;
    Commit commit_ = nullptr;
    void* commit_context_ = nullptr;
    struct SlabBatch {
        SlabBatch* next;
    };
    SlabBatch* batches_ = nullptr;
    std::atomic<uint32_t> known_types_{0};
    std::atomic<uint64_t> types_[kMixedSlot] = {};
    std::atomic<bool> damaged_{false};
};

struct alignas(128) Arena {
    Mutex lock;
    Slab* bins[kSizeClassCount][Heap::kTypeSlots];
};

}  // namespace terrace::persist
