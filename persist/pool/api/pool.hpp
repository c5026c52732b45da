// Opening a pool as the public functions do: with what the environment says about it.
// Thread safety: as open_pool.
#pragma once

#include "persist/pool/pool.hpp"

namespace terrace::persist {

// Null with errno and the message set.
PMEMobjpool* open_configured(const char* path, const char* layout, Access access);

}  // namespace terrace::persist
