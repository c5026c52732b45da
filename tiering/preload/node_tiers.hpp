// Which nodes a tier's word stands for.
#pragma once

#include <cstddef>

#include "include/memkind.h"
#include "src/numa_policy.hpp"

namespace terrace::preload {

// The nodes that a kind takes its memory from; none where that is the process's own policy, or the kind is not available.
NodeSet nodes_of(memkind_t kind);

// Writes the nodes that have memory and no CPUs and are not high-bandwidth memory, as "2,3": where the firmware or the
// kernel shows the memory of CXL devices. False when there are none, or more than `size` has room for.
[[nodiscard]] bool list_cxl_nodes(char* list, std::size_t size);

}  // namespace terrace::preload
