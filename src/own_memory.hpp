// Memory for the library's own records, straight from the kernel: malloc may be ours, and may be what is being served.
#pragma once

#include <sys/mman.h>

#include <cstddef>

namespace terrace {

// Zeroed pages for `size` bytes, which the kernel provides as they are touched; nullptr with errno when there are none.
// To be given back with munmap.
inline void* map_own_memory(std::size_t size) {
    void* const memory =
        mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? nullptr : memory;
}

}  // namespace terrace
