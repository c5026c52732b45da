/* SPDX-License-Identifier: BSD-2-Clause
 *
 * memkind_deprecated.h: what memkind 1.14 still had and new programs should not use. memkind.h includes it.
 */
#ifndef MEMKIND_DEPRECATED_H
#define MEMKIND_DEPRECATED_H

#include "memkind.h"

#ifdef __cplusplus
extern "C" {
#endif

/* MEMKIND_DEPRECATED(declarator): the compiler warns whoever calls the function. May be defined beforehand. */
#ifndef MEMKIND_DEPRECATED
#ifdef __GNUC__
#define MEMKIND_DEPRECATED(declarator) declarator __attribute__((deprecated))
#else
#define MEMKIND_DEPRECATED(declarator) declarator
#endif
#endif

/* Pages of 1 GiB (hugetlbfs): ordinary memory; high-bandwidth memory; high-bandwidth memory preferred.
 * Available where such pages are configured. (With memkind they never worked.) */
extern memkind_t MEMKIND_GBTLB;
extern memkind_t MEMKIND_HBW_GBTLB;
extern memkind_t MEMKIND_HBW_PREFERRED_GBTLB;

/* The static kinds by number. */
enum memkind_base_partition {
    MEMKIND_PARTITION_DEFAULT = 0,
    MEMKIND_PARTITION_HBW = 1,
    MEMKIND_PARTITION_HBW_HUGETLB = 2,
    MEMKIND_PARTITION_HBW_PREFERRED = 3,
    MEMKIND_PARTITION_HBW_PREFERRED_HUGETLB = 4,
    MEMKIND_PARTITION_HUGETLB = 5,
    MEMKIND_PARTITION_HBW_GBTLB = 6,
    MEMKIND_PARTITION_HBW_PREFERRED_GBTLB = 7,
    MEMKIND_PARTITION_GBTLB = 8,
    MEMKIND_PARTITION_HBW_INTERLEAVE = 9,
    MEMKIND_PARTITION_INTERLEAVE = 10,
    MEMKIND_PARTITION_REGULAR = 11,
    MEMKIND_PARTITION_HBW_ALL = 12,
    MEMKIND_PARTITION_HBW_ALL_HUGETLB = 13,
    MEMKIND_PARTITION_DAX_KMEM = 14,
    MEMKIND_PARTITION_DAX_KMEM_ALL = 15,
    MEMKIND_PARTITION_DAX_KMEM_PREFERRED = 16,
    MEMKIND_PARTITION_DAX_KMEM_INTERLEAVE = 17,
    MEMKIND_PARTITION_HIGHEST_CAPACITY = 18,
    MEMKIND_PARTITION_HIGHEST_CAPACITY_PREFERRED = 19,
    MEMKIND_PARTITION_HIGHEST_CAPACITY_LOCAL = 20,
    MEMKIND_PARTITION_HIGHEST_CAPACITY_LOCAL_PREFERRED = 21,
    MEMKIND_PARTITION_LOWEST_LATENCY_LOCAL = 22,
    MEMKIND_PARTITION_LOWEST_LATENCY_LOCAL_PREFERRED = 23,
    MEMKIND_PARTITION_HIGHEST_BANDWIDTH_LOCAL = 24,
    MEMKIND_PARTITION_HIGHEST_BANDWIDTH_LOCAL_PREFERRED = 25,
    MEMKIND_NUM_BASE_KIND = 26
};

/* Writes the kind with that number to *kind: a static one, or one of the kinds made since, which are numbered
 * from MEMKIND_NUM_BASE_KIND on. Returns MEMKIND_SUCCESS; MEMKIND_ERROR_UNAVAILABLE, and *kind is NULL, when
 * there is none; MEMKIND_ERROR_INVALID when `kind` is NULL. */
int MEMKIND_DEPRECATED(memkind_get_kind_by_partition(int partition, memkind_t* kind));

#ifdef __cplusplus
}
#endif
#endif
