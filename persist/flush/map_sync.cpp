#include "persist/flush/map_sync.hpp"

#include <errno.h>

namespace terrace::persist {

namespace {

void* map(const MapRequest& request, void* at, int flags) {
    return mmap(at, request.length, request.protection, flags, request.fd, request.offset);
}

bool lacks_map_sync() {
    return errno == EOPNOTSUPP || errno == EINVAL;
}

// Kernels before 6.12 unmap what is there before they ask the file system, which may then refuse: the order
// is given only when its answer is known.
void* map_fixed(const MapRequest& request, bool* is_synchronous) {
    void* const probe = map(request, nullptr, MAP_SHARED_VALIDATE | MAP_SYNC);
    *is_synchronous = probe != MAP_FAILED;
    if (*is_synchronous)
        munmap(probe, request.length);
    else if (!lacks_map_sync())
        return MAP_FAILED;
    const int flags = *is_synchronous ? MAP_SHARED_VALIDATE | MAP_SYNC : MAP_SHARED;
    return map(request, request.at, flags | MAP_FIXED);
}

}  // namespace

// MAP_SYNC promises that a page's place in the file is durable before the page can be written. A file system
// without it (or a kernel before 4.15) refuses, and the file is mapped the ordinary way.
void* map_with_sync(const MapRequest& request, bool* is_synchronous) {
    if (request.is_fixed)
        return map_fixed(request, is_synchronous);
    void* address = map(request, request.at, MAP_SHARED_VALIDATE | MAP_SYNC);
    *is_synchronous = address != MAP_FAILED;
    if (address == MAP_FAILED && lacks_map_sync())
        address = map(request, request.at, MAP_SHARED);
    return address;
}

}  // namespace terrace::persist
