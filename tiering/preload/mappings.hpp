// Large anonymous mappings on tiers of nodes, when MEMKIND_MEM_TIERING_MMAP asks for it: programs that manage their memory
// by themselves (Java, databases, node) take it by mmap. The user's view is docs/tiering.md, "Anonymous mappings".
#pragma once

#include "tiering/preload/tiers_in_use.hpp"

namespace terrace::preload {

// To be called once, when the tiers are known: in_use->tiers[i] is wanted.tiers[order[i]], and gets its counter of mapped bytes.
// Until then mappings are as the kernel makes them. Says what is wrong with the variable.
void start_tiering_mappings(const tiering::TierConfig& wanted, const unsigned* order, TiersInUse* in_use);

}  // namespace terrace::preload
