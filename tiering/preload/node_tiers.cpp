#include "tiering/preload/node_tiers.hpp"

#include <stdio.h>

#include "include/memkind.h"
#include "src/numa_policy.hpp"

namespace terrace::preload {

bool list_cxl_nodes(char* list, std::size_t size) {
    NodeSet with_memory;
    NodeSet with_cpus;
    if (!read_node_file("/sys/devices/system/node/has_memory", &with_memory) ||
        !read_node_file("/sys/devices/system/node/has_cpu", &with_cpus))
        return false;
    constexpr unsigned kWordBits = 8 * sizeof(unsigned long);
    unsigned long high_bandwidth[kMostNodes / kWordBits] = {};
    // Unavailable: there are none.
    [[maybe_unused]] const int error = memkind_get_nodes(MEMKIND_HBW_ALL, high_bandwidth, kMostNodes);
    std::size_t length = 0;
    for (unsigned node = with_memory.next(0); node < kMostNodes; node = with_memory.next(node + 1)) {
        const bool is_high_bandwidth = (high_bandwidth[node / kWordBits] >> node % kWordBits & 1) != 0;
        if (with_cpus.has(NodeId{node}) || is_high_bandwidth)
            continue;
        const int written = snprintf(list + length, size - length, "%s%u", length == 0 ? "" : ",", node);
        if (written < 0 || static_cast<std::size_t>(written) >= size - length)
            return false;
        length += static_cast<std::size_t>(written);
    }
    return length > 0;
}

}  // namespace terrace::preload
