// The list of maps. A program maps a few files, and makes and deletes maps rarely: a tree would be more to
// read.
#include "persist/pmem2/map.hpp"
#include "src/check.hpp"

namespace terrace::persist {
namespace {

// INVARIANT: in the order of addresses; maps do not overlap.
Mutex lock;
pmem2_map* first = nullptr;
pmem2_map* last = nullptr;

}  // namespace

Mutex& map_lock() {
    return lock;
}

pmem2_map* first_map_after(std::uintptr_t address) {
    pmem2_map* map = first;
    while (map != nullptr && map->end() <= address)
        map = map->next;
    return map;
}

bool is_mapped_by_us(std::uintptr_t begin, std::uintptr_t end) {
    const pmem2_map* const map = first_map_after(begin);
    return map != nullptr && map->begin() < end;
}

bool is_map(const pmem2_map* map) {
    const pmem2_map* one = first;
    while (one != nullptr && one != map)
        one = one->next;
    return one != nullptr;
}

void add_map(pmem2_map* map) {
    pmem2_map* const next = first_map_after(map->begin());
    INVARIANT(next == nullptr || map->end() <= next->begin());
    map->next = next;
    map->previous = next != nullptr ? next->previous : last;
    (map->previous != nullptr ? map->previous->next : first) = map;
    (next != nullptr ? next->previous : last) = map;
}

void remove_map(pmem2_map* map) {
    (map->previous != nullptr ? map->previous->next : first) = map->next;
    (map->next != nullptr ? map->next->previous : last) = map->previous;
}

pmem2_map* last_map() {
    return last;
}

}  // namespace terrace::persist
