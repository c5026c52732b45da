/* SPDX-License-Identifier: BSD-2-Clause
 *
 * memkind.h: memory by kind.
 *
 * A kind is a source of memory with a placement rule and a heap over it. You name the kind, you get memory of it, and
 * you free it like any other:
 *
 *     memkind_t file;
 *     if (memkind_create_pmem("/mnt/pmem", 0, &file) == MEMKIND_SUCCESS) {
 *         char *text = memkind_malloc(file, 100);
 *         memkind_free(file, text);
 *         memkind_destroy_kind(file);
 *     }
 *
 * Every function may be called from any thread at any time, also before the program's constructors and after its
 * destructors, except where a function says otherwise. Names, numbers and results are those of memkind 1.14
 * (memkind(3)); where this library answers better than memkind, the function says so.
 *
 * Cost: an allocation or a free of up to 64 KiB normally costs a few tens of instructions and no lock, in every kind.
 */
#ifndef MEMKIND_H
#define MEMKIND_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Limits that callers may rely on. */
enum memkind_const {
    MEMKIND_MAX_KIND = 512,           /* kinds that can exist at one time, the static ones included */
    MEMKIND_ERROR_MESSAGE_SIZE = 128, /* bytes; enough for every text of memkind_error_message() */
    MEMKIND_PMEM_MIN_SIZE = 16777216  /* bytes; the smallest limit that a file kind can have: 16 MiB */
};

/* What a function that returns int answers: 0, or one of these negative numbers. */
enum {
    MEMKIND_SUCCESS = 0,
    MEMKIND_ERROR_UNAVAILABLE = -1,            /* this machine has no memory of that kind */
    MEMKIND_ERROR_MBIND = -2,                  /* mbind(2) failed */
    MEMKIND_ERROR_MMAP = -3,                   /* mmap(2) failed */
    MEMKIND_ERROR_MALLOC = -6,                 /* out of memory for the library's own records */
    MEMKIND_ERROR_ENVIRON = -12,               /* a MEMKIND_* environment variable has no valid value */
    MEMKIND_ERROR_INVALID = -13,               /* an argument is out of its range; errno may say more */
    MEMKIND_ERROR_TOOMANY = -15,               /* MEMKIND_MAX_KIND kinds exist already */
    MEMKIND_ERROR_BADOPS = -17,                /* never returned; kept for source compatibility */
    MEMKIND_ERROR_HUGETLB = -18,               /* no huge pages of that size are configured */
    MEMKIND_ERROR_MEMTYPE_NOT_AVAILABLE = -20, /* the wanted memory type is not in this machine */
    MEMKIND_ERROR_OPERATION_FAILED = -21,      /* the operation failed; nothing was changed */
    MEMKIND_ERROR_ARENAS_CREATE = -22,         /* no more arenas can be made */
    MEMKIND_ERROR_RUNTIME = -255               /* the system answered something unexpected */
};

/* A kind. The pointer stays valid until memkind_destroy_kind(); static kinds are there for good. */
struct memkind;
typedef struct memkind *memkind_t;

/* Ordinary memory, placed by the policy of the calling process. Always available. */
extern memkind_t MEMKIND_DEFAULT;

/* Ordinary memory bound to the NUMA nodes that have CPUs (MPOL_BIND). Where the kernel or a container forbids binding,
 * the memory is not bound and one line of log (MEMKIND_DEBUG=1) says so. */
extern memkind_t MEMKIND_REGULAR;

/* The version of the interface: major * 1,000,000 + minor * 1,000 + patch; 1014000 for memkind 1.14.0. */
int memkind_get_version(void);

/* Writes the text for `err` (a MEMKIND_ERROR_* number, EINVAL or ENOMEM) to `msg`, cut to `size` bytes and always
 * terminated when size > 0. Other numbers get a text that contains the number. `msg` may be NULL when size is 0. */
void memkind_error_message(int err, char *msg, size_t size);

/* Makes a kind whose memory lies in a file: on pmem or an ordinary file system, tmpfs included. The file has no name
 * (it is gone when the process ends, however it ends) and grows as the kind needs it; memory that is freed gives its
 * blocks back to the file system.
 *
 *   dir       an existing directory in which this process may create files; copied
 *   max_size  the most bytes that the kind may take from the file system, at least MEMKIND_PMEM_MIN_SIZE and rounded up
 *             to 2 MiB; 0 for no limit
 *   kind      receives the kind on success and is left alone otherwise; the caller destroys it
 *
 * Returns MEMKIND_SUCCESS; MEMKIND_ERROR_INVALID for a bad argument or directory (errno then says why: EINVAL, ENOENT,
 * ENOTDIR, EACCES, ENOSPC, ...); MEMKIND_ERROR_TOOMANY; MEMKIND_ERROR_MMAP when the address space is exhausted;
 * MEMKIND_ERROR_MALLOC.
 *
 * After fork(), parent and child each have their own copy of the memory, as with malloc: neither sees what the other
 * writes. (With memkind the child wrote into the parent's memory.) Both keep the pages they do not write in the file;
 * pages written after the fork move to DRAM until they are freed.
 *
 * When the disk or the limit is full, allocations return NULL with ENOMEM; blocks are reserved beforehand, so that a
 * store never fails for lack of space. */
int memkind_create_pmem(const char *dir, size_t max_size, memkind_t *kind);

/* Destroys a kind made by memkind_create_*: all its memory is gone, whoever still uses it. Nobody may be inside a
 * function with this kind, or use its memory, from now on. Static kinds are left alone.
 * Returns MEMKIND_SUCCESS, or MEMKIND_ERROR_INVALID when `kind` is NULL or is not (any more) a kind. */
int memkind_destroy_kind(memkind_t kind);

/* The kind that `ptr` was allocated from, or NULL when ptr is NULL or is not Terrace's memory. Two loads, no lock. */
memkind_t memkind_detect_kind(void *ptr);

/* MEMKIND_SUCCESS when memory of this kind can be had on this machine, else the MEMKIND_ERROR_* number that says why not;
 * MEMKIND_ERROR_INVALID for NULL. Allocates nothing. */
int memkind_check_available(memkind_t kind);

/* Allocates `size` bytes of `kind`, aligned for any type (to 16 bytes; to 8 where size <= 8).
 * Returns NULL without touching errno when size is 0; NULL with errno ENOMEM when there is no memory of this kind or size
 * is too large; NULL with EINVAL when kind is NULL. Free it with memkind_free(). */
void *memkind_malloc(memkind_t kind, size_t size);

/* Allocates num * size zeroed bytes. As memkind_malloc(); a product that overflows is ENOMEM. */
void *memkind_calloc(memkind_t kind, size_t num, size_t size);

/* Resizes `ptr` to `size` bytes, keeping the contents up to the smaller size, and returns where it is now.
 *   ptr NULL    as memkind_malloc(kind, size)
 *   size 0      frees ptr and returns NULL
 *   kind NULL   the block stays in its kind; with ptr NULL too: NULL, EINVAL
 *   kind        another one than ptr's: the contents move there
 * On failure NULL with ENOMEM (or EINVAL when ptr is not Terrace's), and ptr is as it was. */
void *memkind_realloc(memkind_t kind, void *ptr, size_t size);

/* Allocates `size` bytes at an address that is a multiple of `alignment`, a power of two and a multiple of
 * sizeof(void *), and stores it to *memptr. Returns 0; EINVAL for a bad alignment or kind, ENOMEM; *memptr is NULL then, and
 * also when size is 0. errno is kept. */
int memkind_posix_memalign(memkind_t kind, void **memptr, size_t alignment, size_t size);

/* Frees what the functions above returned. `kind` may be NULL and may be wrong: the address tells the kind. NULL and
 * pointers that are not Terrace's are ignored. errno is kept. */
void memkind_free(memkind_t kind, void *ptr);

/* The bytes that can be used at `ptr`, at least as many as were asked for; 0 for NULL and foreign pointers. `kind` may be
 * NULL. Define MEMKIND_MALLOC_USABLE_SIZE_CONST as const to have the parameter so declared. */
#ifndef MEMKIND_MALLOC_USABLE_SIZE_CONST
#define MEMKIND_MALLOC_USABLE_SIZE_CONST
#endif
size_t memkind_malloc_usable_size(memkind_t kind, MEMKIND_MALLOC_USABLE_SIZE_CONST void *ptr);

#ifdef __cplusplus
}
#endif
#endif
