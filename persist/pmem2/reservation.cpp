#include "persist/pmem2/reservation.hpp"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "persist/flush/map_hint.hpp"
#include "persist/pmem2/map.hpp"
#include "persist/pmem2/result.hpp"

using namespace terrace::persist;

namespace terrace::persist {
namespace {

constexpr int kNoMemory = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

// Reserves exactly there, and replaces nothing. Returns false with errno; EEXIST: something is there.
bool reserve_at(char* address, std::size_t size) {
    void* const found = mmap(address, size, PROT_NONE, kNoMemory | MAP_FIXED_NOREPLACE, -1, 0);
    if (found == MAP_FAILED)
        return false;
    if (found == address)
        return true;
    munmap(found, size);  // a kernel before 4.17 took the address for a hint
    errno = EEXIST;
    return false;
}

bool fits_behind(const char* address, std::size_t size) {
    return size <= UINTPTR_MAX - reinterpret_cast<std::uintptr_t>(address);
}

int cannot_reserve(const char* function, const void* address, std::size_t size) {
    if (errno == EEXIST)
        return fail(PMEM2_E_MAPPING_EXISTS, "%s: something is mapped in the %zu bytes at %p", function, size,
                    address);
    return fail_with_errno("%s: cannot reserve %zu bytes at %p", function, size, address);
}

std::uintptr_t begin_of(const pmem2_vm_reservation& reservation) {
    return reinterpret_cast<std::uintptr_t>(reservation.address);
}

// The first map from `map` on, in that direction, that is one of the reservation's. Maps that the program
// made itself may lie between them.
pmem2_map* first_of(const pmem2_vm_reservation& reservation, pmem2_map* map,
                    pmem2_map* pmem2_map::*direction) {
    const std::uintptr_t end = begin_of(reservation) + reservation.size;
    while (map != nullptr && map->end() > begin_of(reservation) && map->begin() < end) {
        if (map->reservation == &reservation)
            return map;
        map = map->*direction;
    }
    return nullptr;
}

pmem2_map* first_in(const pmem2_vm_reservation& reservation) {
    return first_of(reservation, first_map_after(begin_of(reservation)), &pmem2_map::next);
}

// The neighbour of a map in the reservation; nullptr also when `map` is none of its maps.
pmem2_map* neighbour(const pmem2_vm_reservation& reservation, const pmem2_map* map,
                     pmem2_map* pmem2_map::*direction) {
    const bool is_ours = is_map(map) && map->reservation == &reservation;
    return is_ours ? first_of(reservation, map->*direction, direction) : nullptr;
}

bool is_complete(const pmem2_vm_reservation* rsv, const void* place) {
    return rsv != nullptr && place != nullptr;
}

int found(pmem2_map* map, pmem2_map** place, const char* function) {
    *place = map;
    return map != nullptr
               ? 0
               : fail(PMEM2_E_MAPPING_NOT_FOUND, "%s: there is no such map in the reservation", function);
}

}  // namespace

bool reserve_again(void* address, std::size_t size) {
    return mmap(address, size, PROT_NONE, kNoMemory | MAP_FIXED, -1, 0) != MAP_FAILED;
}

}  // namespace terrace::persist

int pmem2_vm_reservation_new(struct pmem2_vm_reservation** rsv_ptr, void* addr, size_t size) {
    constexpr const char* kHere = "pmem2_vm_reservation_new";
    if (rsv_ptr == nullptr)
        return fail(-EINVAL, "%s: rsv_ptr is NULL", kHere);
    *rsv_ptr = nullptr;
    const std::size_t page = page_size();
    if (reinterpret_cast<std::uintptr_t>(addr) % page != 0)
        return fail(PMEM2_E_ADDRESS_UNALIGNED, "%s: addr %p is no multiple of the page size, %zu", kHere,
                    addr, page);
    if (size % page != 0)
        return fail(PMEM2_E_LENGTH_UNALIGNED, "%s: size %zu is no multiple of the page size, %zu", kHere,
                    size, page);
    if (size == 0)
        return fail(-EINVAL, "%s: size is 0: there is nothing to reserve", kHere);
    if (!fits_behind(static_cast<char*>(addr), size))
        return fail(-ENOMEM, "%s: %zu bytes at %p reach past the end of the address space", kHere, size,
                    addr);

    pmem2_vm_reservation* const reservation =
        static_cast<pmem2_vm_reservation*>(malloc(sizeof(pmem2_vm_reservation)));
    if (reservation == nullptr)
        return fail(-ENOMEM, "%s: no memory for the reservation", kHere);
    char* address = static_cast<char*>(addr);
    bool is_reserved = false;
    if (addr != nullptr) {
        is_reserved = reserve_at(address, size);
    } else {
        void* const anywhere = mmap(huge_page_hint(size), size, PROT_NONE, kNoMemory, -1, 0);
        is_reserved = anywhere != MAP_FAILED;
        address = static_cast<char*>(anywhere);
    }
    if (!is_reserved) {
        const int result = cannot_reserve(kHere, addr, size);
        free(reservation);
        return result;
    }
    *reservation = {.address = address, .size = size};
    *rsv_ptr = reservation;
    return 0;
}

int pmem2_vm_reservation_delete(struct pmem2_vm_reservation** rsv_ptr) {
    constexpr const char* kHere = "pmem2_vm_reservation_delete";
    if (rsv_ptr == nullptr || *rsv_ptr == nullptr)
        return 0;
    pmem2_vm_reservation* const reservation = *rsv_ptr;
    terrace::LockGuard guard(map_lock());
    if (first_in(*reservation) != nullptr)
        return fail(PMEM2_E_VM_RESERVATION_NOT_EMPTY, "%s: the reservation at %p has maps", kHere,
                    static_cast<void*>(reservation->address));
    if (munmap(reservation->address, reservation->size) != 0)
        return fail_with_errno("%s: cannot unmap %zu bytes at %p", kHere, reservation->size,
                               static_cast<void*>(reservation->address));
    free(reservation);
    *rsv_ptr = nullptr;
    return 0;
}

void* pmem2_vm_reservation_get_address(struct pmem2_vm_reservation* rsv) {
    return rsv != nullptr ? rsv->address : nullptr;
}

size_t pmem2_vm_reservation_get_size(struct pmem2_vm_reservation* rsv) {
    return rsv != nullptr ? rsv->size : 0;
}

int pmem2_vm_reservation_extend(struct pmem2_vm_reservation* rsv, size_t size) {
    constexpr const char* kHere = "pmem2_vm_reservation_extend";
    if (rsv == nullptr)
        return fail(-EINVAL, "%s: rsv is NULL", kHere);
    const std::size_t page = page_size();
    if (size % page != 0)
        return fail(PMEM2_E_LENGTH_UNALIGNED, "%s: size %zu is no multiple of the page size, %zu", kHere,
                    size, page);
    if (size == 0)
        return 0;
    terrace::LockGuard guard(map_lock());
    char* const end = rsv->address + rsv->size;
    if (!fits_behind(end, size))
        return fail(-ENOMEM, "%s: %zu bytes at %p reach past the end of the address space", kHere, size,
                    static_cast<void*>(end));
    if (!reserve_at(end, size))
        return cannot_reserve(kHere, end, size);
    rsv->size += size;
    return 0;
}

int pmem2_vm_reservation_shrink(struct pmem2_vm_reservation* rsv, size_t offset, size_t size) {
    constexpr const char* kHere = "pmem2_vm_reservation_shrink";
    if (rsv == nullptr)
        return fail(-EINVAL, "%s: rsv is NULL", kHere);
    const std::size_t page = page_size();
    if (offset % page != 0)
        return fail(PMEM2_E_OFFSET_UNALIGNED, "%s: offset %zu is no multiple of the page size, %zu", kHere,
                    offset, page);
    if (size % page != 0)
        return fail(PMEM2_E_LENGTH_UNALIGNED, "%s: size %zu is no multiple of the page size, %zu", kHere,
                    size, page);
    terrace::LockGuard guard(map_lock());
    if (offset >= rsv->size)
        return fail(PMEM2_E_OFFSET_OUT_OF_RANGE, "%s: offset %zu is outside of the reservation of %zu bytes",
                    kHere, offset, rsv->size);
    if (size == 0 || size > rsv->size - offset)
        return fail(PMEM2_E_LENGTH_OUT_OF_RANGE,
                    "%s: %zu bytes at offset %zu are not a part of the reservation of %zu bytes", kHere, size,
                    offset, rsv->size);
    const bool is_beginning = offset == 0;
    const bool is_end = offset + size == rsv->size;
    if (is_beginning == is_end)
        return fail(PMEM2_E_NOSUPP, "%s: %zu bytes at offset %zu are %s of the reservation of %zu bytes",
                    kHere, size, offset, is_end ? "all" : "in the middle", rsv->size);
    const std::uintptr_t begin = begin_of(*rsv) + offset;
    if (is_mapped_by_us(begin, begin + size))
        return fail(PMEM2_E_VM_RESERVATION_NOT_EMPTY, "%s: there is a map in the %zu bytes at offset %zu",
                    kHere, size, offset);
    if (munmap(rsv->address + offset, size) != 0)
        return fail_with_errno("%s: cannot unmap %zu bytes at offset %zu", kHere, size, offset);
    if (is_beginning)
        rsv->address += size;
    rsv->size -= size;
    return 0;
}

int pmem2_vm_reservation_map_find(struct pmem2_vm_reservation* rsv, size_t reserv_offset, size_t len,
                                  struct pmem2_map** map) {
    constexpr const char* kHere = "pmem2_vm_reservation_map_find";
    if (!is_complete(rsv, map))
        return fail(-EINVAL, "%s: %s is NULL", kHere, rsv == nullptr ? "rsv" : "map");
    terrace::LockGuard guard(map_lock());
    pmem2_map* candidate = nullptr;
    if (reserv_offset < rsv->size) {
        const std::size_t room = rsv->size - reserv_offset;
        const std::size_t length = len > room ? room : len == 0 ? 1 : len;
        const std::uintptr_t begin = begin_of(*rsv) + reserv_offset;
        candidate = first_of(*rsv, first_map_after(begin), &pmem2_map::next);
        if (candidate != nullptr && candidate->begin() >= begin + length)
            candidate = nullptr;
    }
    return found(candidate, map, kHere);
}

int pmem2_vm_reservation_map_find_prev(struct pmem2_vm_reservation* rsv, struct pmem2_map* map,
                                       struct pmem2_map** prev_map) {
    constexpr const char* kHere = "pmem2_vm_reservation_map_find_prev";
    if (!is_complete(rsv, prev_map))
        return fail(-EINVAL, "%s: %s is NULL", kHere, rsv == nullptr ? "rsv" : "prev_map");
    terrace::LockGuard guard(map_lock());
    return found(neighbour(*rsv, map, &pmem2_map::previous), prev_map, kHere);
}

int pmem2_vm_reservation_map_find_next(struct pmem2_vm_reservation* rsv, struct pmem2_map* map,
                                       struct pmem2_map** next_map) {
    constexpr const char* kHere = "pmem2_vm_reservation_map_find_next";
    if (!is_complete(rsv, next_map))
        return fail(-EINVAL, "%s: %s is NULL", kHere, rsv == nullptr ? "rsv" : "next_map");
    terrace::LockGuard guard(map_lock());
    return found(neighbour(*rsv, map, &pmem2_map::next), next_map, kHere);
}

int pmem2_vm_reservation_map_find_first(struct pmem2_vm_reservation* rsv, struct pmem2_map** map) {
    constexpr const char* kHere = "pmem2_vm_reservation_map_find_first";
    if (!is_complete(rsv, map))
        return fail(-EINVAL, "%s: %s is NULL", kHere, rsv == nullptr ? "rsv" : "map");
    terrace::LockGuard guard(map_lock());
    return found(first_in(*rsv), map, kHere);
}

int pmem2_vm_reservation_map_find_last(struct pmem2_vm_reservation* rsv, struct pmem2_map** map) {
    constexpr const char* kHere = "pmem2_vm_reservation_map_find_last";
    if (!is_complete(rsv, map))
        return fail(-EINVAL, "%s: %s is NULL", kHere, rsv == nullptr ? "rsv" : "map");
    terrace::LockGuard guard(map_lock());
    pmem2_map* const after = first_map_after(begin_of(*rsv) + rsv->size);
    pmem2_map* const before = after != nullptr ? after->previous : last_map();
    return found(first_of(*rsv, before, &pmem2_map::previous), map, kHere);
}
