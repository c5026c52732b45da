// The page map: for every page in the windows, what lies there, in one 64-bit entry: the owner's number, the
// span of small blocks that the page belongs to, and the size class of the blocks that begin in it. With it a
// pointer alone tells how to free it, and a pointer that is not ours has no entry.
//
//     entry:  63..48 owner   47..6 span (64-byte aligned address, 0 for none)   5..0 size class (0 for none)
//
// Entries come in sheets, one for each granule of address space; a sheet is made when its granule first gets
// an owner and stays for good, so that a look-up can never meet an unmapped sheet. Untouched parts of a sheet
// cost no memory. Thread safety: reading and writing single entries may race with everything.
#pragma once

#include <cstddef>
#include <cstdint>

namespace terrace::page_map {

// One sheet covers one granule, the unit of windows.hpp. 64 MiB keeps the table of sheets at 16 MiB of
// untouched zero pages for the 47 bits of address that a process has, and is small enough that a process
// under `ulimit -v` still gets a window.
inline constexpr unsigned kGranuleBits = 26;
inline constexpr unsigned kPageBits = 12;
#ifdef __x86_64__
inline constexpr unsigned kAddressBits = 47;
#else
inline constexpr unsigned kAddressBits = 48;
#endif
inline constexpr std::size_t kGranuleCount = std::size_t{1} << (kAddressBits - kGranuleBits);
inline constexpr std::size_t kPagesInGranule = std::size_t{1} << (kGranuleBits - kPageBits);

using Entry = std::uint64_t;
inline constexpr unsigned kOwnerShift = 48;
inline constexpr Entry kClassMask = 63;
inline constexpr Entry kSpanMask = ((Entry{1} << kOwnerShift) - 1) & ~kClassMask;

constexpr Entry make_entry(unsigned owner, std::uintptr_t span, unsigned size_class) {
    return Entry{owner} << kOwnerShift | span | size_class;
}
constexpr unsigned owner_in(Entry entry) {
    return static_cast<unsigned>(entry >> kOwnerShift);
}
constexpr unsigned class_in(Entry entry) {
    return static_cast<unsigned>(entry & kClassMask);
}
constexpr std::uintptr_t span_in(Entry entry) {
    return static_cast<std::uintptr_t>(entry & kSpanMask);
}

extern Entry* sheets[kGranuleCount];

// The entry of the page that holds this address, in a table of sheets. 2 loads, no lock.
inline Entry entry_in(Entry* const* table, const void* address) {
    const std::uintptr_t value = reinterpret_cast<std::uintptr_t>(address);
    const std::uintptr_t granule = value >> kGranuleBits;
    if (granule >= kGranuleCount) [[unlikely]]
        return 0;
    const Entry* const sheet = __atomic_load_n(&table[granule], __ATOMIC_RELAXED);
    if (sheet == nullptr) [[unlikely]]
        return 0;
    return __atomic_load_n(&sheet[value >> kPageBits & (kPagesInGranule - 1)], __ATOMIC_RELAXED);
}

// The entry of the page that holds this address; 0 for addresses that nobody marked. 2 loads, no lock.
inline Entry entry_of(const void* address) {
    return entry_in(sheets, address);
}

// REQUIRES: a sheet covers the address.
inline void set_entry(const void* address, Entry entry) {
    const std::uintptr_t value = reinterpret_cast<std::uintptr_t>(address);
    __atomic_store_n(&sheets[value >> kGranuleBits][value >> kPageBits & (kPagesInGranule - 1)], entry,
                     __ATOMIC_RELAXED);
}

// Makes sheets for [base, base + size). False when there is no memory for them.
[[nodiscard]] bool cover(const char* base, std::size_t size);

// Forgets every entry of [base, base + size), a range of whole pages, and gives whole pages of sheets back.
void clear(const char* base, std::size_t size);

}  // namespace terrace::page_map
