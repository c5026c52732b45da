// A pool on device DAX (/dev/dax0.0): a character device has no length to fstat, no read(2), no write(2) and no
// fdatasync. While a pool is on it, the functions of medium.hpp that take a file go through a mapping of the device.
// Nor can it be mapped private: the working copy is anonymous memory, filled when the pool is opened.
// Thread safety: attach and detach under registry_lock(); finding an attached device is lock-free.
#pragma once

#include <cstdint>

namespace terrace::persist {

// 0 or an errno. Of a regular file, or of a device; EINVAL for anything else.
[[nodiscard]] int pool_file_bytes(int file, uint64_t& bytes);
[[nodiscard]] bool is_device_file(int file);

// Does nothing for a regular file. 0 or an errno with the message set.
[[nodiscard]] int attach_device(int file, const char* path, bool for_writing);
void detach_device(int file);
void forget_devices();  // in a forked child, which has no mapping of them

// Where the device of this descriptor is mapped, null for every other file. 1 load where no device is attached.
char* device_memory(int file, uint64_t offset, uint64_t bytes);

}  // namespace terrace::persist
