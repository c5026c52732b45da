// Addresses set aside for maps: the struct behind pmem2_vm_reservation of include/libpmem2.h. Every address
// of it is either without access or belongs to one map. Thread safety: guarded by map_lock() (map.hpp).
#pragma once

#include <cstddef>

#include "persist/pmem2/public.hpp"

struct pmem2_vm_reservation {
    char* address;
    std::size_t size;  // bytes, whole pages
};

namespace terrace::persist {

// Puts back what a deleted map, or a failed one, leaves in a reservation: addresses without access.
// Replaces what is there in one step, so that no other thread can take the addresses in between. Returns
// false with errno.
[[nodiscard]] bool reserve_again(void* address, std::size_t size);

}  // namespace terrace::persist
