/*
 * Pools: files of durable objects. A pool is made once with pmemobj_create, opened by one process at a time,
 * and has one root object from which a program finds all the others.
 */
#ifndef LIBPMEMOBJ_POOL_BASE_H
#define LIBPMEMOBJ_POOL_BASE_H 1

#include <libpmemobj/base.h>
#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PMEMOBJ_MIN_POOL ((size_t)8 << 20) /* the smallest pool: 8 MiB */
#define PMEMOBJ_MIN_PART ((size_t)2 << 20) /* the smallest file of a pool that is made of several */

/*
 * Makes a new pool in a new file and opens it.
 *   path      the file; it must not exist, unless poolsize is 0: then an existing file of zeroes becomes the
 *             pool
 *   layout    a name for the program's data structures, up to PMEMOBJ_MAX_LAYOUT - 1 bytes; NULL means ""
 *   poolsize  bytes; the whole size is set aside on the disk at once
 *   mode      permissions of the new file, as for open(2)
 * Returns the pool, which the caller closes with pmemobj_close, or NULL:
 *   EEXIST    the file exists
 *   EINVAL    a size under PMEMOBJ_MIN_POOL or over 16 TiB, a layout too long
 *   EMFILE    1,024 pools are open in this process, or more files than it may have
 *   ENOSPC    the file system is full
 *   and what open(2), flock(2), mmap(2) and fallocate(2) say
 * After a failure no new file is left behind.
 */
PMEMobjpool* pmemobj_create(const char* path, const char* layout, size_t poolsize, mode_t mode);

/*
 * Opens a pool. If the program that used it last was killed or lost power, the pool is recovered first: every
 * committed transaction is there, and nothing of the others is.
 *   layout    must be the one that the pool was made with; NULL opens a pool of any layout
 * Returns the pool, which the caller closes with pmemobj_close, or NULL with the file unchanged:
 *   EWOULDBLOCK        it is open already, here or elsewhere
 *   ENOENT, EACCES, …  what open(2) says
 *   EINVAL             another layout, another version, another kind of file, truncated or damaged: see
 *                      pmemobj_errormsg
 */
PMEMobjpool* pmemobj_open(const char* path, const char* layout);

/* Closes a pool: what was stored without a transaction becomes durable, pointers into the pool become
 * invalid, and other processes may open it. No thread may use the pool any more, and no transaction may be
 * running on it. */
void pmemobj_close(PMEMobjpool* pop);

/* Is the pool of this file sound? Reads it without changing it; it must not be open. layout as for
 * pmemobj_open. Returns 1 if it is, 0 if it is not (pmemobj_errormsg says what is wrong), -1 with errno if
 * that cannot be told: the file cannot be read, or is open. */
int pmemobj_check(const char* path, const char* layout);

/* The root object, which holds at least size bytes. The first call allocates it, filled with zeroes; a call
 * with a larger size makes it larger, which may change its name; its content stays and the rest is zeroes.
 * size 0 is allowed once the root exists. Atomic: after a crash the root is as before or as after. Returns
 * OID_NULL with errno ENOMEM when the pool is full, EINVAL for size 0 without a root. */
PMEMoid pmemobj_root(PMEMobjpool* pop, size_t size);

/* The same; what is allocated or made larger is given to constructor before it becomes visible, filled with the
 * old content and zeroes. constructor may be NULL. OID_NULL with ECANCELED if it gives up. */
PMEMoid pmemobj_root_construct(PMEMobjpool* pop, size_t size, pmemobj_constr constructor, void* arg);

/* The size of the root object as it was last asked for, in bytes; 0 if there is none. */
size_t pmemobj_root_size(PMEMobjpool* pop);

/* One pointer per open pool for the program's (or a language binding's) own use. It is forgotten at close. */
void pmemobj_set_user_data(PMEMobjpool* pop, void* data);
void* pmemobj_get_user_data(PMEMobjpool* pop);

#ifdef __cplusplus
}
#endif
#endif
