/*
 * libpmem: mapping a file of durable memory, and making stores to it durable without system calls.
 * Programs written for PMDK's libpmem compile and run unchanged. On memory that is not durable itself (an
 * ordinary file system) use pmem_msync in place of pmem_persist; pmem_map_file tells which it is.
 *
 * Every function may be called from any thread. Functions that fail set errno, and pmem_errormsg() says why
 * in words.
 */
#ifndef LIBPMEM_H
#define LIBPMEM_H 1

#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface, not of Terrace. */
#define PMEM_MAJOR_VERSION 1
#define PMEM_MINOR_VERSION 1

/* The smallest file that pools are made of, in bytes: 2 MiB. */
#define PMEM_MIN_PART ((size_t)2 << 20)

/* ---- mapping ---- */

#define PMEM_FILE_CREATE (1 << 0)  /* create the file if it is missing, and give it the length len */
#define PMEM_FILE_EXCL (1 << 1)    /* with CREATE: fail with EEXIST if it is there */
#define PMEM_FILE_SPARSE (1 << 2)  /* with CREATE: do not set its blocks aside */
#define PMEM_FILE_TMPFILE (1 << 3) /* with CREATE: path is a directory, the file in it has no name */

/*
 * Maps a whole file for reading and writing, shared, and with MAP_SYNC where the file system offers that.
 *   path         a file, a directory (PMEM_FILE_TMPFILE), or a device DAX
 *   len          bytes: 0 without PMEM_FILE_CREATE; with it the length that the file then has, longer or
 *                shorter than before. A device DAX accepts 0 or its exact size.
 *   flags        PMEM_FILE_*, or 0
 *   mode         permissions of a new file, as for open(2)
 *   mapped_lenp  where to store the length of the mapping, or NULL
 *   is_pmemp     where to store pmem_is_pmem of the mapping, or NULL
 * Returns the address, to be given to pmem_unmap, or NULL with *mapped_lenp and *is_pmemp unchanged:
 *   EINVAL  flags or a length that do not go together, an empty file
 *   EEXIST  PMEM_FILE_EXCL and the file exists
 *   ENOSPC  its blocks could not be set aside
 *   and what open(2) and mmap(2) say
 * A mapping of 2 MiB or more begins at a multiple of 2 MiB if possible (1 GiB or more: of 1 GiB).
 */
void* pmem_map_file(const char* path, size_t len, int flags, mode_t mode, size_t* mapped_lenp, int* is_pmemp);

/* Ends a mapping, or a part of it in whole pages. Does not make anything durable. Returns 0, or -1: EINVAL. */
int pmem_unmap(void* addr, size_t len);

/* 1 if the whole range is durable memory: mapped by pmem_map_file from a device DAX, or with MAP_SYNC. Then
 * pmem_persist makes stores durable. Else 0: use pmem_msync. The environment variable PMEM_IS_PMEM_FORCE=0 or
 * 1 overrides the answer. Takes a lock: ask once, not per store. */
int pmem_is_pmem(const void* addr, size_t len);

/* ---- making stores durable ---- */
/* Ranges may have any alignment and length; whole cache lines are written back. Stores may become durable
 * earlier than asked, and in any order up to the next drain. Aligned 8 bytes are never torn. */

/* Makes a range durable before it returns: pmem_flush, then pmem_drain. */
void pmem_persist(const void* addr, size_t len);

/* Begins to make a range durable. Costs one instruction per 64-byte line. */
void pmem_flush(const void* addr, size_t len);

/* Waits until all that the calling thread flushed is durable. */
void pmem_drain(void);

/* Makes a range of any mapped file durable, with msync(2); the range is widened to pages. Returns 0, or -1 as msync. */
int pmem_msync(const void* addr, size_t len);

/* As flush, drain and persist, and on to the most reliable place that software can reach: write-backs are
 * made even where PMEM_NO_FLUSH or the platform says they are not needed, the memory controller's queue is
 * flushed, files are synced. Rarely needed, and slow. Return 0, or -1 as msync. */
void pmem_deep_flush(const void* addr, size_t len);
int pmem_deep_drain(const void* addr, size_t len);
int pmem_deep_persist(const void* addr, size_t len);

/* 1 if the platform saves its CPU caches on power loss, for every NVDIMM region; 0 if not, or if there is
 * none; -1 with errno if that cannot be told. */
int pmem_has_auto_flush(void);

/* Whether the hardware has a drain instruction of its own: always 0. Call pmem_drain all the same. */
int pmem_has_hw_drain(void);

/* ---- copying ---- */

#define PMEM_F_MEM_NODRAIN (1U << 0)     /* flush, but do not wait: call pmem_drain */
#define PMEM_F_MEM_NONTEMPORAL (1U << 1) /* around the caches */
#define PMEM_F_MEM_TEMPORAL (1U << 2)    /* through the caches */
#define PMEM_F_MEM_WC (1U << 3)          /* write combining: as NONTEMPORAL */
#define PMEM_F_MEM_WB (1U << 4)          /* write back: as TEMPORAL */
#define PMEM_F_MEM_NOFLUSH (1U << 5)     /* do not flush either: an ordinary copy */

#define PMEM_F_MEM_VALID_FLAGS                                                                           \
    (PMEM_F_MEM_NODRAIN | PMEM_F_MEM_NONTEMPORAL | PMEM_F_MEM_TEMPORAL | PMEM_F_MEM_WC | PMEM_F_MEM_WB | \
     PMEM_F_MEM_NOFLUSH)

/* As memmove, memcpy and memset, and durable on return unless a flag says otherwise; at most one of NONTEMPORAL and
 * TEMPORAL, of WC and WB. Without them the size decides: what is faster on this CPU, or the bound in the environment
 * variable PMEM_MOVNT_THRESHOLD, in bytes, from which on copies go around the caches. If pmemdest and len are multiples
 * of 8, every store is of 8 bytes or more. Return pmemdest. */
void* pmem_memmove(void* pmemdest, const void* src, size_t len, unsigned flags);
void* pmem_memcpy(void* pmemdest, const void* src, size_t len, unsigned flags);
void* pmem_memset(void* pmemdest, int c, size_t len, unsigned flags);

/* The same with flags 0, */
void* pmem_memmove_persist(void* pmemdest, const void* src, size_t len);
void* pmem_memcpy_persist(void* pmemdest, const void* src, size_t len);
void* pmem_memset_persist(void* pmemdest, int c, size_t len);

/* and with PMEM_F_MEM_NODRAIN. Other threads may see the bytes only after pmem_drain. */
void* pmem_memmove_nodrain(void* pmemdest, const void* src, size_t len);
void* pmem_memcpy_nodrain(void* pmemdest, const void* src, size_t len);
void* pmem_memset_nodrain(void* pmemdest, int c, size_t len);

/* ---- the library ---- */

/* NULL when the library serves a program that was built against this version of the interface (same major,
 * minor not newer than the library's); else a sentence that says why not, which belongs to the library. */
const char* pmem_check_version(unsigned major_required, unsigned minor_required);

/* What went wrong last in the calling thread, in words; an empty string if nothing did. Belongs to the
 * library, and is good until the thread's next error. */
const char* pmem_errormsg(void);

/* ---- messages as they happen ---- */

/* How serious a message is, the most serious first. */
enum pmem_log_level {
    PMEM_LOG_LEVEL_HARK,    /* facts about the library; as a threshold: nothing else */
    PMEM_LOG_LEVEL_FATAL,   /* the library cannot go on */
    PMEM_LOG_LEVEL_ERROR,   /* a function failed: what pmem_errormsg says */
    PMEM_LOG_LEVEL_WARNING, /* something is not as it should be */
    PMEM_LOG_LEVEL_NOTICE,
    PMEM_LOG_LEVEL_INFO,
    PMEM_LOG_LEVEL_DEBUG
};

/* Two limits: a message that is less serious than PMEM_LOG_THRESHOLD goes nowhere (at first: than a warning);
 * one that is at least as serious as PMEM_LOG_THRESHOLD_AUX is also written to stderr by the library's own
 * function (at first: PMEM_LOG_LEVEL_HARK, so errors are not). A function of yours may use the second limit
 * for what it likes. */
enum pmem_log_threshold { PMEM_LOG_THRESHOLD, PMEM_LOG_THRESHOLD_AUX, PMEM_LOG_THRESHOLD_MAX };

/* Called in the thread that has the message, and often at the same time by several. The texts are good until it returns; it
 * may not call this library. */
typedef void pmem_log_function(enum pmem_log_level level, const char* file_name, unsigned line_no,
                               const char* function_name, const char* message);

#define PMEM_LOG_USE_DEFAULT_FUNCTION (NULL)

/* Sends messages to `log_function`, from now on; PMEM_LOG_USE_DEFAULT_FUNCTION brings the library's own back. Its first
 * message, of level HARK, names the library. Always returns 0. */
int pmem_log_set_function(pmem_log_function* log_function);

/* Sets or gets a limit. Return 0, or -1 with errno:
 *   EINVAL  there is no such threshold or level; `level` is NULL
 *   EAGAIN  another thread is setting the same limit: try again */
int pmem_log_set_threshold(enum pmem_log_threshold threshold, enum pmem_log_level level);
int pmem_log_get_threshold(enum pmem_log_threshold threshold, enum pmem_log_level* level);

#ifdef __cplusplus
}
#endif
#endif
