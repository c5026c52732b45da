// The allocating half of memkind_memtier.h: choose a tier, allocate in its kind, tell the ledger what it
// really took. Every count follows an operation that succeeded, so that a failure leaves the ledger alone.
#include "include/memkind_memtier.h"

#include <errno.h>
#include <string.h>

#include "src/log.hpp"
#include "tiering/kept_entries.hpp"
#include "tiering/lead.hpp"
#include "tiering/memory.hpp"
#include "tiering/static_ratio.hpp"

#define TERRACE_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using namespace terrace;
using tiering::Tier;
using tiering::TierLoad;

// A refusal of more than this says little about the room that is left for others.
constexpr size_t kLargestTellingSize = 2u << 20;

// A full tier is tried again once per so many allocations that wanted it: a refusal costs some microseconds.
constexpr std::uint32_t kTryFullTierEach = 256;

std::int64_t signed_bytes(size_t bytes) {
    return static_cast<std::int64_t>(bytes);
}

// What the block really takes.
std::int64_t bytes_in(const void* block) {
    return signed_bytes(kinds::usable_size(block));
}

// Counts a fresh block where it is: in the kind it was asked of, or in one of that kind's members.
void count_allocated(const void* block) {
    const memkind_t kind = kinds::kind_of(block);
    tiering::ensure_tenant(kinds::slot_of(kind), kind->serial);
    tiering::count_block(kinds::slot_of(kind), bytes_in(block));
}

// Sizes that a thread's cache may have.
inline bool is_cacheable(size_t size) {
    return size - 1 < kinds::kMostCached;
}

inline TierLoad load_of(const Tier& tier, const tiering::LedgerPage* page) {
    return {tiering::estimated_bytes(tier.slot, page), tier.ratio};
}

unsigned choose_by_threshold(memtier_memory* memory, size_t size) {
    if (memory->thresholds.is_due())
        memory->thresholds.adapt(
            [memory](unsigned i) { return load_of(memory->tiers[i], tiering::own_page()); });
    return memory->thresholds.choose(size);
}

inline unsigned choose_by_ratio(const memtier_memory* memory, const tiering::LedgerPage* page) {
    return tiering::choose_by_static_ratio(
        memory->count, [memory, page](unsigned i) { return load_of(memory->tiers[i], page); });
}

// The tier that the policy wants for an allocation of `size` bytes.
unsigned choose(memtier_memory* memory, size_t size) {
    if (memory->in_order)
        return 0;
    return memory->by_threshold ? choose_by_threshold(memory, size)
                                : choose_by_ratio(memory, tiering::own_page());
}

// It has not refused anything so far.
inline bool is_never_full(const Tier& tier) {
    return tier.full_at.load(std::memory_order_relaxed) == UINT64_MAX;
}

bool is_full(const Tier& tier) {
    return tier.full_at.load(std::memory_order_relaxed) <= tiering::estimated_bytes(tier.slot);
}

// Whether the tier should be passed over this time: it refused when it held no more than now, and is not due
// for a try.
bool is_passed_over(Tier& tier) {
    if (is_never_full(tier))
        return false;
    if (tier.has_failed.load(std::memory_order_relaxed))
        return true;
    return is_full(tier) && tier.passed_over.fetch_add(1, std::memory_order_relaxed) % kTryFullTierEach !=
                                kTryFullTierEach - 1;
}

kinds::SourceFailure failure_of(const Tier& tier) {
    return tier.kind->source != nullptr ? tier.kind->source->failure() : kinds::SourceFailure{};
}

void note_full(const memtier_memory* memory, Tier& tier, size_t size) {
    if (failure_of(tier).is_lasting) {
        tier.refusals.fetch_add(1, std::memory_order_relaxed);
        const bool was_known = tier.has_failed.exchange(true);
        tier.full_at.store(0);
        tiering::changes.increment();
        if (!was_known)
            log_info("tier %u is broken; nothing is allocated there any more",
                     static_cast<unsigned>(&tier - memory->tiers));
        return;
    }
    if (size > kLargestTellingSize)
        return;
    const std::uint64_t bytes = tiering::estimated_bytes(tier.slot);
    tier.refusals.fetch_add(1, std::memory_order_relaxed);
    if (tier.full_at.exchange(bytes, std::memory_order_relaxed) == UINT64_MAX) {
        tiering::changes.increment();
        log_info("tier %u is full at %llu bytes; its allocations go to the other tiers while it is",
                 static_cast<unsigned>(&tier - memory->tiers), static_cast<unsigned long long>(bytes));
    }
}

// The chosen tier has no room: the others in order, first those that are not known to be full, then all.
template <class Allocate>
__attribute__((noinline, cold)) void* place_elsewhere(memtier_memory* memory, unsigned refused, size_t size,
                                                      Allocate allocate) {
    memory->tiers[refused].passed_on.fetch_add(1, std::memory_order_relaxed);
    for (const bool also_full_ones : {false, true}) {
        for (unsigned i = 0; i < memory->count; ++i) {
            const unsigned index = memory->fallback_order[i];
            Tier& tier = memory->tiers[index];
            if (tier.has_failed.load(std::memory_order_relaxed))
                continue;
            const bool full = is_full(tier);
            const bool for_another_round = also_full_ones ? !full : full || index == refused;
            if (for_another_round)
                continue;
            if (void* block = allocate(tier.kind)) {
                count_allocated(block);
                return block;
            }
            note_full(memory, tier, size);
        }
    }
    errno = ENOMEM;
    return nullptr;
}

bool is_worth_a_try(const memtier_memory* memory, Tier& tier) {
    return !tier.has_failed.load(std::memory_order_relaxed) && (memory->is_strict || !is_passed_over(tier));
}

// A block of the chosen tier, or nullptr, which is noted.
template <class Allocate>
void* try_tier(const memtier_memory* memory, Tier& tier, size_t size, Allocate allocate) {
    const bool was_full = is_full(tier);
    void* const block = allocate(tier.kind);
    if (block == nullptr) {
        note_full(memory, tier, size);
        return nullptr;
    }
    if (was_full) {  // room came from elsewhere; the next refusal tells how much
        tier.full_at.store(UINT64_MAX);
        if (tier.has_failed.load())  // another thread found out meanwhile
            tier.full_at.store(0);
        tiering::changes.increment();
    }
    count_allocated(block);
    return block;
}

// REQUIRES: size > 0; allocate(kind) gives a block of that size in the kind, or nullptr.
template <class Allocate>
void* place_in_tier(memtier_memory* memory, unsigned chosen, size_t size, Allocate allocate) {
    if (is_worth_a_try(memory, memory->tiers[chosen])) {
        if (void* const block = try_tier(memory, memory->tiers[chosen], size, allocate))
            return block;
    }
    if (memory->is_strict) {
        errno = ENOMEM;
        return nullptr;
    }
    return place_elsewhere(memory, chosen, size, allocate);
}

template <class Allocate>
void* place(memtier_memory* memory, size_t size, Allocate allocate) {
    return place_in_tier(memory, choose(memory, size), size, allocate);
}

__attribute__((noinline)) void* allocate_slowly(memtier_memory* memory, unsigned chosen, size_t size) {
    return place_in_tier(memory, chosen, size,
                         [size](memkind_t kind) { return kinds::allocate(kind, size); });
}

// Counts a block of this thread's cache, and passes it on.
inline void* counted(tiering::LedgerPage* page, unsigned slot, size_t size, void* block) {
    tiering::count_block_in(page, slot);
    return tiering::count_in(page, slot, signed_bytes(kinds::size_taken_by(size)), block);
}

// Where place_elsewhere() would begin, if that tier never refused and this thread's cache of it has a block; or nullptr.
void* take_cached_elsewhere(memtier_memory* memory, unsigned full, size_t size, tiering::LedgerPage* page) {
    for (unsigned i = 0; i < memory->count; ++i) {
        const unsigned index = memory->fallback_order[i];
        const Tier& tier = memory->tiers[index];
        if (is_never_full(tier)) {
            void* const block = kinds::allocate_cached(tier.kind, size);
            if (block == nullptr)
                return nullptr;
            memory->tiers[full].passed_on.fetch_add(1, std::memory_order_relaxed);
            return counted(page, tier.slot, size, block);
        }
        if (index != full && !is_full(tier))
            return nullptr;
    }
    return nullptr;
}

// A full tier is chosen again and again: what others allocate in its stead is to be quick, too.
__attribute__((noinline)) void* allocate_beside_full(memtier_memory* memory, unsigned chosen, size_t size,
                                                     tiering::LedgerPage* page) {
    if (memory->is_strict)
        return allocate_slowly(memory, chosen, size);
    Tier& tier = memory->tiers[chosen];
    const auto allocate = [size](memkind_t kind) { return kinds::allocate(kind, size); };
    if (is_worth_a_try(memory, tier)) {
        if (void* const block = try_tier(memory, tier, size, allocate))
            return block;
    }
    if (void* const block = take_cached_elsewhere(memory, chosen, size, page))
        return block;
    return place_elsewhere(memory, chosen, size, allocate);
}

// REQUIRES: is_cacheable(size).
inline void* allocate_in_tier(memtier_memory* memory, unsigned chosen, size_t size,
                              tiering::LedgerPage* page) {
    const Tier& tier = memory->tiers[chosen];
    if (!is_never_full(tier)) [[unlikely]]
        return allocate_beside_full(memory, chosen, size, page);
    if (void* const block = kinds::allocate_cached(tier.kind, size); block != nullptr) [[likely]]
        return counted(page, tier.slot, size, block);
    return allocate_slowly(memory, chosen, size);
}

// Every size, every policy, with or without a page of the ledger.
__attribute__((noinline)) void* allocate_in_memory(memtier_memory* memory, size_t size) {
    if (size == 0)
        return nullptr;
    const unsigned chosen = choose(memory, size);
    tiering::LedgerPage* const page = tiering::own_page();
    return is_cacheable(size) && page != nullptr ? allocate_in_tier(memory, chosen, size, page)
                                                 : allocate_slowly(memory, chosen, size);
}

// One kind, no policy.
template <class Allocate>
void* place_in_kind(memkind_t kind, Allocate allocate) {
    if (kind == nullptr) {
        errno = EINVAL;
        return nullptr;
    }
    void* block = allocate(kind);
    if (block != nullptr)
        count_allocated(block);
    return block;
}

__attribute__((noinline)) void* allocate_in_kind(memkind_t kind, size_t size) {
    return place_in_kind(kind, [size](memkind_t k) { return kinds::allocate(k, size); });
}

// ENSURES: on true, *total is the product and not 0. On false the answer of calloc is NULL, with errno set if
// it overflowed.
inline bool array_bytes(size_t num, size_t size, size_t* total) {
    if (__builtin_mul_overflow(num, size, total)) {
        errno = ENOMEM;
        return false;
    }
    return *total != 0;
}

bool is_alignment(size_t alignment) {
    return alignment >= sizeof(void*) && (alignment & (alignment - 1)) == 0;
}

// posix_memalign's manners around `allocate`, which gives the block or nullptr.
template <class Allocate>
int aligned_result(void** memptr, size_t alignment, size_t size, Allocate allocate) {
    if (!is_alignment(alignment))
        return EINVAL;
    if (size == 0) {
        *memptr = nullptr;
        return 0;
    }
    const int saved_errno = errno;
    void* block = allocate();
    errno = saved_errno;
    if (block == nullptr)
        return ENOMEM;
    *memptr = block;
    return 0;
}

// Frees a block of this library's, whatever way.
__attribute__((noinline)) void free_own(memkind_t kind, void* block) {
    const int saved_errno = errno;
    tiering::count(kinds::slot_of(kind), -bytes_in(block));
    kinds::deallocate(block);
    errno = saved_errno;
}

// The block resized within its kind, and counted; nullptr and everything as before when the kind has no room.
// REQUIRES: the block is in `kind`; size > 0.
void* resize(memkind_t kind, void* block, size_t size) {
    const std::int64_t before = bytes_in(block);
    void* resized = kinds::reallocate(block, size);
    if (resized != nullptr) {
        tiering::count(kinds::slot_of(kind), -before);
        count_allocated(resized);
    }
    return resized;
}

// Whether a resized block should move to the tier that thresholds choose for its new size. It stays where it
// is when it has room for that size and would use more than half of it.
bool changes_tier(const memtier_memory* memory, memkind_t owner, const void* block, size_t size) {
    if (!memory->by_threshold || memory->tiers[memory->thresholds.choose(size)].kind == owner)
        return false;
    const auto room = kinds::usable_size(block);
    return size > room || size <= room / 2;
}

// Whether a block that needs more room than it has must leave its tier, because that is broken.
bool leaves_failed_tier(const memtier_memory* memory, memkind_t owner, const void* block, size_t size) {
    for (unsigned i = 0; i < memory->count; ++i)
        if (memory->tiers[i].kind == owner)
            return memory->tiers[i].has_failed.load(std::memory_order_relaxed) &&
                   size > kinds::usable_size(block);
    return false;
}

// What realloc answers without resizing anything: a foreign block, or size 0. True when that settles it.
bool is_settled(memkind_t owner, void* block, size_t size) {
    if (owner == nullptr) {
        errno = EINVAL;
        return true;
    }
    if (size == 0) {
        free_own(owner, block);
        return true;
    }
    return false;
}

}  // namespace

TERRACE_EXPORT void* memtier_malloc(memtier_memory* memory, size_t size) {
    tiering::LedgerPage* const page = tiering::own_page();
    if (!is_cacheable(size) || page == nullptr || memory->by_threshold) [[unlikely]]
        return allocate_in_memory(memory, size);
    const unsigned chosen = memory->count == 1 || memory->in_order ? 0 : choose_by_ratio(memory, page);
    return allocate_in_tier(memory, chosen, size, page);
}

TERRACE_EXPORT void* memtier_kind_malloc(memkind_t kind, size_t size) {
    tiering::LedgerPage* const page = tiering::own_page();
    if (is_cacheable(size) && kind != nullptr && page != nullptr) [[likely]] {
        const unsigned slot = kinds::slot_of(kind);
        tiering::ensure_tenant(slot, kind->serial);
        if (void* const block = kinds::allocate_cached(kind, size); block != nullptr) [[likely]]
            return counted(page, slot, size, block);
    }
    return size == 0 ? nullptr : allocate_in_kind(kind, size);
}

TERRACE_EXPORT void* memtier_calloc(memtier_memory* memory, size_t num, size_t size) {
    size_t total = 0;
    if (!array_bytes(num, size, &total))
        return nullptr;
    return place(memory, total, [total](memkind_t kind) { return kinds::allocate_zeroed(kind, total); });
}

TERRACE_EXPORT void* memtier_kind_calloc(memkind_t kind, size_t num, size_t size) {
    size_t total = 0;
    if (!array_bytes(num, size, &total))
        return nullptr;
    return place_in_kind(kind, [total](memkind_t k) { return kinds::allocate_zeroed(k, total); });
}

TERRACE_EXPORT void* memtier_realloc(memtier_memory* memory, void* ptr, size_t size) {
    if (ptr == nullptr)
        return memtier_malloc(memory, size);
    const memkind_t owner = kinds::kind_of(ptr);
    if (is_settled(owner, ptr, size))
        return nullptr;
    const int saved_errno = errno;
    if (!changes_tier(memory, owner, ptr, size) && !leaves_failed_tier(memory, owner, ptr, size)) {
        if (void* resized = resize(owner, ptr, size))
            return resized;
    }
    void* moved = memtier_malloc(memory, size);
    if (moved == nullptr)
        return nullptr;
    const size_t old_size = kinds::usable_size(ptr);
    memcpy(moved, ptr, old_size < size ? old_size : size);
    free_own(owner, ptr);
    errno = saved_errno;
    return moved;
}

TERRACE_EXPORT void* memtier_kind_realloc(memkind_t kind, void* ptr, size_t size) {
    if (ptr == nullptr)
        return memtier_kind_malloc(kind, size);
    const memkind_t owner = kinds::kind_of(ptr);
    return is_settled(owner, ptr, size) ? nullptr : resize(owner, ptr, size);
}

TERRACE_EXPORT int memtier_posix_memalign(memtier_memory* memory, void** memptr, size_t alignment,
                                          size_t size) {
    return aligned_result(memptr, alignment, size, [memory, alignment, size] {
        return place(memory, size, [alignment, size](memkind_t kind) {
            return kinds::allocate_aligned(kind, alignment, size);
        });
    });
}

TERRACE_EXPORT int memtier_kind_posix_memalign(memkind_t kind, void** memptr, size_t alignment, size_t size) {
    return aligned_result(memptr, alignment, size, [kind, alignment, size] {
        return place_in_kind(
            kind, [alignment, size](memkind_t k) { return kinds::allocate_aligned(k, alignment, size); });
    });
}

TERRACE_EXPORT size_t memtier_usable_size(void* ptr) {
    return ptr != nullptr && kinds::kind_of(ptr) != nullptr ? kinds::usable_size(ptr) : 0;
}

TERRACE_EXPORT int memtier_try_free(void* ptr) {
    const page_map::Entry entry = page_map::entry_of(ptr);
    if (kinds::ThreadCache* const cache = kinds::deallocate_cached(entry, ptr); cache != nullptr) [[likely]] {
        if (tiering::LedgerPage* const page = tiering::own_page(); page != nullptr)
            tiering::keep_entry(cache, page);
        const size_t bytes = kinds::size_class(page_map::class_in(entry)).size;
        return tiering::count_and_return(cache->shown_slot, -signed_bytes(bytes), 0);
    }
    if (ptr == nullptr)
        return 0;
    const memkind_t owner = kinds::kind_of(ptr);
    if (owner == nullptr)
        return -1;
    free_own(owner, ptr);
    return 0;
}

TERRACE_EXPORT void memtier_kind_free(memkind_t, void* ptr) {
    memtier_try_free(ptr);
}

TERRACE_EXPORT size_t memtier_kind_allocated_size(memkind_t kind) {
    if (kind == nullptr)
        return 0;
    const unsigned slot = kinds::slot_of(kind);
    tiering::ensure_tenant(slot, kind->serial);
    return tiering::allocated_bytes(slot);
}

TERRACE_EXPORT size_t memtier_kind_peak_size(memkind_t kind) {
    if (kind == nullptr)
        return 0;
    const unsigned slot = kinds::slot_of(kind);
    tiering::ensure_tenant(slot, kind->serial);
    return tiering::peak_bytes(slot);
}

TERRACE_EXPORT int memtier_get_tier_statistics(memtier_memory* memory, unsigned tier,
                                               struct memtier_tier_statistics* statistics) {
    if (memory == nullptr || statistics == nullptr || tier >= memory->count) {
        errno = EINVAL;
        return -1;
    }
    const Tier& its = memory->tiers[tier];
    const kinds::SourceFailure failure = failure_of(its);
    *statistics = {its.kind,
                   its.ratio,
                   tiering::allocated_bytes(its.slot),
                   tiering::peak_bytes(its.slot),
                   tiering::allocated_blocks(its.slot),
                   its.refusals.load(std::memory_order_relaxed),
                   its.passed_on.load(std::memory_order_relaxed),
                   failure.times,
                   failure.error,
                   failure.what,
                   its.has_failed.load(std::memory_order_relaxed) ? 1 : 0};
    return 0;
}
