/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hbwmalloc.h: the malloc family for high-bandwidth memory.
 *
 *     hbw_set_policy(HBW_POLICY_BIND);              // once, at the start; else preferred
 *     double *field = hbw_malloc(n * sizeof *field);
 *     hbw_free(field);
 *
 * The functions allocate from memkind.h's kinds MEMKIND_HBW*; which nodes those are is told there. Any thread
 * may call any of them at any time. Names, numbers and results are those of memkind 1.14 (hbwmalloc(3)). What
 * is allocated here can be freed, resized and looked at with memkind.h's functions, and the other way round.
 * Sizes are bytes.
 */
#ifndef HBWMALLOC_H
#define HBWMALLOC_H

#include <stddef.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where allocations come from. */
typedef enum {
    HBW_POLICY_BIND = 1, /* the nearest high-bandwidth nodes, and no others: NULL with ENOMEM without them */
    /* the nearest high-bandwidth node, and ordinary memory when it is full or there is none */
    HBW_POLICY_PREFERRED = 2,
    HBW_POLICY_INTERLEAVE = 3, /* page by page over all high-bandwidth nodes, in ordinary pages */
    HBW_POLICY_BIND_ALL = 4    /* any high-bandwidth node, and no others */
} hbw_policy_t;

/* The size of the pages under an allocation. 2 MiB and 1 GiB are the system's huge pages (hugetlbfs). */
typedef enum {
    HBW_PAGESIZE_4KB = 1, /* ordinary pages; the kernel may join them to larger ones */
    HBW_PAGESIZE_2MB = 2,
    HBW_PAGESIZE_1GB_STRICT = 3, /* deprecated: the size must be a multiple of 1 GiB */
    HBW_PAGESIZE_1GB = 4,        /* deprecated */
    HBW_PAGESIZE_MAX_VALUE = 5   /* not a page size: the number after the last */
} hbw_pagesize_t;

/* Flags of hbw_verify_memory_region(). */
enum {
    HBW_TOUCH_PAGES = 1 /* first write to every page, leaving its contents, so that it is there */
};

/* The policy that allocations follow: what hbw_set_policy() chose, else HBW_POLICY_PREFERRED. */
hbw_policy_t hbw_get_policy(void);

/* Chooses the policy, once for the whole process and before the first allocation; without it the first
 * allocation chooses HBW_POLICY_PREFERRED. Returns 0, also when it is this policy already; EPERM when it is
 * another one already; EINVAL when there is no such policy. */
int hbw_set_policy(hbw_policy_t mode);

/* 0 when the machine has high-bandwidth memory, else ENODEV. */
int hbw_check_available(void);

/* Whether all pages of [addr, addr + size) lie on high-bandwidth nodes. Returns 0 when they do; -1 when one
 * does not or has no memory yet; EINVAL when `addr` is NULL, `size` is 0 or `flags` has an unknown bit;
 * EFAULT when the system cannot say, or with HBW_TOUCH_PAGES when a page cannot be written to (with memkind
 * the process died of SIGSEGV). Costs one system call for each 512 pages. */
int hbw_verify_memory_region(void* addr, size_t size, int flags);

/* As malloc, calloc and realloc, except that allocations of 0 bytes are NULL. NULL with errno ENOMEM when
 * there is no memory. hbw_realloc() keeps the block in pages of the size that it has, and returns NULL with
 * EINVAL when `ptr` was not allocated by this library. */
void* hbw_malloc(size_t size);
void* hbw_calloc(size_t num, size_t size);
void* hbw_realloc(void* ptr, size_t size);

/* Allocates `size` bytes at a multiple of `alignment`, a power of two and a multiple of sizeof(void *), and
 * stores the address to *memptr. Returns 0, and NULL in *memptr when size is 0; EINVAL for a bad alignment
 * and a NULL memptr; ENOMEM. In *memptr is NULL after an error. errno is kept. */
int hbw_posix_memalign(void** memptr, size_t alignment, size_t size);

/* The same, in pages of `pagesize`. Also EINVAL when there is no such page size; for huge pages with
 * HBW_POLICY_INTERLEAVE; and for HBW_PAGESIZE_1GB_STRICT and a size that is not a multiple of 1 GiB. ENOMEM
 * when no such huge pages are left. */
int hbw_posix_memalign_psize(void** memptr, size_t alignment, size_t size, hbw_pagesize_t pagesize);

/* Frees what the functions above returned. NULL and pointers of other allocators are ignored. errno is kept. */
void hbw_free(void* ptr);

/* The bytes that can be used at `ptr`; 0 for NULL and pointers of other allocators. */
size_t hbw_malloc_usable_size(void* ptr);

#ifdef __cplusplus
}
#endif
#endif
