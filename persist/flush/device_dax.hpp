// Device DAX: a character device that is a piece of durable memory (/dev/dax0.0). It has no length to fstat
// and no msync; /sys tells its size and the NVDIMM region that it lies in. Thread safety: any thread; the
// functions read files and keep nothing.
#pragma once

#include <sys/stat.h>

#include <cstddef>

namespace terrace::persist {

[[nodiscard]] bool is_device_dax(const struct stat& file);

// Bytes, and what addresses and offsets of a mapping must be multiples of. Return false with errno; EBADMSG:
// what the kernel says is no number.
[[nodiscard]] bool device_dax_size(const struct stat& device, std::size_t* size);
[[nodiscard]] bool device_dax_alignment(const struct stat& device, std::size_t* alignment);

// The number of the device's NVDIMM region; -1 when it has none or the kernel does not say.
[[nodiscard]] int device_dax_region(const struct stat& device);

// The number in "/region3" in the real path of a device of an NVDIMM; -1 if there is none.
[[nodiscard]] int region_in_path(const char* path);

// Has the memory controller write its queue to the region's medium. Returns 0, or -1 with errno. Where the
// kernel does not offer that, or keeps it for root, there is nothing to be done, and that is 0.
[[nodiscard]] int flush_region(int region);

}  // namespace terrace::persist
