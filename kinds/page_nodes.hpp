// The nodes that pages lie on, as the kernel knows them.
// Thread safety: every function may be called from any thread.
#pragma once

#include <cstddef>

#include "src/numa_policy.hpp"

namespace terrace::kinds {

// Writes to every page of the range, leaving its contents, so that it has memory. Other threads may use the
// range meanwhile. Returns false, and no signal is raised, when a page is not mapped or cannot be written to.
[[nodiscard]] bool touch_pages(void* address, std::size_t size);

enum class PagesLie {
    kInside,   // every page is on one of the nodes
    kOutside,  // a page is on another node, has no memory yet, or is not mapped
    kUnknown   // the kernel does not say
};

// Where the pages of the range lie. REQUIRES: size > 0.
[[nodiscard]] PagesLie where_pages_lie(void* address, std::size_t size, const NodeSet& nodes);

}  // namespace terrace::kinds
