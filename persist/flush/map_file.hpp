// Mapping a whole file for durable use: creating it where asked, MAP_SYNC where the file system has it.
// The work behind pmem_map_file and pmem_unmap; include/libpmem.h has the contract and the errors.
// Thread safety: any thread.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace terrace::persist {

struct Mapping {
    void* address = nullptr;  // nullptr: failed, errno and the error message are set
    std::size_t length = 0;
};

[[nodiscard]] Mapping map_file(const char* path, std::size_t length, int flags, mode_t mode);
[[nodiscard]] int unmap(void* address, std::size_t length);

}  // namespace terrace::persist
