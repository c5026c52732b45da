// The kinds that are always there, constant-initialised: a program's constructors may use them before ours
// have run, and executables copy the public pointers to them (copy relocation).
#pragma once

#include "kinds/kind.hpp"

namespace terrace::kinds {

// Their slots; dynamic kinds come after them.
enum StaticSlot : unsigned { kDefaultSlot, kRegularSlot, kFirstDynamicSlot };

extern memkind default_kind;
extern memkind regular_kind;

}  // namespace terrace::kinds
