// Actions: reservations and other steps that are published together later. A struct pobj_action is the
// caller's memory; this is what the library keeps in it. See pmemobj_reserve in libpmemobj/action_base.h.
// Thread safety: an action belongs to its caller.
#pragma once

#include <cstdint>

#include "include/libpmemobj/action_base.h"
#include "persist/pool/pool.hpp"

namespace terrace::persist {

enum class ActionKind : uint32_t { kNone = 0, kAllocation, kFree, kStore };

struct Action {
    ActionKind kind = ActionKind::kNone;
    Block block;                // of an allocation or a free
    uint64_t type_number = 0;   // of an allocation
    uint64_t store_offset = 0;  // of a store: an 8-byte word of the pool
    uint64_t store_word = 0;
};

void set_action(const Pool& pool, pobj_action& target, const Action& action);
// kNone when `source` was never filled in, was used up, or is of another pool or an earlier opening of this one.
Action action_of(const Pool& pool, const pobj_action& source);

}  // namespace terrace::persist
