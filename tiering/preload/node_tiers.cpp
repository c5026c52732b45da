#include "tiering/preload/node_tiers.hpp"

#include <stdio.h>

namespace terrace::preload {

NodeSet nodes_of(memkind_t kind) {
    constexpr unsigned kWordBits = 8 * sizeof(unsigned long);
    unsigned long mask[kMostNodes / kWordBits] = {};
    NodeSet nodes;
    if (memkind_get_nodes(kind, mask, kMostNodes) == MEMKIND_SUCCESS)
        for (unsigned node = 0; node < kMostNodes; ++node)
            if ((mask[node / kWordBits] >> node % kWordBits & 1) != 0)
                nodes.add(NodeId{node});
    return nodes;
}

bool list_cxl_nodes(char* list, std::size_t size) {
    NodeSet with_memory;
    NodeSet with_cpus;
    if (!read_node_file("/sys/devices/system/node/has_memory", &with_memory) ||
        !read_node_file("/sys/devices/system/node/has_cpu", &with_cpus))
        return false;
    const NodeSet high_bandwidth = nodes_of(MEMKIND_HBW_ALL);
    std::size_t length = 0;
    for (unsigned node = with_memory.next(0); node < kMostNodes; node = with_memory.next(node + 1)) {
        if (with_cpus.has(NodeId{node}) || high_bandwidth.has(NodeId{node}))
            continue;
        const int written = snprintf(list + length, size - length, "%s%u", length == 0 ? "" : ",", node);
        if (written < 0 || static_cast<std::size_t>(written) >= size - length)
            return false;
        length += static_cast<std::size_t>(written);
    }
    return length > 0;
}

}  // namespace terrace::preload
