// Ranges of bytes that a medium has lost, and the arithmetic that turns ranges of a device into ranges of a
// file. Pure functions over plain data, but for the list's memory. Thread safety: one owner.
#pragma once

#include <cstddef>
#include <cstdint>

namespace terrace::persist {

struct ByteRange {
    std::uint64_t offset;
    std::uint64_t length;
};

// A list that grows. No destructor: its owner frees it.
struct RangeList {
    ByteRange* ranges = nullptr;
    std::size_t count = 0;
    std::size_t capacity = 0;

    // Returns false when there is no memory.
    [[nodiscard]] bool add(ByteRange range);
    void free_all();
    // Puts them in order, and makes one of those that touch.
    void sort_and_merge();
};

// The part of `range` that lies in `window`, counted from the window's beginning; length 0: none.
[[nodiscard]] ByteRange part_in(ByteRange range, ByteRange window);

// The smallest range of whole blocks around `range`.
[[nodiscard]] ByteRange whole_blocks(ByteRange range, std::uint64_t block);

// Reads the kernel's list of bad blocks, lines of "first-sector sectors" in sectors of 512 bytes, and adds
// those in `window`. A file that is missing is an empty list. Returns false with errno.
[[nodiscard]] bool read_bad_sectors(const char* path, ByteRange window, RangeList* list);

}  // namespace terrace::persist
