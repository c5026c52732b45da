// Large anonymous mappings on tiers of nodes, when MEMKIND_MEM_TIERING_MMAP asks for it: programs that manage their memory
// by themselves (Java, databases, node) take it by mmap. The user's view is docs/tiering.md, "Anonymous mappings".
#pragma once

#include "tiering/preload/configuration.hpp"

namespace terrace::preload {

// To be called once, when the tiers are known: tiers[i] of tiers_in_use() is wanted.tiers[order[i]]. Until then mappings are
// as the kernel makes them. Says what is wrong with the variable.
void start_tiering_mappings(const tiering::TierConfig& wanted, const unsigned* order);

}  // namespace terrace::preload
