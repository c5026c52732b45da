#include "src/windows.hpp"

#include <errno.h>
#include <sys/mman.h>

#include "src/check.hpp"

namespace terrace::windows {

__attribute__((visibility("hidden"))) Owner owner_table[std::size_t{1} << (kAddressBits - kGranuleBits)];

namespace {

void set_owner(Window window, Owner owner) {
    const std::uintptr_t first = reinterpret_cast<std::uintptr_t>(window.base) >> kGranuleBits;
    for (std::uintptr_t granule = first; granule < first + (window.size >> kGranuleBits); ++granule)
        __atomic_store_n(&owner_table[granule], owner, __ATOMIC_RELAXED);
}

constexpr std::size_t round_up(std::size_t size) {
    return (size + kGranule - 1) & ~(kGranule - 1);
}

char* map_nothing(std::uintptr_t hint, std::size_t size) {
    void* const address = mmap(reinterpret_cast<void*>(hint), size, PROT_NONE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return address == MAP_FAILED ? nullptr : static_cast<char*>(address);
}

// Where the address space is limited, room for a granule more may be too much: look where the kernel would
// put the window, and ask for the nearest granule below.
Window reserve_by_hint(std::size_t size) {
    char* const somewhere = map_nothing(0, size);
    if (somewhere == nullptr)
        return {};
    const std::uintptr_t start = reinterpret_cast<std::uintptr_t>(somewhere);
    if (start == round_up(start))
        return {somewhere, size};
    munmap(somewhere, size);
    const std::uintptr_t below = start & ~(kGranule - 1);
    char* const aligned = map_nothing(below, size);
    if (aligned == nullptr || reinterpret_cast<std::uintptr_t>(aligned) == below)
        return {aligned, aligned == nullptr ? 0 : size};
    munmap(aligned, size);
    return {};
}

// Maps one granule more than asked for and trims both ends: the kernel chooses the place, so that address
// space randomisation and the sanitizers' address layouts stay intact.
Window reserve_exactly(std::size_t size, std::size_t alignment) {
    char* const raw = map_nothing(0, size + alignment);
    if (raw == nullptr)
        return alignment == kGranule ? reserve_by_hint(size) : Window{};
    const std::uintptr_t start = reinterpret_cast<std::uintptr_t>(raw);
    const std::uintptr_t aligned = (start + alignment - 1) & ~(alignment - 1);
    const std::uintptr_t end = start + size + alignment;
    if (aligned > start)
        munmap(raw, aligned - start);
    if (end > aligned + size)
        munmap(reinterpret_cast<void*>(aligned + size), end - aligned - size);
    return {reinterpret_cast<char*>(aligned), size};
}

// Where a smaller window had to do, address space is short: the program and the heap's own records need some
// of it, too.
void leave_half(Window* window, std::size_t least) {
    const std::size_t half = round_up(window->size / 2);
    if (half < least || half >= window->size)
        return;
    munmap(window->base + half, window->size - half);
    window->size = half;
}

}  // namespace

Window reserve(std::size_t wanted, std::size_t least, Owner owner, std::size_t alignment) {
    REQUIRES(owner != kNobody && (alignment & (alignment - 1)) == 0);
    if (alignment < kGranule)
        alignment = kGranule;
    constexpr std::size_t kMost = std::size_t{1} << (kAddressBits - 1);
    if (wanted > kMost || least > kMost) {
        errno = ENOMEM;
        return {};
    }
    least = least == 0 ? kGranule : round_up(least);
    wanted = wanted < least ? least : round_up(wanted);
    for (std::size_t size = wanted;; size = size / 2 < least ? least : round_up(size / 2)) {
        Window window = reserve_exactly(size, alignment);
        if (window.base != nullptr && size < wanted)
            leave_half(&window, least);
        if (window.base != nullptr && page_map::cover(window.base, window.size)) {
            set_owner(window, owner);
            return window;
        }
        if (window.base != nullptr)
            munmap(window.base, window.size);
        if (size == least)
            break;
    }
    errno = ENOMEM;
    return {};
}

void release(Window window) {
    REQUIRES(window.base != nullptr);
    set_owner(window, kNobody);
    page_map::clear(window.base, window.size);
    munmap(window.base, window.size);
}

void adopt(Window window, Owner owner) {
    REQUIRES(reinterpret_cast<std::uintptr_t>(window.base) % kGranule == 0 && owner != kNobody);
    set_owner({window.base, round_up(window.size)}, owner);
}

void disown(Window window) {
    set_owner({window.base, round_up(window.size)}, kNobody);
}

bool share_granules(Window pages) {
    if (!page_map::cover(pages.base, pages.size))
        return false;
    const std::uintptr_t first = reinterpret_cast<std::uintptr_t>(pages.base) >> kGranuleBits;
    const std::uintptr_t last =
        (reinterpret_cast<std::uintptr_t>(pages.base) + pages.size - 1) >> kGranuleBits;
    for (std::uintptr_t granule = first; granule <= last; ++granule)
        __atomic_store_n(&owner_table[granule], kMixed, __ATOMIC_RELAXED);
    return true;
}

}  // namespace terrace::windows
