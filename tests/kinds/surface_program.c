/* A C program as people wrote them for memkind 1.14: every number that it was compiled with, every function
 * in the type that it expects, every kind. surface_test.cpp runs it. */
#include <hbwmalloc.h>
#include <memkind.h>
#include <memkind_memtier.h>
#include <stdbool.h>
#include <stddef.h>

#define IS(name, value) _Static_assert((name) == (value), #name " is not " #value)

/* clang-format off: a table */
IS(MEMKIND_MEMTYPE_DEFAULT, 1);
IS(MEMKIND_MEMTYPE_HIGH_BANDWIDTH, 2);
IS(MEMKIND_POLICY_BIND_LOCAL, 0);
IS(MEMKIND_POLICY_BIND_ALL, 1);
IS(MEMKIND_POLICY_PREFERRED_LOCAL, 2);
IS(MEMKIND_POLICY_INTERLEAVE_LOCAL, 3);
IS(MEMKIND_POLICY_INTERLEAVE_ALL, 4);
IS(MEMKIND_POLICY_MAX_VALUE, 5);
IS(MEMKIND_MASK_PAGE_SIZE_2MB, 21);
IS(MEMKIND_MAX_KIND, 512);
IS(MEMKIND_ERROR_MESSAGE_SIZE, 128);
IS(MEMKIND_PMEM_MIN_SIZE, 16777216);
IS(MEMKIND_SUCCESS, 0);
IS(MEMKIND_ERROR_UNAVAILABLE, -1);
IS(MEMKIND_ERROR_MBIND, -2);
IS(MEMKIND_ERROR_MMAP, -3);
IS(MEMKIND_ERROR_MALLOC, -6);
IS(MEMKIND_ERROR_ENVIRON, -12);
IS(MEMKIND_ERROR_INVALID, -13);
IS(MEMKIND_ERROR_TOOMANY, -15);
IS(MEMKIND_ERROR_BADOPS, -17);
IS(MEMKIND_ERROR_HUGETLB, -18);
IS(MEMKIND_ERROR_MEMTYPE_NOT_AVAILABLE, -20);
IS(MEMKIND_ERROR_OPERATION_FAILED, -21);
IS(MEMKIND_ERROR_ARENAS_CREATE, -22);
IS(MEMKIND_ERROR_RUNTIME, -255);
IS(MEMKIND_MEM_USAGE_POLICY_DEFAULT, 0);
IS(MEMKIND_MEM_USAGE_POLICY_CONSERVATIVE, 1);
IS(MEMKIND_MEM_USAGE_POLICY_MAX_VALUE, 2);
IS(MEMKIND_STAT_TYPE_RESIDENT, 0);
IS(MEMKIND_STAT_TYPE_ACTIVE, 1);
IS(MEMKIND_STAT_TYPE_ALLOCATED, 2);
IS(MEMKIND_STAT_TYPE_MAX_VALUE, 3);
IS(MEMKIND_STAT_PRINT_ALL, 0);
IS(MEMKIND_STAT_PRINT_JSON_FORMAT, 1);
IS(MEMKIND_STAT_PRINT_OMIT_GENERAL, 2);
IS(MEMKIND_STAT_PRINT_OMIT_MERGED_ARENA, 4);
IS(MEMKIND_STAT_PRINT_OMIT_DESTROYED_MERGED_ARENA, 8);
IS(MEMKIND_STAT_PRINT_OMIT_PER_ARENA, 16);
IS(MEMKIND_STAT_PRINT_OMIT_PER_SIZE_CLASS_BINS, 32);
IS(MEMKIND_STAT_PRINT_OMIT_PER_SIZE_CLASS_LARGE, 64);
IS(MEMKIND_STAT_PRINT_OMIT_MUTEX, 128);
IS(MEMKIND_STAT_PRINT_OMIT_EXTENT, 256);
IS(HBW_POLICY_BIND, 1);
IS(HBW_POLICY_PREFERRED, 2);
IS(HBW_POLICY_INTERLEAVE, 3);
IS(HBW_POLICY_BIND_ALL, 4);
IS(HBW_PAGESIZE_4KB, 1);
IS(HBW_PAGESIZE_2MB, 2);
IS(HBW_PAGESIZE_1GB_STRICT, 3);
IS(HBW_PAGESIZE_1GB, 4);
IS(HBW_PAGESIZE_MAX_VALUE, 5);
IS(HBW_TOUCH_PAGES, 1);
IS(MEMTIER_POLICY_STATIC_RATIO, 0);
IS(MEMTIER_POLICY_DYNAMIC_THRESHOLD, 1);
IS(MEMTIER_POLICY_MAX_VALUE, 2);
IS(MEMKIND_PARTITION_DEFAULT, 0);
IS(MEMKIND_PARTITION_HBW, 1);
IS(MEMKIND_PARTITION_HBW_HUGETLB, 2);
IS(MEMKIND_PARTITION_HBW_PREFERRED, 3);
IS(MEMKIND_PARTITION_HBW_PREFERRED_HUGETLB, 4);
IS(MEMKIND_PARTITION_HUGETLB, 5);
IS(MEMKIND_PARTITION_HBW_GBTLB, 6);
IS(MEMKIND_PARTITION_HBW_PREFERRED_GBTLB, 7);
IS(MEMKIND_PARTITION_GBTLB, 8);
IS(MEMKIND_PARTITION_HBW_INTERLEAVE, 9);
IS(MEMKIND_PARTITION_INTERLEAVE, 10);
IS(MEMKIND_PARTITION_REGULAR, 11);
IS(MEMKIND_PARTITION_HBW_ALL, 12);
IS(MEMKIND_PARTITION_HBW_ALL_HUGETLB, 13);
IS(MEMKIND_PARTITION_DAX_KMEM, 14);
IS(MEMKIND_PARTITION_DAX_KMEM_ALL, 15);
IS(MEMKIND_PARTITION_DAX_KMEM_PREFERRED, 16);
IS(MEMKIND_PARTITION_DAX_KMEM_INTERLEAVE, 17);
IS(MEMKIND_PARTITION_HIGHEST_CAPACITY, 18);
IS(MEMKIND_PARTITION_HIGHEST_CAPACITY_PREFERRED, 19);
IS(MEMKIND_PARTITION_HIGHEST_CAPACITY_LOCAL, 20);
IS(MEMKIND_PARTITION_HIGHEST_CAPACITY_LOCAL_PREFERRED, 21);
IS(MEMKIND_PARTITION_LOWEST_LATENCY_LOCAL, 22);
IS(MEMKIND_PARTITION_LOWEST_LATENCY_LOCAL_PREFERRED, 23);
IS(MEMKIND_PARTITION_HIGHEST_BANDWIDTH_LOCAL, 24);
IS(MEMKIND_PARTITION_HIGHEST_BANDWIDTH_LOCAL_PREFERRED, 25);
IS(MEMKIND_NUM_BASE_KIND, 26);
/* Terrace's own. */
IS(MEMKIND_PLACEMENT_BIND, 0);
IS(MEMKIND_PLACEMENT_PREFERRED, 1);
IS(MEMKIND_PLACEMENT_PREFERRED_MANY, 2);
IS(MEMKIND_PLACEMENT_INTERLEAVE, 3);
IS(MEMKIND_PLACEMENT_WEIGHTED_INTERLEAVE, 4);
IS(sizeof(struct memkind_usage), 3 * sizeof(size_t));
IS(sizeof(struct memkind_block), 3 * sizeof(void*));
IS(offsetof(struct memkind_usage, peak), sizeof(size_t));
IS(offsetof(struct memkind_block, size), 2 * sizeof(void*));
/* Enumerations are passed as int. */
IS(sizeof(memkind_memtype_t), 4);
IS(sizeof(memkind_policy_t), 4);
IS(sizeof(memkind_bits_t), 4);
IS(sizeof(memkind_mem_usage_policy), 4);
IS(sizeof(memkind_stat_type), 4);
IS(sizeof(memkind_stat_print_opt), 4);
IS(sizeof(hbw_policy_t), 4);
IS(sizeof(hbw_pagesize_t), 4);
IS(sizeof(memkind_t), sizeof(void*));
IS(sizeof(memkind_placement_t), 4);
/* clang-format on */

/* Declares again what a program compiled against memkind's header has: a type that differs does not compile. */
int memkind_get_version(void);
void memkind_error_message(int err, char* msg, size_t size);
int memkind_create_pmem(const char* dir, size_t max_size, memkind_t* kind);
struct memkind_config* memkind_config_new(void);
void memkind_config_delete(struct memkind_config* cfg);
void memkind_config_set_path(struct memkind_config* cfg, const char* pmem_dir);
void memkind_config_set_size(struct memkind_config* cfg, size_t pmem_size);
void memkind_config_set_memory_usage_policy(struct memkind_config* cfg, memkind_mem_usage_policy policy);
int memkind_create_pmem_with_config(struct memkind_config* cfg, memkind_t* kind);
int memkind_create_fixed(void* addr, size_t size, memkind_t* kind);
int memkind_create_kind(memkind_memtype_t types, memkind_policy_t policy, memkind_bits_t flags,
                        memkind_t* kind);
int memkind_destroy_kind(memkind_t kind);
memkind_t memkind_detect_kind(void* ptr);
int memkind_check_available(memkind_t kind);
ssize_t memkind_get_capacity(memkind_t kind);
int memkind_check_dax_path(const char* pmem_dir);
int memkind_update_cached_stats(void);
int memkind_get_stat(memkind_t kind, memkind_stat_type stat, size_t* value);
int memkind_stats_print(void (*write_cb)(void*, const char*), void* cbopaque, memkind_stat_print_opt opts);
int memkind_set_bg_threads(bool state);
void* memkind_malloc(memkind_t kind, size_t size);
void* memkind_calloc(memkind_t kind, size_t num, size_t size);
void* memkind_realloc(memkind_t kind, void* ptr, size_t size);
int memkind_posix_memalign(memkind_t kind, void** memptr, size_t alignment, size_t size);
void memkind_free(memkind_t kind, void* ptr);
size_t memkind_malloc_usable_size(memkind_t kind, void* ptr);
void* memkind_defrag_reallocate(memkind_t kind, void* ptr);
int memkind_get_kind_by_partition(int partition, memkind_t* kind);
hbw_policy_t hbw_get_policy(void);
int hbw_set_policy(hbw_policy_t mode);
int hbw_check_available(void);
int hbw_verify_memory_region(void* addr, size_t size, int flags);
void* hbw_malloc(size_t size);
void* hbw_calloc(size_t num, size_t size);
void* hbw_realloc(void* ptr, size_t size);
void hbw_free(void* ptr);
int hbw_posix_memalign(void** memptr, size_t alignment, size_t size);
int hbw_posix_memalign_psize(void** memptr, size_t alignment, size_t size, hbw_pagesize_t pagesize);
size_t hbw_malloc_usable_size(void* ptr);

/* The kinds in the order of the partitions: initialised as C programs do it, at run time. */
int surface_kinds(memkind_t* kinds) {
    const memkind_t in_order[MEMKIND_NUM_BASE_KIND] = {MEMKIND_DEFAULT,
                                                       MEMKIND_HBW,
                                                       MEMKIND_HBW_HUGETLB,
                                                       MEMKIND_HBW_PREFERRED,
                                                       MEMKIND_HBW_PREFERRED_HUGETLB,
                                                       MEMKIND_HUGETLB,
                                                       MEMKIND_HBW_GBTLB,
                                                       MEMKIND_HBW_PREFERRED_GBTLB,
                                                       MEMKIND_GBTLB,
                                                       MEMKIND_HBW_INTERLEAVE,
                                                       MEMKIND_INTERLEAVE,
                                                       MEMKIND_REGULAR,
                                                       MEMKIND_HBW_ALL,
                                                       MEMKIND_HBW_ALL_HUGETLB,
                                                       MEMKIND_DAX_KMEM,
                                                       MEMKIND_DAX_KMEM_ALL,
                                                       MEMKIND_DAX_KMEM_PREFERRED,
                                                       MEMKIND_DAX_KMEM_INTERLEAVE,
                                                       MEMKIND_HIGHEST_CAPACITY,
                                                       MEMKIND_HIGHEST_CAPACITY_PREFERRED,
                                                       MEMKIND_HIGHEST_CAPACITY_LOCAL,
                                                       MEMKIND_HIGHEST_CAPACITY_LOCAL_PREFERRED,
                                                       MEMKIND_LOWEST_LATENCY_LOCAL,
                                                       MEMKIND_LOWEST_LATENCY_LOCAL_PREFERRED,
                                                       MEMKIND_HIGHEST_BANDWIDTH_LOCAL,
                                                       MEMKIND_HIGHEST_BANDWIDTH_LOCAL_PREFERRED};
    for (int i = 0; i < MEMKIND_NUM_BASE_KIND; i++)
        kinds[i] = in_order[i];
    return MEMKIND_NUM_BASE_KIND;
}
