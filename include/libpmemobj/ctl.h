/*
 * Settings and statistics by name ("heap.alloc_class.new.desc", "stats.enabled", …). The three functions come
 * with "the whole surface"; the types and values that they take are here, at their final sizes.
 */
#ifndef LIBPMEMOBJ_CTL_H
#define LIBPMEMOBJ_CTL_H 1

#include <libpmemobj/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Which counters "stats.enabled" switches on. */
enum pobj_stats_enabled {
    POBJ_STATS_ENABLED_TRANSIENT,
    POBJ_STATS_ENABLED_BOTH,
    POBJ_STATS_ENABLED_PERSISTENT,
    POBJ_STATS_DISABLED
};

/* Whether each thread keeps to an arena, or all share one: "heap.arenas_assignment_type". */
enum pobj_arenas_assignment_type { POBJ_ARENAS_ASSIGNMENT_THREAD_KEY, POBJ_ARENAS_ASSIGNMENT_GLOBAL };

/* How a class of allocations remembers an object's size and type number; none remembers nothing. */
enum pobj_header_type { POBJ_HEADER_LEGACY, POBJ_HEADER_COMPACT, POBJ_HEADER_NONE, MAX_POBJ_HEADER_TYPES };

/* A class of allocations, for "heap.alloc_class.…". */
struct pobj_alloc_class_desc {
    size_t unit_size;         /* bytes; an allocation takes whole units */
    size_t alignment;         /* bytes, 0 for the default; unit_size is a multiple of it */
    unsigned units_per_block; /* how many units are set aside at a time */
    enum pobj_header_type header_type;
    unsigned class_id; /* 0 … 254; filled in when the class is new */
};
_POBJ_EXACT_SIZE(struct pobj_alloc_class_desc, 2 * sizeof(size_t) + 16);

#ifdef __cplusplus
}
#endif
#endif
