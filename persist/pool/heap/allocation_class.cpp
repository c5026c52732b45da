// See allocation_class.hpp.
// Ids below 128 belong to the library: it answers for its own classes there, and gives out new ids from 128.
// Thread safety: a class is complete before its unit size is stored; after that it never changes.
#include "persist/pool/heap/allocation_class.hpp"

#include <errno.h>
#include <string.h>

#include <algorithm>
#include <bit>

#include "persist/pool/error_message.hpp"

namespace terrace::persist {
namespace {

using Number = unsigned long long;

constexpr uint32_t kFirstFreeId = 128;
constexpr uint64_t kLargestAlignment = 2 << 20;
constexpr uint64_t kMostUnits = 64;  // of one object
static_assert(kSizeClassCount < kFirstFreeId);

// What PMDK keeps in front of an object; here it only takes part in the arithmetic.
uint64_t header_bytes(pobj_header_type header) {
    return header == POBJ_HEADER_LEGACY ? 64 : header == POBJ_HEADER_COMPACT ? 16 : 0;
}

int check_description(const pobj_alloc_class_desc& wanted) {
    if (wanted.unit_size == 0 || wanted.unit_size > PMEMOBJ_MAX_ALLOC_SIZE)
        return fail(EINVAL, "allocation class: a unit of %zu bytes is not between 1 and %zu",
                    wanted.unit_size, PMEMOBJ_MAX_ALLOC_SIZE);
    if (wanted.units_per_block == 0)
        return fail(EINVAL, "allocation class: there must be at least one unit per block");
    if (wanted.alignment != 0 &&
        (!std::has_single_bit(wanted.alignment) || wanted.unit_size % wanted.alignment != 0))
        return fail(EINVAL,
                    "allocation class: the alignment %zu is no power of two that divides the unit size %zu",
                    wanted.alignment, wanted.unit_size);
    if (wanted.alignment > kLargestAlignment)
        return fail(EINVAL, "allocation class: the alignment %zu is larger than 2 MiB", wanted.alignment);
    if (wanted.header_type < POBJ_HEADER_LEGACY || wanted.header_type >= MAX_POBJ_HEADER_TYPES)
        return fail(EINVAL, "allocation class: unknown header type %d", static_cast<int>(wanted.header_type));
    return 0;
}

bool is_taken(const PoolSettings& settings, uint32_t id) {
    return settings.classes[id].unit_bytes.load(std::memory_order_acquire) != 0;
}

bool is_same(const AllocationClass& existing, const pobj_alloc_class_desc& wanted) {
    return existing.unit_bytes.load(std::memory_order_acquire) == wanted.unit_size &&
           existing.alignment == wanted.alignment && existing.units_per_block == wanted.units_per_block &&
           existing.header == wanted.header_type;
}

}  // namespace

int make_class(Pool& pool, uint32_t id, pobj_alloc_class_desc& description) {
    PoolSettings& settings = pool.settings;
    if (int error = check_description(description))
        return error;
    LockGuard guard(settings.lock);
    if (id == kAnyClassId) {
        id = kFirstFreeId;
        while (id < PoolSettings::kClassCount && is_taken(settings, id))
            ++id;
        if (id == PoolSettings::kClassCount)
            return fail(EINVAL, "allocation class: every id is taken");
    } else if (id < kSizeClassCount + 1 || is_taken(settings, id)) {
        return fail(EEXIST, "allocation class: %u exists already", id);
    }
    for (const AllocationClass& existing : settings.classes) {
        if (is_same(existing, description))
            return fail(EINVAL, "allocation class: the same class exists already");
    }
    AllocationClass& made = settings.classes[id];
    made.alignment = description.alignment;
    made.units_per_block = description.units_per_block;
    made.header = description.header_type;
    made.unit_bytes.store(description.unit_size, std::memory_order_release);
    description.class_id = id;
    return 0;
}

bool describe_class(const Pool& pool, uint32_t id, pobj_alloc_class_desc& description) {
    memset(&description, 0, sizeof description);
    if (id <= kSizeClassCount) {
        description.unit_size = id == 0 ? kPageBytes : kSizeClasses[id - 1].bytes;
        description.units_per_block = id == 0 ? 0 : kSizeClasses[id - 1].capacity;
        description.header_type = POBJ_HEADER_NONE;
        description.class_id = id;
        return true;
    }
    const AllocationClass& existing = pool.settings.classes[id];
    description.unit_size = existing.unit_bytes.load(std::memory_order_acquire);
    if (description.unit_size == 0)
        return false;
    description.alignment = existing.alignment;
    description.units_per_block = existing.units_per_block;
    description.header_type = existing.header;
    description.class_id = id;
    return true;
}

namespace internal {

Block reserve_specially(Pool& pool, uint64_t bytes, uint64_t type_number, uint64_t flags,
                        const char* function) {
    const auto class_id = static_cast<uint32_t>(flags >> 48);
    const auto arena = static_cast<uint32_t>(flags >> 32 & 0xffff);
    const uint64_t wanted = bytes;
    uint64_t alignment = 1;
    bool has_own_class = false;  // made by the program, which knows what its objects can hold
    if (class_id != 0) {
        pobj_alloc_class_desc description;
        if (class_id >= PoolSettings::kClassCount || !describe_class(pool, class_id, description)) {
            fail(EINVAL, "%s: there is no allocation class %u", function, class_id);
            return {};
        }
        const bool is_own = class_id <= kSizeClassCount;
        const uint64_t header = header_bytes(description.header_type);
        const uint64_t units = bytes > pool.bytes()
                                   ? UINT64_MAX
                                   : (bytes + header + description.unit_size - 1) / description.unit_size;
        // The heap's own classes have no header, and yet give more than one unit.
        const uint64_t most = description.header_type == POBJ_HEADER_NONE && !is_own
                                  ? 1
                                  : std::min<uint64_t>(kMostUnits, description.units_per_block);
        if (units > most) {
            fail(EINVAL, "%s: %llu bytes are %llu units of allocation class %u, which gives at most %llu",
                 function, static_cast<Number>(bytes), static_cast<Number>(units), class_id,
                 static_cast<Number>(most));
            return {};
        }
        bytes = units * description.unit_size - header;
        alignment = std::max<uint64_t>(description.alignment, 1);
        has_own_class = !is_own;
    }
    if (arena > pool.heap.arena_count()) {
        fail(EINVAL, "%s: there is no arena %u; the pool has %u", function, arena, pool.heap.arena_count());
        return {};
    }
    const Block block = pool.heap.reserve(bytes, type_number, alignment, arena, has_own_class);
    if (block.offset == 0) {
        fail(ENOMEM, "%s: no room in the pool for %llu bytes", function, static_cast<Number>(wanted));
        return {};
    }
    const int pattern = pool.settings.allocation_pattern.load(std::memory_order_relaxed);
    if (pattern >= 0)
        memset(pool.media.base + block.offset, pattern, pool.heap.usable_bytes(block));
    return block;
}

}  // namespace internal
}  // namespace terrace::persist
