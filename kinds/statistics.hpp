// What a kind's heap holds, in numbers. Counts of live blocks are the shards' own and exact; what is resident
// jemalloc counts, as of its last epoch.
#pragma once

#include <cstddef>

#include "kinds/kind.hpp"

namespace terrace::kinds {

struct Statistics {
    // bytes in live blocks, rounded up to size classes; what threads cache is not counted
    std::size_t allocated = 0;
    std::size_t active = 0;    // bytes in pages that hold blocks
    std::size_t resident = 0;  // bytes of memory that the heap keeps, its own records included
};

// What a kind holds from the system now, and the most that it ever held.
struct Holdings {
    std::size_t taken;
    std::size_t peak;
};

// Of a kind in state kReady. 2 loads; a foreign heap's are its own.
Holdings holdings_of(memkind* kind);

// Of a kind in state kReady. Without the jemalloc numbers where jemalloc has none.
Statistics statistics_of(memkind* kind);

}  // namespace terrace::kinds
