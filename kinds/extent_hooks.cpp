#include "kinds/extent_hooks.hpp"

#include <errno.h>
#include <stdlib.h>

#include "kinds/kind.hpp"
#include "src/check.hpp"

namespace terrace::kinds {
using jemalloc::ExtentHooks;

namespace {

memkind* kind_of_hooks(ExtentHooks* hooks) {
    return reinterpret_cast<Shard*>(hooks)->kind;
}

char* align_up(char* address, std::size_t alignment) {
    const std::uintptr_t value = reinterpret_cast<std::uintptr_t>(address);
    return reinterpret_cast<char*>((value + alignment - 1) & ~(alignment - 1));
}

// MEMKIND_HOG_MEMORY=1: memory that the kinds have taken is never given back. Read once.
bool hogs_memory() {
    static int answer = -1;
    int known = __atomic_load_n(&answer, __ATOMIC_RELAXED);
    if (known < 0) {
        const char* const value = secure_getenv("MEMKIND_HOG_MEMORY");
        known = value != nullptr && value[0] == '1';
        __atomic_store_n(&answer, known, __ATOMIC_RELAXED);
    }
    return known == 1;
}

// REQUIRES: growth_lock is held.
bool add_window(memkind* kind, std::size_t least) {
    if (kind->window_count == kMostWindows || kind->fixed.base != nullptr) {
        errno = ENOMEM;
        return false;
    }
    const unsigned doublings = kind->window_count < 6 ? kind->window_count : 6;
    std::size_t wanted = kind->first_window << doublings;
    if (wanted > kLargestWindow)
        wanted = kLargestWindow;
    const windows::Window window =
        windows::reserve(wanted, least, owner_number(kind->slot), kind->source->page_size());
    if (window.base == nullptr)
        return false;
    kind->windows[kind->window_count++] = window;
    kind->carved = 0;
    return true;
}

// The next `size` bytes of the kind's windows; the rest of a window that is too small for them stays unused.
// REQUIRES: growth_lock is held.
char* carve(memkind* kind, std::size_t size, std::size_t alignment) {
    for (int attempt = 0; attempt < 2; ++attempt) {
        if (kind->window_count > 0) {
            const windows::Window& window = kind->windows[kind->window_count - 1];
            char* const address = align_up(window.base + kind->carved, alignment);
            const std::size_t start = static_cast<std::size_t>(address - window.base);
            if (start <= window.size && size <= window.size - start) {
                kind->carved = start + size;
                return address;
            }
        }
        // An extent with a large alignment needs room to slide; a window starts at a granule.
        const std::size_t slack = alignment > windows::kGranule ? alignment : 0;
        if (attempt == 0 && (size + slack < size || !add_window(kind, size + slack)))
            break;
    }
    return nullptr;
}

// The growth lock of a kind; for a place of a kind with a limit, the shown kind's before, which nothing else
// holds: the places share the limit and must not grow at the same time.
class GrowthGuard {
  public:
    explicit GrowthGuard(memkind* kind)
        : kind_(kind), shared_(kind->shown_as != kind ? &kind->shown_as->growth_lock : nullptr) {
        if (shared_ != nullptr)
            shared_->lock();
        kind_->growth_lock.lock();
    }
    ~GrowthGuard() {
        kind_->growth_lock.unlock();
        if (shared_ != nullptr)
            shared_->unlock();
    }
    GrowthGuard(const GrowthGuard&) = delete;
    GrowthGuard& operator=(const GrowthGuard&) = delete;

  private:
    memkind* kind_;
    Mutex* shared_;
};

// The places of a kind share its limit.
// REQUIRES: a GrowthGuard is held.
bool has_room(const memkind* kind, std::size_t size) {
    const memkind* const shown = kind->shown_as;
    const std::size_t limit = __atomic_load_n(&shown->limit, __ATOMIC_RELAXED);
    if (limit == SIZE_MAX)
        return true;
    std::size_t taken = kind->taken;
    if (shown != kind)
        for (unsigned i = 0; i < shown->part_count; ++i)
            if (shown->parts[i] != kind)
                taken += __atomic_load_n(&shown->parts[i]->taken, __ATOMIC_RELAXED);
    return taken < limit && size <= limit - taken;
}

void count_taken(memkind* kind, std::size_t size) {
    __atomic_store_n(&kind->taken, kind->taken + size, __ATOMIC_RELAXED);
    if (kind->taken > kind->peak)
        __atomic_store_n(&kind->peak, kind->taken, __ATOMIC_RELAXED);
}

}  // namespace

void* allocate_extent(ExtentHooks* hooks, void* new_address, std::size_t size, std::size_t alignment,
                      bool* zero, bool* commit, unsigned) {
    // growth in place: the retained extents, which jemalloc asks first, are all there is
    if (new_address != nullptr)
        return nullptr;
    memkind* const kind = kind_of_hooks(hooks);
    GrowthGuard guard(kind);
    if (!has_room(kind, size))
        return nullptr;
    const std::size_t carved_before = kind->carved;
    const unsigned windows_before = kind->window_count;
    char* const address = carve(kind, size, alignment);
    if (address == nullptr)
        return nullptr;
    if (!kind->source->map(address, size)) {
        kind->carved = kind->window_count == windows_before ? carved_before : 0;
        return nullptr;
    }
    count_taken(kind, size);
    INVARIANT(is_valid(kind));
    *zero = kind->source->maps_zeroed();
    *commit = true;
    return address;
}

// Addresses are never given back one extent at a time: jemalloc retains the extent, merges it with its
// neighbours and uses it again; its memory goes back through the next three hooks.
bool deallocate_extent(ExtentHooks*, void*, std::size_t, bool, unsigned) {
    return true;
}

bool commit_extent(ExtentHooks* hooks, void* address, std::size_t, std::size_t offset, std::size_t length,
                   unsigned) {
    memkind* const kind = kind_of_hooks(hooks);
    GrowthGuard guard(kind);
    if (!has_room(kind, length) || !kind->source->commit(static_cast<char*>(address) + offset, length))
        return true;
    count_taken(kind, length);
    return false;
}

bool decommit_extent(ExtentHooks* hooks, void* address, std::size_t, std::size_t offset, std::size_t length,
                     unsigned) {
    memkind* const kind = kind_of_hooks(hooks);
    if (kind->dying || hogs_memory())
        return true;
    LockGuard guard(kind->growth_lock);
    if (!kind->source->decommit(static_cast<char*>(address) + offset, length))
        return true;
    REQUIRES(kind->taken >= length);
    __atomic_store_n(&kind->taken, kind->taken - length, __ATOMIC_RELAXED);
    return false;
}

bool purge_extent(ExtentHooks* hooks, void* address, std::size_t, std::size_t offset, std::size_t length,
                  unsigned) {
    memkind* const kind = kind_of_hooks(hooks);
    // No lock: a source's purge changes pages, not records.
    return kind->dying || hogs_memory() || !kind->source->purge(static_cast<char*>(address) + offset, length);
}

bool split_extent(ExtentHooks*, void*, std::size_t, std::size_t, std::size_t, bool, unsigned) {
    return false;
}
bool merge_extents(ExtentHooks*, void*, std::size_t, void*, std::size_t, bool, unsigned) {
    return false;
}

}  // namespace terrace::kinds
