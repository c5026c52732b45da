// The kinds that are always there, constant-initialised: a program's constructors may use them before ours
// have run, and executables copy the public pointers to them (copy relocation).
#pragma once

#include "kinds/kind.hpp"

namespace terrace::kinds {

extern memkind static_kinds[kStaticKindCount];

// The shard of MEMKIND_DEFAULT that is jemalloc's arena 0, made by jemalloc itself. It has no spans.
extern Shard jemallocs_own_shard;

}  // namespace terrace::kinds
