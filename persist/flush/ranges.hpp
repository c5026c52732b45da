// Which addresses are durable memory: the ranges that pmem_map_file mapped with MAP_SYNC or from a device
// DAX, and on what device they lie. Everything else is memory, or a file that needs msync. Thread safety:
// every function locks.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace terrace::persist {

enum class Medium {
    kFileWithMapSync,  // a file on a DAX file system
    kDeviceDax,
};

struct DurableRange {
    std::uintptr_t begin;
    std::uintptr_t end;
    Medium medium;
    int region;  // the NVDIMM region of a device DAX; -1 unknown
};

// Returns false (and sets errno ENOMEM) when there is no memory to remember the range.
[[nodiscard]] bool remember_durable_range(const DurableRange& range);

// Forgets whatever of [begin, end) is remembered; a range that sticks out on both sides becomes two.
// Returns false, with nothing changed, when there is no memory for that.
[[nodiscard]] bool forget_durable_range(std::uintptr_t begin, std::uintptr_t end);

// Is every byte of [begin, end) in some range?
[[nodiscard]] bool is_durable(std::uintptr_t begin, std::uintptr_t end);

// The range with the lowest address that has a byte in [begin, end). Returns false if there is none.
[[nodiscard]] bool first_durable_range(std::uintptr_t begin, std::uintptr_t end, DurableRange* found);

}  // namespace terrace::persist
