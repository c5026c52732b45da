// Where the bytes of a source lie in the kernel's tree of NVDIMMs, and what it says of them:
//     /sys/bus/nd/devices/region1/{numa_node,resource,size,badblocks,mapping0,…}    mapping0: "nmem0,0,8589934592,0"
//     /sys/bus/nd/devices/nmem0/nfit/{id,dirty_shutdown}
// Thread safety: any thread; the functions read files and keep nothing.
#pragma once

#include <limits.h>

#include <cstddef>
#include <cstdint>

#include "persist/pmem2/source.hpp"

namespace terrace::persist {

// The device below a source: a device DAX itself, or the block device of a file's file system.
struct DevicePlace {
    char
        path[PATH_MAX];  // of its directory in /sys, without links: …/ndbus0/region1/namespace1.0/block/pmem1
    int region;          // -1: it lies on no NVDIMM region
};

// Returns false with errno when the kernel knows no such device. REQUIRES: the source has a file.
[[nodiscard]] bool find_device(const pmem2_source& source, DevicePlace* place);

// A number that the kernel tells of a region, by the file's name. Returns false with errno.
[[nodiscard]] bool region_number(int region, const char* what, std::uint64_t* number);

// The NVDIMMs that a region is interleaved over: 0, 1, … in the order of their mappings. Returns false
// behind the last one.
[[nodiscard]] bool nvdimm_of_region(int region, unsigned index, char (&name)[32]);

// What the kernel tells of an NVDIMM, by the file's name. Returns false with errno.
[[nodiscard]] bool nvdimm_text(const char* nvdimm, const char* what, char* text, std::size_t size);

}  // namespace terrace::persist
