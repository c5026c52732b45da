// Making and ending maps: the checks in the order that include/libpmem2.h promises, then the mapping.
#include "persist/pmem2/map.hpp"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "persist/flush/auto_flush.hpp"
#include "persist/flush/device_dax.hpp"
#include "persist/flush/flush.hpp"
#include "persist/flush/map_hint.hpp"
#include "persist/flush/map_sync.hpp"
#include "persist/pmem2/config.hpp"
#include "persist/pmem2/granularity.hpp"
#include "persist/pmem2/reservation.hpp"
#include "persist/pmem2/result.hpp"

using namespace terrace::persist;

namespace terrace::persist {
namespace {

constexpr const char* kMapNew = "pmem2_map_new";

// What is to be mapped, once the checks have passed.
struct Plan {
    std::size_t offset;  // into the source
    std::size_t length;  // what the program sees
    std::size_t mapped;  // in whole pages, or what the device wants
    std::size_t alignment;
    int protection;
};

int protection_from(unsigned flags) {
    return ((flags & PMEM2_PROT_READ) != 0 ? PROT_READ : 0) |
           ((flags & PMEM2_PROT_WRITE) != 0 ? PROT_WRITE : 0) |
           ((flags & PMEM2_PROT_EXEC) != 0 ? PROT_EXEC : 0);
}

bool is_device(const pmem2_source& source) {
    return source.kind == pmem2_source::kDeviceDax;
}

int make_plan(const pmem2_config& config, const pmem2_source& source, Plan* plan) {
    if (config.granularity == pmem2_config::kNotSet)
        return fail(PMEM2_E_GRANULARITY_NOT_SET,
                    "%s: the config states no granularity: pmem2_config_set_required_store_granularity",
                    kMapNew);
    std::size_t size = 0;
    if (const int result = pmem2_source_size(&source, &size); result != 0)
        return result;
    if (const int result = pmem2_source_alignment(&source, &plan->alignment); result != 0)
        return result;
    if (config.offset % plan->alignment != 0)
        return fail(PMEM2_E_OFFSET_UNALIGNED, "%s: offset %zu is no multiple of the source's alignment, %zu",
                    kMapNew, config.offset, plan->alignment);
    if (size == 0)
        return fail(PMEM2_E_SOURCE_EMPTY, "%s: the source, fd %d, has 0 bytes: there is nothing to map",
                    kMapNew, source.fd);
    if (config.length % plan->alignment != 0)
        return fail(PMEM2_E_LENGTH_UNALIGNED, "%s: length %zu is no multiple of the source's alignment, %zu",
                    kMapNew, config.length, plan->alignment);
    // An offset into anonymous memory means nothing, but it must not be outside.
    const bool is_anonymous = source.kind == pmem2_source::kAnonymous;
    const bool is_nothing_left = config.offset == size && !is_anonymous;
    if (config.offset > size || config.length > size - config.offset || is_nothing_left)
        return fail(PMEM2_E_MAP_RANGE,
                    "%s: offset %zu and length %zu reach past the end of the source, which has %zu bytes",
                    kMapNew, config.offset, config.length, size);
    plan->offset = is_anonymous ? 0 : config.offset;
    plan->length = config.length != 0 ? config.length : size - plan->offset;
    if (plan->length > SIZE_MAX - plan->alignment)
        return fail(-ENOMEM, "%s: %zu bytes are more than there are addresses", kMapNew, plan->length);
    plan->mapped = (plan->length + plan->alignment - 1) & ~(plan->alignment - 1);
    plan->protection = protection_from(config.protection);

    const bool is_private = config.sharing == PMEM2_PRIVATE;
    if (is_private && is_device(source))
        return fail(PMEM2_E_SRC_DEVDAX_PRIVATE, "%s: the device DAX, fd %d, cannot be mapped PMEM2_PRIVATE",
                    kMapNew, source.fd);
    if (!is_private && !is_anonymous && !source.is_writable && (plan->protection & PROT_WRITE) != 0)
        return fail(
            PMEM2_E_NO_ACCESS,
            "%s: fd %d is open for reading only, and the config asks for PMEM2_SHARED with PMEM2_PROT_WRITE",
            kMapNew, source.fd);
    return 0;
}

// REQUIRES: the caller holds map_lock().
int check_place(const pmem2_vm_reservation& reservation, std::size_t offset, const Plan& plan) {
    if (offset % page_size() != 0)
        return fail(PMEM2_E_OFFSET_UNALIGNED,
                    "%s: offset %zu into the reservation is no multiple of the page size, %zu", kMapNew,
                    offset, page_size());
    if (offset > reservation.size || plan.mapped > reservation.size - offset)
        return fail(PMEM2_E_LENGTH_OUT_OF_RANGE,
                    "%s: %zu bytes at offset %zu do not fit into the reservation, which has %zu bytes",
                    kMapNew, plan.mapped, offset, reservation.size);
    const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(reservation.address) + offset;
    if (begin % plan.alignment != 0)
        return fail(PMEM2_E_ADDRESS_UNALIGNED,
                    "%s: offset %zu into the reservation at %p is no multiple of the device's alignment, %zu",
                    kMapNew, offset, static_cast<void*>(reservation.address), plan.alignment);
    if (is_mapped_by_us(begin, begin + plan.mapped))
        return fail(PMEM2_E_MAPPING_EXISTS,
                    "%s: there is another map in the %zu bytes at offset %zu into the reservation", kMapNew,
                    plan.mapped, offset);
    return 0;
}

// The mapping alone; MAP_FAILED with errno. `at` nullptr: anywhere.
void* map_plan(const pmem2_config& config, const pmem2_source& source, const Plan& plan, void* at,
               bool* is_synchronous) {
    *is_synchronous = false;
    void* const place = at != nullptr ? at : huge_page_hint(plan.mapped);
    const int fixed = at != nullptr ? MAP_FIXED : 0;
    if (source.kind == pmem2_source::kAnonymous) {
        const int sharing = config.sharing == PMEM2_PRIVATE ? MAP_PRIVATE : MAP_SHARED;
        return mmap(place, plan.mapped, plan.protection, sharing | MAP_ANONYMOUS | fixed, -1, 0);
    }
    if (config.sharing == PMEM2_PRIVATE)
        return mmap(place, plan.mapped, plan.protection, MAP_PRIVATE | fixed, source.fd,
                    static_cast<off_t>(plan.offset));
    return map_with_sync({.fd = source.fd,
                          .offset = static_cast<off_t>(plan.offset),
                          .length = plan.mapped,
                          .protection = plan.protection,
                          .at = place,
                          .is_fixed = at != nullptr},
                         is_synchronous);
}

pmem2_granularity granularity_of_map(const pmem2_config& config, const pmem2_source& source,
                                     bool is_synchronous) {
    const bool is_shared = config.sharing == PMEM2_SHARED && source.kind != pmem2_source::kAnonymous;
    pmem2_granularity granularity = PMEM2_GRANULARITY_PAGE;
    if (is_shared && forced_granularity(&granularity))
        return granularity;
    const bool is_durable = is_synchronous || is_device(source);
    return granularity_of(is_shared, is_durable, is_shared && is_durable && platform_flushes_caches() == 1);
}

// Takes back what map_plan has made, or has left half made.
void unmap_again(void* address, const Plan& plan, const pmem2_vm_reservation* reservation, void* place) {
    const int saved_errno = errno;
    if (reservation != nullptr)
        (void)reserve_again(place, plan.mapped);
    else if (address != MAP_FAILED)
        munmap(address, plan.mapped);
    errno = saved_errno;
}

// REQUIRES: the caller holds map_lock().
int map_source(const pmem2_config& config, const pmem2_source& source, const Plan& plan, pmem2_map* map) {
    void* place = nullptr;
    if (config.reservation != nullptr) {
        if (const int result = check_place(*config.reservation, config.reservation_offset, plan); result != 0)
            return result;
        place = config.reservation->address + config.reservation_offset;
    }
    bool is_synchronous = false;
    void* const address = map_plan(config, source, plan, place, &is_synchronous);
    if (address == MAP_FAILED) {
        unmap_again(address, plan, config.reservation, place);
        return fail_with_errno("%s: cannot map %zu bytes at offset %zu of fd %d", kMapNew, plan.length,
                               plan.offset, source.fd);
    }
    const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(address);
    if (is_mapped_by_us(begin, begin + plan.mapped)) {
        // Only after a program has unmapped a map of ours behind our back, or one of its own without deleting it here.
        unmap_again(address, plan, config.reservation, place);
        return fail(PMEM2_E_MAP_EXISTS,
                    "%s: the kernel gave %zu bytes at %p, where a map should be that was not deleted",
                    kMapNew, plan.mapped, address);
    }
    const pmem2_granularity granularity = granularity_of_map(config, source, is_synchronous);
    if (granularity > config.granularity) {
        unmap_again(address, plan, config.reservation, place);
        return fail(PMEM2_E_GRANULARITY_NOT_SUPPORTED,
                    "%s: the config requires %s granularity, and stores into fd %d need %s granularity",
                    kMapNew, granularity_name(config.granularity), source.fd, granularity_name(granularity));
    }
    *map = {.address = static_cast<char*>(address),
            .size = plan.length,
            .reserved = plan.mapped,
            .granularity = granularity,
            .kind = source.kind,
            .region = is_device(source) ? device_dax_region(source.file) : -1,
            .reservation = config.reservation,
            .functions = &functions_at(granularity),
            .previous = nullptr,
            .next = nullptr};
    add_map(map);
    return 0;
}

pmem2_map* new_map() {
    return static_cast<pmem2_map*>(malloc(sizeof(pmem2_map)));
}

int flush_deeply(const pmem2_map& map, const void* address, std::size_t size) {
    if (map.kind == pmem2_source::kAnonymous)
        return fail(PMEM2_E_NOSUPP,
                    "pmem2_deep_flush: the map is of anonymous memory, which nothing makes durable");
    if (size == 0)
        return 0;
    if (map.granularity != PMEM2_GRANULARITY_PAGE) {  // else msync does it all
        write_back_always(address, size);
        fence();
    }
    if (map.kind == pmem2_source::kDeviceDax) {
        if (map.region < 0 || flush_region(map.region) == 0)
            return 0;
        return fail_with_errno("pmem2_deep_flush: flushing NVDIMM region %d", map.region);
    }
    errno = sync_pages(address, size, true);
    return errno == 0 ? 0 : fail_with_errno("pmem2_deep_flush: msync of %zu bytes at %p", size, address);
}

}  // namespace
}  // namespace terrace::persist

int pmem2_map_new(struct pmem2_map** map_ptr, const struct pmem2_config* cfg,
                  const struct pmem2_source* src) {
    if (map_ptr == nullptr)
        return fail(-EINVAL, "%s: map_ptr is NULL", kMapNew);
    *map_ptr = nullptr;
    if (cfg == nullptr || src == nullptr)
        return fail(-EINVAL, "%s: %s is NULL", kMapNew, cfg == nullptr ? "cfg" : "src");
    Plan plan;
    if (const int result = make_plan(*cfg, *src, &plan); result != 0)
        return result;
    pmem2_map* const map = new_map();
    if (map == nullptr)
        return fail(-ENOMEM, "%s: no memory for the map", kMapNew);
    int result = 0;
    {
        terrace::LockGuard guard(map_lock());
        result = map_source(*cfg, *src, plan, map);
    }
    if (result != 0) {
        free(map);
        return result;
    }
    *map_ptr = map;
    return 0;
}

PMEM2_ANY_ENUM_VALUE int pmem2_map_from_existing(struct pmem2_map** map_ptr, const struct pmem2_source* src,
                                                 void* addr, size_t len, enum pmem2_granularity gran) {
    constexpr const char* kHere = "pmem2_map_from_existing";
    if (map_ptr == nullptr)
        return fail(-EINVAL, "%s: map is NULL", kHere);
    *map_ptr = nullptr;
    if (src == nullptr || addr == nullptr)
        return fail(-EINVAL, "%s: %s is NULL", kHere, src == nullptr ? "src" : "addr");
    if (!is_granularity(gran))
        return fail(PMEM2_E_GRANULARITY_NOT_SUPPORTED, "%s: %d is not a granularity", kHere,
                    static_cast<int>(gran));
    const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(addr);
    if (len == 0 || len > UINTPTR_MAX - begin)
        return fail(-EINVAL, "%s: %zu bytes at %p are no mapping", kHere, len, addr);
    pmem2_map* const map = new_map();
    if (map == nullptr)
        return fail(-ENOMEM, "%s: no memory for the map", kHere);
    *map = {.address = static_cast<char*>(addr),
            .size = len,
            .reserved = 0,
            .granularity = gran,
            .kind = src->kind,
            .region = is_device(*src) ? device_dax_region(src->file) : -1,
            .reservation = nullptr,
            .functions = &functions_at(gran),
            .previous = nullptr,
            .next = nullptr};
    {
        terrace::LockGuard guard(map_lock());
        if (!is_mapped_by_us(map->begin(), map->end())) {
            add_map(map);
            *map_ptr = map;
            return 0;
        }
    }
    free(map);
    return fail(PMEM2_E_MAP_EXISTS, "%s: there is a map in the %zu bytes at %p already", kHere, len, addr);
}

int pmem2_map_delete(struct pmem2_map** map_ptr) {
    constexpr const char* kHere = "pmem2_map_delete";
    if (map_ptr == nullptr)
        return fail(-EINVAL, "%s: map_ptr is NULL", kHere);
    pmem2_map* const map = *map_ptr;
    terrace::LockGuard guard(map_lock());
    if (!is_map(map))
        return fail(PMEM2_E_MAPPING_NOT_FOUND, "%s: %p is no map", kHere, static_cast<void*>(map));
    const bool is_gone =
        map->reserved == 0 || (map->reservation != nullptr ? reserve_again(map->address, map->reserved)
                                                           : munmap(map->address, map->reserved) == 0);
    if (!is_gone)
        return fail_with_errno("%s: cannot unmap %zu bytes at %p", kHere, map->reserved,
                               static_cast<void*>(map->address));
    remove_map(map);
    free(map);
    *map_ptr = nullptr;
    return 0;
}

void* pmem2_map_get_address(struct pmem2_map* map) {
    return map->address;
}

size_t pmem2_map_get_size(struct pmem2_map* map) {
    return map->size;
}

enum pmem2_granularity pmem2_map_get_store_granularity(struct pmem2_map* map) {
    return map->granularity;
}

pmem2_persist_fn pmem2_get_persist_fn(struct pmem2_map* map) {
    return map->functions->persist;
}

pmem2_flush_fn pmem2_get_flush_fn(struct pmem2_map* map) {
    return map->functions->flush;
}

pmem2_drain_fn pmem2_get_drain_fn(struct pmem2_map* map) {
    return map->functions->drain;
}

pmem2_memmove_fn pmem2_get_memmove_fn(struct pmem2_map* map) {
    return map->functions->memmove;
}

pmem2_memcpy_fn pmem2_get_memcpy_fn(struct pmem2_map* map) {
    return map->functions->memmove;
}

pmem2_memset_fn pmem2_get_memset_fn(struct pmem2_map* map) {
    return map->functions->memset;
}

int pmem2_deep_flush(struct pmem2_map* map, void* ptr, size_t size) {
    if (map == nullptr)
        return fail(-EINVAL, "pmem2_deep_flush: map is NULL");
    const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(ptr);
    if (begin < map->begin() || begin > map->begin() + map->size || size > map->begin() + map->size - begin)
        return fail(PMEM2_E_DEEP_FLUSH_RANGE,
                    "pmem2_deep_flush: %zu bytes at %p are not inside the map of %zu bytes at %p", size, ptr,
                    map->size, static_cast<void*>(map->address));
    return flush_deeply(*map, ptr, size);
}
