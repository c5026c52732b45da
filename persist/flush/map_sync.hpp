// Mapping an open file so that a flushed cache line is durable, where its file system can promise that.
// Thread safety: any thread.
#pragma once

#include <sys/mman.h>
#include <sys/types.h>

#include <cstddef>

namespace terrace::persist {

struct MapRequest {
    int fd = -1;
    off_t offset = 0;
    std::size_t length = 0;
    int protection = PROT_READ | PROT_WRITE;
    void* at = nullptr;     // a hint,
    bool is_fixed = false;  // or with this an order: what is mapped there is replaced
};

// Maps it shared, with MAP_SYNC if that works: *is_synchronous. Returns MAP_FAILED with errno.
[[nodiscard]] void* map_with_sync(const MapRequest& request, bool* is_synchronous);

}  // namespace terrace::persist
