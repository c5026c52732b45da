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
void update_registered_bytes(const Pool& pool);  // after it has grown

// Whether this pool is open, and has been since the registration of that number (Pool::registration).
[[nodiscard]] bool is_open(const Pool* pool, uint64_t registration);
[[nodiscard]] bool any_pool_is_open();
uint32_t open_pool_count();
// The pool with the lowest address that has a byte in [address, address + size); null for none.
[[nodiscard]] Pool* first_pool_in(const void* address, uint64_t size);

// Incremented by every open and close. Thread caches are valid for one generation.
uint64_t registry_generation();

}  // namespace terrace::persist
