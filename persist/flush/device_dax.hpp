// Device DAX: a character device that is a piece of durable memory (/dev/dax0.0). It has no length to fstat
// and no msync; /sys tells its size and the NVDIMM region that it lies in. Thread safety: any thread; the
// functions read files and keep nothing.
#pragma once

#include <sys/stat.h>

#include <cstddef>

namespace terrace::persist {

[[nodiscard]] bool is_device_dax(const struct stat& file);

// Bytes; 0 when the kernel does not say.
[[nodiscard]] std::size_t device_dax_size(const struct stat& device);

// The number of the device's NVDIMM region; -1 when it has none or the kernel does not say.
[[nodiscard]] int device_dax_region(const struct stat& device);

// Has the memory controller write its queue to the region's medium. Returns 0, or -1 with errno.
[[nodiscard]] int flush_region(int region);

}  // namespace terrace::persist
