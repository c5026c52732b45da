#include "kinds/heap.hpp"

#include <string.h>

#include "kinds/places.hpp"
#include "kinds/static_kinds.hpp"
#include "src/check.hpp"

namespace terrace::kinds {

using page_map::Entry;

namespace {

void* no_memory() {
    errno = ENOMEM;
    return nullptr;
}

// The most that could ever fit: more would only wake jemalloc's and the kernel's own limits.
constexpr std::size_t kMostThatCouldFit = std::size_t{1} << windows::kAddressBits;

// A block from a kind that has a heap of our own, in state kReady. `size` is at most kMostCached.
void* take_cached_size(memkind* kind, unsigned class_number) {
    ThreadCache* cache = cache_of(owner_number(kind->slot));
    if (cache == nullptr)
        cache = open_cache(kind);
    if (cache != nullptr) {
        void* const block = allocate_cached(kind, size_class(class_number).size);
        return block != nullptr ? block : refill_and_take(cache, class_number);
    }
    // A thread that is ending, or no memory for a cache.
    Shard* const shard = shard_for_this_thread(kind);
    void* block = nullptr;
    if (shard == nullptr)
        return nullptr;
    if (class_number > kSmallClasses)
        return allocate_run(shard, size_class(class_number).size, 0);
    take_blocks(shard, class_number, &block, 1);
    return block;
}

void* take_run(memkind* kind, std::size_t size, int flags) {
    initialise();
    const ThreadCache* const cache = cache_of(owner_number(kind->slot));
    Shard* const shard = cache != nullptr ? cache->shard : shard_for_this_thread(kind);
    return shard == nullptr ? nullptr : allocate_run(shard, size, flags);
}

// A block of a kind in state kReady. REQUIRES: alignment is 1 or more.
void* take(memkind* kind, std::size_t size, std::size_t alignment, bool zeroed) {
    if (kind->foreign_heap != nullptr)
        return kind->foreign_heap->allocate(kind, size, alignment > 1 ? alignment : 0, zeroed);
    if (size > kMostThatCouldFit || alignment > kMostThatCouldFit)
        return nullptr;
    // Spans begin at a page, so blocks of a class whose size is a multiple of the alignment are aligned.
    unsigned class_number = size <= kMostCached ? class_of_size(size) : kLarge;
    if (alignment > 1)
        while (class_number <= kSmallClasses && size_class(class_number).size % alignment != 0)
            ++class_number;
    const bool is_small = class_number <= kSmallClasses && alignment <= 4096;
    if (is_small || (alignment <= 16 && class_number <= kCachedClasses)) {
        void* const block = take_cached_size(kind, class_number);
        if (block != nullptr && zeroed)
            memset(block, 0, size);
        return block;
    }
    if (size <= kMostSmall)
        size = kMostSmall + 1;
    return take_run(kind, size,
                    (zeroed ? jemalloc::kZero : 0) | (alignment > 1 ? jemalloc::align_flag(alignment) : 0));
}

// The same, after a second try: the kind is full, or its free memory lies where this request cannot have it.
void* take_after_all(memkind* kind, std::size_t size, std::size_t alignment, bool zeroed) {
    void* const block = take(kind, size, alignment, zeroed);
    if (block != nullptr || kind->foreign_heap != nullptr || size > kMostThatCouldFit)
        return block;
    empty_caches_of(kind);
    for_each_shard(kind, [](Shard* shard) { give_free_memory_back(shard); });
    return take(kind, size, alignment, zeroed);
}

// The kind to take memory from: a static one is brought to life, a local one is its place near this CPU.
// nullptr when there is no such memory; a fallback chain is returned as it is.
memkind* resolve(memkind* kind) {
    KindState state = state_of(kind);
    if (state == KindState::kNotPrepared) {
        // Looking for the kind's nodes allocates, perhaps from this very kind.
        if (thread_caches.preparing_kind)
            return &static_kinds[kDefault];
        state = prepare(kind);
    }
    if (state == KindState::kUnavailable)
        return nullptr;
    return state == KindState::kSeveral && kind->choice != nullptr ? place_for_this_cpu(kind) : kind;
}

// A member of a chain that refused is passed over for so many allocations: asking a full node costs some 20
// us. What comes back to the thread's cache is used at once all the same.
constexpr unsigned kTimesPassedOver = 256;

void* take_unless_passed_over(memkind* member, std::size_t size, std::size_t alignment, bool zeroed) {
    if (size <= kMostCached && alignment <= 16 && member->foreign_heap == nullptr)
        if (void* const block = allocate_cached(member, size); block != nullptr)
            return zeroed ? memset(block, 0, size) : block;
    if (const unsigned times = member->passed_over.load(std::memory_order_relaxed); times > 0) {
        member->passed_over.store(times - 1, std::memory_order_relaxed);
        return nullptr;
    }
    void* const block = take(member, size, alignment, zeroed);
    if (block == nullptr)
        member->passed_over.store(kTimesPassedOver, std::memory_order_relaxed);
    return block;
}

void* take_from_members(const memkind* chain, std::size_t size, std::size_t alignment, bool zeroed) {
    void* block = nullptr;
    for (unsigned i = 0; i < chain->part_count && block == nullptr; ++i)
        if (memkind* const member = resolve(chain->parts[i]); member != nullptr)
            block = take_unless_passed_over(member, size, alignment, zeroed);
    for (unsigned i = 0; i < chain->part_count && block == nullptr; ++i)
        if (memkind* const member = resolve(chain->parts[i]); member != nullptr)
            block = take_after_all(member, size, alignment, zeroed);
    return block;
}

void* allocate_with(memkind* kind, std::size_t size, std::size_t alignment, bool zeroed) {
    memkind* const source = resolve(kind);
    if (source == nullptr)
        return no_memory();
    void* const block = state_of(source) == KindState::kSeveral
                            ? take_from_members(source, size, alignment, zeroed)
                            : take_after_all(source, size, alignment, zeroed);
    return block != nullptr ? block : no_memory();
}

}  // namespace

void* allocate_slowly(memkind_t kind, std::size_t size) {
    // The parts of a kind have caches of their own.
    if (state_of(kind) == KindState::kSeveral && kind->choice != nullptr) {
        memkind* const place = place_for_this_cpu(kind);
        if (size <= kMostCached)
            if (void* const block = allocate_cached(place, size); block != nullptr)
                return block;
    }
    const int saved_errno = errno;
    void* const block = allocate_with(kind, size, 1, false);
    if (block != nullptr)
        errno = saved_errno;
    return block;
}

void* allocate_zeroed(memkind_t kind, std::size_t size) {
    const ThreadCache* const cache = cache_of(owner_number(kind->slot));
    if (cache != nullptr && size <= kMostCached) {
        void* const block = allocate(kind, size);
        return block == nullptr ? nullptr : memset(block, 0, size);
    }
    return allocate_with(kind, size, 1, true);
}

void* allocate_aligned(memkind_t kind, std::size_t alignment, std::size_t size) {
    return alignment <= 16 && size > 8 ? allocate(kind, size) : allocate_with(kind, size, alignment, false);
}

void* reallocate(void* pointer, std::size_t size) {
    const Entry entry = page_map::entry_of(pointer);
    const unsigned class_number = page_map::class_in(entry);
    if (class_number - 1 < kCachedClasses) {
        if (size <= kMostCached && class_of_size(size) == class_number)
            return pointer;
    } else if (class_number == kLarge) {
        if (size > kMostCached && size <= kMostThatCouldFit && resize_run(pointer, size))
            return pointer;
    } else if (size <= usable_size(pointer)) {
        return pointer;
    }
    memkind* const kind = entry != 0 ? kind_in_slot(page_map::owner_in(entry) - 1) : kind_of(pointer);
    return reallocate_to(kind, pointer, size);
}

void* reallocate_to(memkind_t kind, void* pointer, std::size_t size) {
    memkind* const home = kind_of(pointer);
    if (home->foreign_heap != nullptr && !home->foreign_heap->may_move(home, pointer)) {
        errno = EINVAL;
        return nullptr;
    }
    const std::size_t old_size = usable_size(pointer);
    void* const moved = allocate(kind, size);
    if (moved == nullptr)
        return nullptr;
    memcpy(moved, pointer, old_size < size ? old_size : size);
    deallocate(pointer);
    return moved;
}

void* move_to_better_place(void* pointer) {
    void* const place = better_place_for(pointer);
    if (place == nullptr)
        return nullptr;
    memcpy(place, pointer, usable_size(pointer));
    // Not into this thread's cache: the next allocation would use it again.
    give_blocks_back(&pointer, 1);
    return place;
}

memkind_t kind_of_unmarked(const void* pointer) {
    memkind* kind = nullptr;
    const windows::Owner owner = windows::owner_of(pointer);
    if (owner == windows::kMixed)
        kind = kind_with_fixed_buffer_at(pointer);
    else if (owner != windows::kNobody)
        kind = kind_in_slot(owner - 1U);
    if (kind != nullptr && kind->foreign_heap != nullptr && !kind->foreign_heap->owns(kind, pointer))
        return nullptr;
    return kind == nullptr ? nullptr : kind->shown_as;
}

void deallocate_slowly(void* pointer) {
    const Entry entry = page_map::entry_of(pointer);
    const unsigned class_number = page_map::class_in(entry);
    const int saved_errno = errno;
    if (class_number - 1 < kCachedClasses) {
        memkind* const kind = kind_in_slot(page_map::owner_in(entry) - 1);
        ThreadCache* cache = cache_of(page_map::owner_in(entry));
        if (cache == nullptr && kind != nullptr)
            cache = open_cache(kind);
        if (cache != nullptr)
            make_room_and_put(cache, class_number, pointer);
        else
            give_blocks_back(&pointer, 1);
    } else if (class_number == kLarge) {
        free_run(pointer);
    } else if (memkind* const kind = kind_of_unmarked(pointer);
               kind != nullptr && kind->foreign_heap != nullptr) {
        kind->foreign_heap->deallocate(kind, pointer);
    } else if (kind != nullptr) {
        report_wrong_free(pointer, "no block begins there");
    }
    errno = saved_errno;
}

std::size_t usable_size_slowly(const void* pointer) {
    if (page_map::class_in(page_map::entry_of(pointer)) == kLarge)
        return size_of_run(pointer);
    memkind* const kind = kind_of(pointer);
    if (kind != nullptr && kind->foreign_heap != nullptr)
        return kind->foreign_heap->usable_size(kind, pointer);
    return 0;
}

}  // namespace terrace::kinds
