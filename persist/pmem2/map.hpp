// A mapping and what is known of it: the struct behind pmem2_map of include/libpmem2.h, and the list of all
// of them in the order of addresses. Thread safety: what a map says of itself does not change; the list is
// behind map_lock().
#pragma once

#include <cstddef>
#include <cstdint>

#include "persist/pmem2/functions.hpp"
#include "persist/pmem2/public.hpp"
#include "persist/pmem2/source.hpp"
#include "src/mutex.hpp"

struct pmem2_map {
    char* address;
    std::size_t size;      // what the program sees
    std::size_t reserved;  // what is mapped: whole pages; 0 when the program mapped it itself
    pmem2_granularity granularity;
    pmem2_source::Kind kind;
    int region;  // the NVDIMM region of a device DAX; -1 unknown
    pmem2_vm_reservation* reservation;
    const terrace::persist::MapFunctions* functions;
    pmem2_map* previous;  // in the list
    pmem2_map* next;

    std::uintptr_t begin() const { return reinterpret_cast<std::uintptr_t>(address); }
    std::uintptr_t end() const { return begin() + (reserved != 0 ? reserved : size); }
};

namespace terrace::persist {

// Guards the list of maps and every reservation.
Mutex& map_lock();

// The functions below REQUIRE that the caller holds map_lock().

// The first map that ends after `address`; nullptr if there is none. Walks the list.
pmem2_map* first_map_after(std::uintptr_t address);

// Has any map a byte in [begin, end)?
bool is_mapped_by_us(std::uintptr_t begin, std::uintptr_t end);

// Is `map` in the list? Reads nothing through it.
bool is_map(const pmem2_map* map);

// REQUIRES: !is_mapped_by_us(map->begin(), map->end()).
void add_map(pmem2_map* map);
void remove_map(pmem2_map* map);

pmem2_map* last_map();

}  // namespace terrace::persist
