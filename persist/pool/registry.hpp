// The open pools of this process: which pool an address, or an object's identity, belongs to.
// Readers take no lock: they look at a short array and at the generation that every change increments.
// Thread safety: changes are made under registry_lock().
#pragma once

#include <cstdint>

#include "src/mutex.hpp"

namespace terrace::persist {

struct Pool;

Mutex& registry_lock();
// REQUIRES: registry_lock() is held. False when too many pools are open.
[[nodiscard]] bool register_pool(Pool& pool);
void unregister_pool(Pool& pool);

// Incremented by every open and close. Thread caches are valid for one generation.
uint64_t registry_generation();

}  // namespace terrace::persist
