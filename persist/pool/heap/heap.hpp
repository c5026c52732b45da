// The heap of a pool. Small objects live in slabs of one size class, larger ones in whole pages. Which of
// them exist is durable in the page table, apart from the objects; everything else (free lists, reservations)
// is DRAM and is rebuilt, one 32 MiB segment at a time, when it is first needed. An object is reserved in
// DRAM, becomes durable with the record that its owner commits, and is released in DRAM only after the record
// that frees it is durable: no other transaction can get memory whose release may still be undone. Thread
// safety: any number of threads; a block has one owner between reserve and confirm, and between free and release.
#pragma once

#include <cstdint>

#include "persist/pool/heap/extent_heap.hpp"
#include "persist/pool/heap/size_classes.hpp"
#include "persist/pool/log/log_home.hpp"
#include "persist/pool/log/record.hpp"
#include "src/mutex.hpp"

namespace terrace::persist {

struct Arena;

struct alignas(128) Slab {  // two arenas never share a line
    uint64_t first_page;
    uint64_t descriptors;  // offset of its first page's descriptor
    uint64_t type_number;  // of all its objects, unless mixed
    Slab* next;
    Slab* previous;
    std::atomic<Arena*> arena;    // whose lock guards it; null: the heap's own lock
    std::atomic<bool> formatted;  // the page table says that it exists
    uint32_t usable;              // bytes of each object that may be used: the class's, or less
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

// Figures of a whole heap; all but `objects` in bytes.
struct HeapUsage {
    uint64_t heap_bytes;          // of pages, in use or not
    uint64_t objects;             // that exist durably or are reserved
    uint64_t object_bytes;        // that they can hold
    uint64_t slab_bytes;          // of pages in slabs
    uint64_t slab_object_bytes;   // of these, in objects
    uint64_t free_bytes;          // of free pages
    uint64_t largest_free_bytes;  // of free pages in one piece
};

class Heap {
  public:
    // `commit` makes a record durable (0 or an errno): the heap writes records of its own when it gives slabs
    // back and when it first uses a segment.
    using Commit = int (*)(void* context, RecordBuilder& record);
    // Makes room for an object of `bytes` if the pool may grow by itself. `seen_bytes`: the pool's size when there was none.
    using Grow = bool (*)(void* context, uint64_t bytes, uint64_t seen_bytes);
    // `most_bytes`: to which the pool may ever grow.
    [[nodiscard]] bool start(const PoolHome& pool, uint64_t most_bytes, Commit commit, Grow grow,
                             void* context);
    void stop();
    // Memory for the tags of the first `bytes` of the pool, before it grows to so many. False when there is none.
    [[nodiscard]] bool reach(uint64_t bytes);

    // A block that nobody else has; offset 0 when the heap is full. `alignment` a power of two. `arena`: a
    // number from 1 to arena_count(); 0: the thread's own. `is_exact`: usable_bytes of a small object shall be `bytes`, as long
    // as there are not too many types and sizes.
    Block reserve(uint64_t bytes, uint64_t type_number, uint64_t alignment = 1, uint32_t arena = 0,
                  bool is_exact = false);

    // What a record must say so that the block exists, or no longer exists, for recovery.
    void log_allocation(RecordBuilder& record, const Block& block, uint64_t type_number);
    void log_free(RecordBuilder& record, const Block& block);

    void confirm(const Block& block);  // its allocation is durable
    void release(const Block& block);  // its free is durable, or it was never allocated

    // The block that starts at `offset`, reserved or allocated; false for any other offset.
    bool find(uint64_t offset, Block& block);
    // The block that `offset` lies in, reserved or allocated, which nobody releases meanwhile. Of a large object it looks at
    // each page before the offset.
    bool find_around(uint64_t offset, Block& block);
    bool is_allocated(const Block& block) const;  // durably: not merely reserved
    bool is_used(const Block& block) const;       // reserved or allocated; of a large object always
    uint64_t usable_bytes(const Block& block) const;
    uint64_t type_of(const Block& block) const;

    // The allocated object with the smallest offset greater than `after` (0: the first), or 0.
    uint64_t next_object(uint64_t after);

    // Loads the whole heap: its cost is the pool's size.
    HeapUsage usage();

    // Arenas are numbered from 1. A thread uses the one it is pinned to, else one of the automatic ones.
    // heap_arenas.cpp.
    static constexpr uint32_t kMostArenas = 65535;  // a number has 16 bits in an allocation's flags
    static uint32_t default_arena_count();
    uint32_t arena_count() const { return arena_count_.load(std::memory_order_acquire); }
    uint32_t automatic_arena_count();
    bool is_automatic(uint32_t id);
    [[nodiscard]] bool set_automatic(uint32_t id, bool automatic);  // false: it is the last one
    uint32_t create_arena();                                        // its number, or 0
    uint64_t arena_bytes(uint32_t id);                              // of the slabs that it holds
    uint32_t arena_id_of_thread();
    [[nodiscard]] bool pin_thread(uint32_t id);  // false when DRAM is short
    uint32_t most_arenas();
    [[nodiscard]] bool set_most_arenas(uint32_t count);  // false when it is out of range

    // For pmemobj_defrag, heap_defrag.cpp. After gather_slabs, until somebody allocates, is_sparse tells which
    // objects share a slab with at least as many free places.
    void gather_slabs();
    bool is_sparse(const Block& block);
    // A place for an object of the same size and type number in a slab that is fuller than this one's; offset 0: none.
    Block reserve_in_fuller_slab(const Block& from, uint64_t type_number);

    // The child has one thread; a lock that another one held stays held for ever otherwise.
    void after_fork_in_child() { lock_.reinitialise(); }

  private:
    // Fifteen types with slabs of their own, one slot for mixed slabs, and one for loaded slabs of yet
    // another type, in which nothing is allocated until they are empty.
    static constexpr uint32_t kMixedSlot = 15;
    static constexpr uint32_t kForeignSlot = 16;
    static constexpr uint32_t kTypeSlots = 17;

    friend struct Arena;
    uint64_t next_object_in(const Region& region, uint64_t page, uint32_t index);
    // A slot is for one type number and one own size (0: the class's).
    uint32_t slot_for_type(uint64_t type_number, uint32_t own_size);
    uint32_t slot_for_loaded_type(uint64_t type_number, uint32_t own_size);  // REQUIRES: lock_
    bool is_slot_of(uint32_t slot, uint64_t type_number, uint32_t own_size) const {
        return types_[slot].load(std::memory_order_relaxed) == type_number &&
               own_sizes_[slot].load(std::memory_order_relaxed) == own_size;
    }
    [[nodiscard]] bool start_arenas();
    void stop_arenas();
    Arena& arena_of_thread();
    uint32_t special_arena(uint64_t serial);
    uint32_t count_automatic() const;  // REQUIRES: lock_
    Block try_reserve(uint64_t bytes, uint64_t type_number, uint64_t alignment, uint32_t arena,
                      bool is_exact);
    void give_up_arena_slabs();
    Block reserve_small(uint32_t size_class, uint64_t type_number, uint32_t arena, uint32_t own_size);
    Block reserve_large(uint64_t bytes, uint64_t type_number, uint64_t alignment);
    Slab* slab_for(Arena& arena, uint32_t size_class, uint32_t slot, uint64_t type_number, uint32_t own_size);
    uint32_t take_pages(uint64_t count, uint64_t alignment, bool inside_segment);         // REQUIRES: lock_
    uint32_t take_loaded_pages(uint64_t count, uint64_t alignment, bool inside_segment);  // REQUIRES: lock_
    bool load_next_segment();                            // REQUIRES: lock_; false: all are loaded
    [[nodiscard]] bool touch_segment_of(uint64_t page);  // REQUIRES: lock_
    static uint32_t take_place(Slab& slab);
    Slab* new_slab();             // REQUIRES: lock_
    void retire(Slab* slab);      // REQUIRES: lock_; it is empty and unlisted
    void give_pages(Slab* slab);  // REQUIRES: lock_
    void give_back_retired(uint32_t at_least);
    void list_unclaimed(Slab* slab);    // REQUIRES: lock_
    void unlist_unclaimed(Slab* slab);  // REQUIRES: lock_
    void release_small(const Block& block);
    void load_segment(uint64_t segment);  // REQUIRES: lock_
    void ensure_loaded(uint64_t segment) {
        if (!is_loaded(segment)) [[unlikely]] {
            LockGuard guard(lock_);
            if (!is_loaded(segment))
                load_segment(segment);
        }
    }
    void load_everything();
    void load_extents(uint64_t first, uint64_t end);
    Slab* load_slab(uint64_t page, const ExtentState& state);
    void report_damage(const char* what, uint64_t page);
    void add_usage_of(uint64_t segment, HeapUsage& usage);  // REQUIRES: lock_
    bool is_loaded(uint64_t segment) const { return loaded_[segment].load(std::memory_order_acquire); }

    static uint64_t page_offset(uint64_t page) { return page * kPageBytes; }
    uint64_t state_offset(uint64_t page) const { return pool_->regions.descriptor_of(page); }
    static uint64_t bitmap_offset(const Slab& slab, uint32_t word) {
        return slab.descriptors + word / 2 * sizeof(PageDescriptor) + offsetof(PageDescriptor, bitmap) +
               (word % 2) * 8;
    }
    ExtentState read_state(uint64_t page) const { return ExtentState::unpack(read_word(state_offset(page))); }
    bool is_descriptor_sound(uint64_t page) const;
    bool is_touched(const Segment& segment) const;
    uint64_t type_offset(const Slab& slab, uint32_t index) const;
    uint64_t read_word(uint64_t offset) const {
        return __atomic_load_n(pool_->metadata_word(offset), __ATOMIC_RELAXED);
    }
    void log_extent(RecordBuilder& record, uint64_t first, uint64_t pages, uint64_t state,
                    uint64_t type_number);
    void log_covered(RecordBuilder& record, uint64_t first, uint64_t pages, bool is_covered);
    TypeEntry type_entry(const Slab& slab, uint32_t index, uint64_t type_number) const;

    const PoolHome* pool_ = nullptr;
    Mutex lock_;  // extents, segments, unclaimed slabs; taken after an arena's lock, never before
    ExtentHeap extents_;
    std::atomic<bool>* loaded_ = nullptr;
    uint64_t most_segments_ = 0;
    uint64_t segments_not_loaded_from_ = 0;  // every segment below is loaded
    Arena** arenas_ = nullptr;               // kMostArenas places, the first arena_count_ of them filled
    std::atomic<uint32_t> arena_count_{0};
    uint32_t ordinary_arenas_ = 0;  // as many as there were at the start
    uint32_t most_arenas_ = 0;      // guarded by lock_
    // 0: every arena is automatic and no thread was ever pinned. Else a number that no heap of this process
    // had before, so that what a thread remembers holds until the next change.
    std::atomic<uint64_t> arena_serial_{0};
    uint64_t first_serial_ = 0;  // tells this heap's pins from those of one that was at this address before
    Slab* unclaimed_[kSizeClassCount][kTypeSlots] = {};
    // Empty slabs that the page table still names: their pages are free once a record has said so.
    Slab* retired_ = nullptr;
    std::atomic<uint32_t> retired_count_{0};
    Slab* spare_slabs_ = nullptr;
    Commit commit_ = nullptr;
    Grow grow_ = nullptr;
    void* commit_context_ = nullptr;
    struct SlabBatch {
        SlabBatch* next;
    };
    SlabBatch* batches_ = nullptr;
    std::atomic<uint32_t> known_types_{0};
    std::atomic<uint64_t> types_[kMixedSlot] = {};
    std::atomic<uint32_t> own_sizes_[kMixedSlot] = {};
    std::atomic<bool> damage_reported_{false};
};

struct alignas(128) Arena {
    Mutex lock;
    bool automatic = true;           // guarded by the heap's lock
    std::atomic<uint64_t> pages{0};  // of its slabs, full ones too
    Slab* bins[kSizeClassCount][Heap::kTypeSlots];
};

}  // namespace terrace::persist
