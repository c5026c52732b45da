// Classes of allocations that a program makes ("heap.alloc_class.…") and names in POBJ_CLASS_ID(n), and
// reserving memory as the flags of an allocation say. The heap needs no such classes: its own are dense and
// its objects have no header. What a class promises holds: whole units, at its alignment, with room for what
// PMDK's header would leave. Thread safety: any thread.
#pragma once

#include <cstdint>

#include "include/libpmemobj/ctl.h"
#include "persist/pool/pool.hpp"

namespace terrace::persist {

constexpr uint32_t kAnyClassId = UINT32_MAX;

// Makes the class and completes its description. 0, or an errno with the message set.
[[nodiscard]] int make_class(Pool& pool, uint32_t id, pobj_alloc_class_desc& description);
// False when there is no such class. The ids 0 … 63 are the heap's own classes; 0 is whole pages.
bool describe_class(const Pool& pool, uint32_t id, pobj_alloc_class_desc& description);

namespace internal {
Block reserve_specially(Pool& pool, uint64_t bytes, uint64_t type_number, uint64_t flags,
                        const char* function);
}

// A block as the class and arena in `flags` ask for it, filled if a pattern is set; offset 0 with errno and
// the message set. ENOMEM: no room. EINVAL: no such class or arena, or the class takes no objects of this size.
inline Block reserve_by_flags(Pool& pool, uint64_t bytes, uint64_t type_number, uint64_t flags,
                              const char* function) {
    const bool is_plain = (flags & (POBJ_XALLOC_CLASS_MASK | POBJ_XALLOC_ARENA_MASK)) == 0 &&
                          pool.settings.allocation_pattern.load(std::memory_order_relaxed) < 0;
    if (is_plain) [[likely]] {
        const Block block = pool.heap.reserve(bytes, type_number);
        if (block.offset != 0) [[likely]]
            return block;
    }
    return internal::reserve_specially(pool, bytes, type_number, flags, function);
}

}  // namespace terrace::persist
