#include "kinds/extent_hooks.hpp"

#include <errno.h>

#include "kinds/kind.hpp"
#include "src/check.hpp"

namespace terrace::kinds {
using jemalloc::ExtentHooks;

namespace {

memkind* kind_of_hooks(ExtentHooks* hooks) {
    return reinterpret_cast<memkind*>(hooks);
}

char* align_up(char* address, std::size_t alignment) {
    const std::uintptr_t value = reinterpret_cast<std::uintptr_t>(address);
    return reinterpret_cast<char*>((value + alignment - 1) & ~(alignment - 1));
}

// REQUIRES: growth_lock is held.
bool add_window(memkind* kind, std::size_t least) {
    if (kind->window_count == kMostWindows) {
        errno = ENOMEM;
        return false;
    }
    const unsigned doublings = kind->window_count < 6 ? kind->window_count : 6;
    std::size_t wanted = kind->first_window << doublings;
    if (wanted > kLargestWindow)
        wanted = kLargestWindow;
    const windows::Window window = windows::reserve(wanted, least, owner_number(kind->slot));
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

}  // namespace

void* allocate_extent(ExtentHooks* hooks, void* new_address, std::size_t size, std::size_t alignment,
                      bool* zero, bool* commit, unsigned) {
    if (new_address !=
        nullptr)  // growth in place: the retained extents, which jemalloc asks first, are all there is
        return nullptr;
    memkind* const kind = kind_of_hooks(hooks);
    LockGuard guard(kind->growth_lock);
    const std::size_t carved_before = kind->carved;
    const unsigned windows_before = kind->window_count;
    char* const address = carve(kind, size, alignment);
    if (address == nullptr)
        return nullptr;
    if (!kind->source->map(address, size)) {
        kind->carved = kind->window_count == windows_before ? carved_before : 0;
        return nullptr;
    }
    INVARIANT(is_valid(kind));
    *zero = true;
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
    LockGuard guard(kind->growth_lock);
    return !kind->source->commit(static_cast<char*>(address) + offset, length);
}

bool decommit_extent(ExtentHooks* hooks, void* address, std::size_t, std::size_t offset, std::size_t length,
                     unsigned) {
    memkind* const kind = kind_of_hooks(hooks);
    if (kind->dying)
        return true;
    LockGuard guard(kind->growth_lock);
    return !kind->source->decommit(static_cast<char*>(address) + offset, length);
}

bool purge_extent(ExtentHooks* hooks, void* address, std::size_t, std::size_t offset, std::size_t length,
                  unsigned) {
    memkind* const kind = kind_of_hooks(hooks);
    // No lock: a source's purge changes pages, not records.
    return kind->dying || !kind->source->purge(static_cast<char*>(address) + offset, length);
}

bool split_extent(ExtentHooks*, void*, std::size_t, std::size_t, std::size_t, bool, unsigned) {
    return false;
}
bool merge_extents(ExtentHooks*, void*, std::size_t, void*, std::size_t, bool, unsigned) {
    return false;
}

}  // namespace terrace::kinds
