// The static kinds by number.
#pragma once

#include "include/memkind.h"

namespace terrace::preload {

// REQUIRES: number < kinds::kStaticKindCount.
memkind_t static_kind(unsigned number);

}  // namespace terrace::preload
