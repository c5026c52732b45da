// Windows: slices of reserved address space, each with one owner, so that an address alone tells whose memory
// it is. A window is reserved PROT_NONE and without commitment; its owner maps memory into it. Owners are
// small numbers that the caller gives out (a kind's slot plus one); 0 is nobody. Thread safety: owner_of may
// race with everything; reserve and release lock.
#pragma once

#include <cstddef>
#include <cstdint>

#include "src/page_map.hpp"

namespace terrace::windows {

// One table entry covers one granule.
inline constexpr unsigned kGranuleBits = page_map::kGranuleBits;
inline constexpr std::size_t kGranule = std::size_t{1} << kGranuleBits;
inline constexpr unsigned kAddressBits = page_map::kAddressBits;

using Owner = std::uint16_t;
inline constexpr Owner kNobody = 0;
// Several owners have pages here, and so may others: only the page map tells.
inline constexpr Owner kMixed = UINT16_MAX;

struct Window {
    char* base = nullptr;
    std::size_t size = 0;  // a multiple of kGranule
};

extern Owner owner_table[std::size_t{1} << (kAddressBits - kGranuleBits)];

// Whose memory holds this address: kNobody for foreign memory. 1 load, 1 shift, no lock.
inline Owner owner_of(const void* address) {
    const std::uintptr_t granule = reinterpret_cast<std::uintptr_t>(address) >> kGranuleBits;
    if (granule >= (std::uintptr_t{1} << (kAddressBits - kGranuleBits))) [[unlikely]]
        return kNobody;
    return __atomic_load_n(&owner_table[granule], __ATOMIC_RELAXED);
}

// Reserves a window of `wanted` bytes or, where the address space is limited (`ulimit -v`), of less, but not
// less than `least`; both are rounded up to granules. It starts at a multiple of `alignment` (a power of two;
// a granule at least), and the page map covers it. Returns a window with base nullptr and sets errno ENOMEM
// when there is no room.
[[nodiscard]] Window reserve(std::size_t wanted, std::size_t least, Owner owner,
                             std::size_t alignment = kGranule);

// Gives a window back: its memory is unmapped, its addresses are nobody's.
// REQUIRES: the window came from reserve and nobody uses its memory any more.
void release(Window window);

// Makes `owner` the owner of addresses that somebody else mapped, and disown makes them nobody's again.
// REQUIRES: the range starts at a granule, and no other memory shares its last granule.
void adopt(Window window, Owner owner);
void disown(Window window);

// Has the page map cover a range of somebody else's pages that shares its granules with other memory. False
// when there is no memory for that. Lasts for good.
[[nodiscard]] bool share_granules(Window pages);

}  // namespace terrace::windows
