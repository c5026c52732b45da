#include "kinds/statistics.hpp"

#include <stdio.h>

#include "kinds/registry.hpp"
#include "kinds/thread_caches.hpp"

namespace terrace::kinds {
namespace {

std::size_t arena_number(unsigned arena, const char* what) {
    char name[64];
    snprintf(name, sizeof name, "stats.arenas.%u.%s", arena, what);
    std::size_t value = 0;
    return jemalloc::read_value(name, &value) == 0 ? value : 0;
}

std::size_t bytes_in_spans(Shard* shard) {
    LockGuard guard(shard->lock);
    std::size_t bytes = 0;
    for (unsigned number = 1; number <= kSmallClasses; ++number)
        bytes += std::size_t{shard->bins[number].live} * size_class(number).size;
    return bytes;
}

}  // namespace

Holdings holdings_of(memkind* kind) {
    if (kind->foreign_heap != nullptr) {
        const std::size_t taken = kind->foreign_heap->usage(kind).taken;
        return {taken, taken};  // pools do not shrink
    }
    return {__atomic_load_n(&kind->taken, __ATOMIC_RELAXED), __atomic_load_n(&kind->peak, __ATOMIC_RELAXED)};
}

Statistics statistics_of(memkind* kind) {
    Statistics sum;
    if (kind->foreign_heap != nullptr) {
        const ForeignStatistics its = kind->foreign_heap->statistics(kind);
        return {its.allocated, its.active, its.resident};
    }
    for_each_shard(kind, [&](Shard* shard) {
        sum.allocated += bytes_in_spans(shard);
        sum.active += arena_number(shard->arena, "pactive") * 4096;
        sum.resident += arena_number(shard->arena, "resident");
    });
    sum.allocated += __atomic_load_n(&kind->run_bytes, __ATOMIC_RELAXED);
    const std::size_t cached = bytes_in_caches(kind);
    sum.allocated -= cached < sum.allocated ? cached : sum.allocated;
    return sum;
}

}  // namespace terrace::kinds
