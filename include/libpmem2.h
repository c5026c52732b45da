/*
 * libpmem2: mapping files and devices of durable memory at a known granularity, and making stores durable.
 * Programs written for PMDK's libpmem2 compile and run unchanged.
 *
 * A source says what is mapped, a config how, a map is the result. The program states the coarsest
 * granularity that it can work with; a map that would need a coarser one is refused, and the map tells
 * which one it has:
 *
 *     pmem2_config_new(&config);
 *     pmem2_config_set_required_store_granularity(config, PMEM2_GRANULARITY_PAGE);
 *     pmem2_source_from_fd(&source, fd);
 *     pmem2_map_new(&map, config, source);
 *     pmem2_config_delete(&config);
 *     pmem2_source_delete(&source);
 *     pmem2_get_memcpy_fn(map)(pmem2_map_get_address(map), text, length, 0);
 *     pmem2_map_delete(&map);
 *
 * Results. Functions that return int return 0, or a negative number: one of PMEM2_E_*, or a negated errno
 * value. Each failure leaves a message that names the argument and its value (pmem2_errormsg), and changes
 * nothing, unless it says otherwise. A NULL where an object or a place for a result is needed is -EINVAL;
 * every function that fails for want of memory returns -ENOMEM. Not repeated below.
 *
 * Ownership. What a ..._new or ..._from_... function makes belongs to the program, which gives it back with
 * the ..._delete function of its kind; that sets the program's pointer to NULL, and is no operation on a
 * pointer to NULL except where it says so. A config and a source may be deleted, and a file closed, as soon
 * as the map is made.
 *
 * Threads. Every function may be called from any thread. Objects have no lock of their own: one source or
 * config must not be changed in one thread and used in another at the same time. Making, finding and
 * deleting maps and reservations takes one lock of the process; the functions that a map hands out take
 * none.
 *
 * SIGBUS (docs/sigbus.md). Touching a mapped page that is not there any more is a SIGBUS of the kernel's,
 * and no library can make it an error: when somebody shortened the file, when a sparse file's disk is full,
 * when the medium has a bad block. A program that must survive this installs a handler with SA_SIGINFO,
 * compares si_addr with its maps, and leaves the access with siglongjmp; or it reads with
 * pmem2_source_pread_mcsafe, which returns an error instead.
 */
#ifndef LIBPMEM2_H
#define LIBPMEM2_H 1

#ifdef PMEM2_USE_MINIASYNC
#error "libpmem2's asynchronous functions are not offered here; PMDK removed them in version 2.0"
#endif

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- errors ---- */

#define PMEM2_E_UNKNOWN (-100000)                   /* something that has no number of its own */
#define PMEM2_E_NOSUPP (-100001)                    /* not for this kind of source, or not on this system */
#define PMEM2_E_FILE_HANDLE_NOT_SET (-100003)       /* (not used) */
#define PMEM2_E_INVALID_FILE_HANDLE (-100004)       /* no open file, or one that cannot be read */
#define PMEM2_E_INVALID_FILE_TYPE (-100005)         /* neither a regular file nor a device DAX */
#define PMEM2_E_MAP_RANGE (-100006)                 /* offset and length reach past the end of the source */
#define PMEM2_E_MAPPING_EXISTS (-100007)            /* something is mapped at those addresses */
#define PMEM2_E_GRANULARITY_NOT_SET (-100008)       /* the config states no required granularity */
#define PMEM2_E_GRANULARITY_NOT_SUPPORTED (-100009) /* the medium needs a coarser one */
#define PMEM2_E_OFFSET_OUT_OF_RANGE (-100010) /* an offset above INT64_MAX, or outside of the reservation */
#define PMEM2_E_OFFSET_UNALIGNED (-100011)    /* an offset that is no multiple of the alignment */
#define PMEM2_E_INVALID_ALIGNMENT_FORMAT (-100012) /* the kernel's alignment of a device is not a number */
#define PMEM2_E_INVALID_ALIGNMENT_VALUE (-100013)  /* ... or not a power of two */
#define PMEM2_E_INVALID_SIZE_FORMAT (-100014)      /* the kernel's size of a device is not a number */
#define PMEM2_E_LENGTH_UNALIGNED (-100015)         /* a length that is no multiple of the alignment */
#define PMEM2_E_MAPPING_NOT_FOUND (-100016)        /* no such map */
#define PMEM2_E_BUFFER_TOO_SMALL (-100017)         /* the identifier needs a longer buffer */
#define PMEM2_E_SOURCE_EMPTY (-100018)             /* the source has no bytes to map */
#define PMEM2_E_INVALID_SHARING_VALUE (-100019)    /* neither PMEM2_SHARED nor PMEM2_PRIVATE */
#define PMEM2_E_SRC_DEVDAX_PRIVATE (-100020)       /* a device DAX cannot be mapped private */
#define PMEM2_E_INVALID_ADDRESS_REQUEST_TYPE (-100021) /* (not used) */
#define PMEM2_E_ADDRESS_UNALIGNED (-100022)            /* an address that is no multiple of the alignment */
#define PMEM2_E_ADDRESS_NULL (-100023)                 /* (not used) */
#define PMEM2_E_DEEP_FLUSH_RANGE (-100024)             /* the range is not inside the map */
#define PMEM2_E_INVALID_REGION_FORMAT (-100025)        /* (not used) */
#define PMEM2_E_DAX_REGION_NOT_FOUND (-100026)         /* the source lies on no NVDIMM region */
#define PMEM2_E_INVALID_DEV_FORMAT (-100027)           /* (not used) */
#define PMEM2_E_CANNOT_READ_BOUNDS (-100028)           /* where in its region a device lies is not known */
#define PMEM2_E_NO_BAD_BLOCK_FOUND (-100029)           /* that was the last one */
#define PMEM2_E_LENGTH_OUT_OF_RANGE (-100030)          /* a length that does not fit */
#define PMEM2_E_INVALID_PROT_FLAG (-100031)            /* a bit that is none of PMEM2_PROT_* */
#define PMEM2_E_NO_ACCESS (-100032) /* shared, writable, and the file is open for reading only */
#define PMEM2_E_VM_RESERVATION_NOT_EMPTY (-100033)  /* there are maps in the reservation */
#define PMEM2_E_MAP_EXISTS (-100034)                /* libpmem2 knows a map of these addresses already */
#define PMEM2_E_FILE_DESCRIPTOR_NOT_SET (-100035)   /* a source without a file */
#define PMEM2_E_SOURCE_TYPE_NOT_SUPPORTED (-100036) /* a source that cannot be read or written */
#define PMEM2_E_IO_FAIL (-100037)                   /* the medium failed: a bad block */

/* What went wrong last in the calling thread, in words; an empty string if nothing did. Belongs to the
 * library, and is good until the thread's next error. */
const char* pmem2_errormsg(void);

/* Prints a line on stderr: format and its arguments as printf does, ": ", and pmem2_errormsg(). */
void pmem2_perror(const char* format, ...) __attribute__((__format__(__printf__, 1, 2)));

/* The errno value for a result of these functions: 0 for 0, ENOTSUP for PMEM2_E_NOSUPP, EINVAL for every
 * other PMEM2_E_*, and the errno value itself for a negated one. PMDK declares this function and does not
 * have it. */
int pmem2_err_to_errno(int err);

/* ---- sources: what is mapped ---- */

struct pmem2_source;

/*
 * A regular file or a device DAX (/dev/dax0.0).
 *   fd   open for reading, or for reading and writing; stays the program's and must stay open as long as the source is used
 * Errors: PMEM2_E_INVALID_FILE_HANDLE (not open, or open for writing only), PMEM2_E_INVALID_FILE_TYPE (a
 * directory, a pipe, a block device, another character device), and then *src is NULL; a negated errno
 * value of fstat(2). Costs two to four system calls.
 */
int pmem2_source_from_fd(struct pmem2_source** src, int fd);

/* Memory without a file, zeroed, of size bytes; the memory is taken when it is mapped. What is stored there
 * does not outlive the map, so its granularity is PMEM2_GRANULARITY_BYTE. The offset of a config is checked
 * and then ignored. */
int pmem2_source_from_anon(struct pmem2_source** src, size_t size);

/* Always 0. Maps of the source stay. */
int pmem2_source_delete(struct pmem2_source** src);

/* Stores the file of the source. PMEM2_E_FILE_DESCRIPTOR_NOT_SET for anonymous memory. */
int pmem2_source_get_fd(const struct pmem2_source* src, int* fd);

/* Stores the bytes of the source: of a file as it is now. PMEM2_E_INVALID_SIZE_FORMAT, a negated errno
 * value of fstat(2), or of open(2) and read(2) of the kernel's description of a device. */
int pmem2_source_size(const struct pmem2_source* src, size_t* size);

/* Stores, in bytes, what the offset and the length of a map must be multiples of: the page size, or what a
 * device DAX was made with. PMEM2_E_INVALID_ALIGNMENT_FORMAT, PMEM2_E_INVALID_ALIGNMENT_VALUE, a negated
 * errno value. */
int pmem2_source_alignment(const struct pmem2_source* src, size_t* alignment);

/*
 * Read from, or write to, the source with errors where a map would give SIGBUS.
 *   buf      size bytes of the program's
 *   size     bytes
 *   offset   bytes from the beginning of the source; offset + size must not exceed pmem2_source_size
 * Errors: PMEM2_E_LENGTH_OUT_OF_RANGE, PMEM2_E_SOURCE_TYPE_NOT_SUPPORTED (anonymous memory),
 * PMEM2_E_IO_FAIL (a bad block; some bytes may have been copied), a negated errno value of pread(2),
 * pwrite(2) or mmap(2) (-EBADF: the file is open for reading only). A file is read with pread(2). A device
 * DAX, which has no read(2), is mapped, and SIGBUS is caught meanwhile: a SIGBUS of another thread goes to
 * the handler that the program has installed. A write is durable when it returns on a device DAX, and after
 * fsync(2) on a file.
 */
int pmem2_source_pread_mcsafe(struct pmem2_source* src, void* buf, size_t size, size_t offset);
int pmem2_source_pwrite_mcsafe(struct pmem2_source* src, void* buf, size_t size, size_t offset);

/* ---- the device below a source ---- */
/* All of it is read from /sys/bus/nd; no other library and no privilege is needed. The device is found for
 * a device DAX and for a file whose file system lies on a persistent-memory block device or a partition of
 * one. */

/*
 * The identifiers of the NVDIMMs that the source lies on, one after the other.
 *   id    NULL to ask for the length; else where to store them, terminated
 *   len   in: bytes at id; out, when id is NULL: bytes needed, with the terminator
 * Errors: PMEM2_E_BUFFER_TOO_SMALL, PMEM2_E_NOSUPP (anonymous memory, no NVDIMM, an NVDIMM without an
 * identifier).
 */
int pmem2_source_device_id(const struct pmem2_source* src, char* id, size_t* len);

/* Stores how often the NVDIMMs of the source lost power without saving what they held: the sum of their
 * unsafe shutdown counts. A program that keeps count and identifier with its data sees that the data may be
 * damaged. PMEM2_E_NOSUPP. */
int pmem2_source_device_usc(const struct pmem2_source* src, uint64_t* usc);

/* Stores the NUMA node that the source's memory is near to. PMEM2_E_NOSUPP (anonymous memory),
 * PMEM2_E_DAX_REGION_NOT_FOUND. */
int pmem2_source_numa_node(const struct pmem2_source* src, int* numa_node);

/* Bytes of a source that the medium has lost. Reading them from a map raises SIGBUS. */
struct pmem2_badblock {
    size_t offset; /* bytes from the beginning of the source */
    size_t length; /* bytes; for a file whole blocks of its file system */
};

struct pmem2_badblock_context;

/*
 * Asks the kernel for the bad blocks of a source, as they are now. Errors: PMEM2_E_NOSUPP (anonymous
 * memory), PMEM2_E_DAX_REGION_NOT_FOUND and PMEM2_E_CANNOT_READ_BOUNDS (a device DAX), a negated errno
 * value of reading them or of asking for the file's extents; then *bbctx is NULL. A file on a device that
 * has no bad blocks, or keeps no list of them, has none. The source must outlive the context.
 */
int pmem2_badblock_context_new(struct pmem2_badblock_context** bbctx, const struct pmem2_source* src);

/* Stores the next bad block, in the order of offsets. PMEM2_E_NO_BAD_BLOCK_FOUND after the last one. */
int pmem2_badblock_next(struct pmem2_badblock_context* bbctx, struct pmem2_badblock* bb);

/*
 * Puts good, zeroed memory in the place of a bad block; what was there is lost. On a file its blocks are
 * freed and allocated anew; on a device DAX the kernel is asked to clear the error, which needs the right
 * to use /dev/ndctl0. Errors: PMEM2_E_OFFSET_OUT_OF_RANGE and PMEM2_E_LENGTH_OUT_OF_RANGE (above INT64_MAX,
 * or not inside the source), -ENXIO (not all of it could be cleared), a negated errno value of
 * fallocate(2), open(2) or ioctl(2).
 */
int pmem2_badblock_clear(struct pmem2_badblock_context* bbctx, const struct pmem2_badblock* bb);

void pmem2_badblock_context_delete(struct pmem2_badblock_context** bbctx);

/* ---- reservations: addresses for maps ---- */

struct pmem2_map;
struct pmem2_vm_reservation;

/*
 * Sets addresses aside, without memory, so that several maps can lie next to each other.
 *   addr   NULL: anywhere (at a multiple of 2 MiB if it is as large as that); else exactly there
 *   size   bytes, a multiple of the page size, not 0
 * Errors: PMEM2_E_ADDRESS_UNALIGNED, PMEM2_E_LENGTH_UNALIGNED, PMEM2_E_MAPPING_EXISTS (something is there),
 * -EINVAL (0 bytes), -ENOMEM.
 */
int pmem2_vm_reservation_new(struct pmem2_vm_reservation** rsv_ptr, void* addr, size_t size);

/* Gives the addresses back. PMEM2_E_VM_RESERVATION_NOT_EMPTY while there are maps. */
int pmem2_vm_reservation_delete(struct pmem2_vm_reservation** rsv_ptr);

void* pmem2_vm_reservation_get_address(struct pmem2_vm_reservation* rsv);
size_t pmem2_vm_reservation_get_size(struct pmem2_vm_reservation* rsv);

/* Adds size bytes behind the reservation; maps stay. PMEM2_E_LENGTH_UNALIGNED, PMEM2_E_MAPPING_EXISTS
 * (something is behind), -ENOMEM. */
int pmem2_vm_reservation_extend(struct pmem2_vm_reservation* rsv, size_t size);

/* Gives back size bytes at the beginning or at the end. Offsets of maps count from the new beginning.
 * PMEM2_E_OFFSET_UNALIGNED, PMEM2_E_LENGTH_UNALIGNED, PMEM2_E_OFFSET_OUT_OF_RANGE,
 * PMEM2_E_LENGTH_OUT_OF_RANGE, PMEM2_E_NOSUPP (in the middle, or all of it),
 * PMEM2_E_VM_RESERVATION_NOT_EMPTY (a map is there). */
int pmem2_vm_reservation_shrink(struct pmem2_vm_reservation* rsv, size_t offset, size_t size);

/* Store a map of the reservation: the lowest that has a byte in len bytes (0: one) from reserv_offset on;
 * the one before map; the one after it; the first; the last. PMEM2_E_MAPPING_NOT_FOUND: there is none, and
 * NULL is stored. They walk the list of maps. */
int pmem2_vm_reservation_map_find(struct pmem2_vm_reservation* rsv, size_t reserv_offset, size_t len,
                                  struct pmem2_map** map);
int pmem2_vm_reservation_map_find_prev(struct pmem2_vm_reservation* rsv, struct pmem2_map* map,
                                       struct pmem2_map** prev_map);
int pmem2_vm_reservation_map_find_next(struct pmem2_vm_reservation* rsv, struct pmem2_map* map,
                                       struct pmem2_map** next_map);
int pmem2_vm_reservation_map_find_first(struct pmem2_vm_reservation* rsv, struct pmem2_map** map);
int pmem2_vm_reservation_map_find_last(struct pmem2_vm_reservation* rsv, struct pmem2_map** map);

/* ---- configs: how it is mapped ---- */

struct pmem2_config;

int pmem2_config_new(struct pmem2_config** cfg);

/* Always 0. */
int pmem2_config_delete(struct pmem2_config** cfg);

/* What a store needs to be durable, from the finest to the coarsest. */
enum pmem2_granularity {
    PMEM2_GRANULARITY_BYTE, /* nothing but order: the platform saves its caches, or nobody else sees the memory */
    PMEM2_GRANULARITY_CACHE_LINE, /* its cache lines are written back */
    PMEM2_GRANULARITY_PAGE,       /* its pages are written back, with msync(2) */
};

/* The coarsest granularity that the program can work with. Must be set. PMEM2_E_GRANULARITY_NOT_SUPPORTED:
 * no such value. */
int pmem2_config_set_required_store_granularity(struct pmem2_config* cfg, enum pmem2_granularity g);

/* Where in the source the map begins, in bytes; 0 unless set. PMEM2_E_OFFSET_OUT_OF_RANGE: above INT64_MAX.
 * */
int pmem2_config_set_offset(struct pmem2_config* cfg, size_t offset);

/* The bytes to map; 0, as long as it is not set, means up to the end of the source. Always 0. */
int pmem2_config_set_length(struct pmem2_config* cfg, size_t length);

enum pmem2_sharing_type {
    PMEM2_SHARED,  /* stores reach the source and every other shared map of it; unless set */
    PMEM2_PRIVATE, /* stores are seen through this map only and end with it */
};

/* PMEM2_E_INVALID_SHARING_VALUE: no such value. */
int pmem2_config_set_sharing(struct pmem2_config* cfg, enum pmem2_sharing_type type);

#define PMEM2_PROT_EXEC (1U << 29)
#define PMEM2_PROT_READ (1U << 30)
#define PMEM2_PROT_WRITE (1U << 31)
#define PMEM2_PROT_NONE 0

/* What may be done with the pages: PMEM2_PROT_READ | PMEM2_PROT_WRITE unless set. PMEM2_E_INVALID_PROT_FLAG. */
int pmem2_config_set_protection(struct pmem2_config* cfg, unsigned prot);

/* Maps at offset bytes into a reservation, which must stay until the map is made; rsv NULL: anywhere again.
 * Always 0. */
int pmem2_config_set_vm_reservation(struct pmem2_config* cfg, struct pmem2_vm_reservation* rsv,
                                    size_t offset);

/* ---- maps ---- */

/*
 * Maps a source. The address is a multiple of 2 MiB if the map is as large as that (1 GiB likewise). Of
 * several faults the first of this list is returned, and *map_ptr is NULL:
 *   PMEM2_E_GRANULARITY_NOT_SET        the config states none
 *   PMEM2_E_OFFSET_UNALIGNED           no multiple of pmem2_source_alignment; the offset into a reservation likewise, of a page
 *   PMEM2_E_SOURCE_EMPTY               the source has 0 bytes
 *   PMEM2_E_LENGTH_UNALIGNED           a length was set that is no multiple of pmem2_source_alignment
 *   PMEM2_E_MAP_RANGE                  offset and length reach past the end of the source, or nothing is left to map
 *   PMEM2_E_SRC_DEVDAX_PRIVATE         PMEM2_PRIVATE of a device DAX
 *   PMEM2_E_NO_ACCESS                  PMEM2_SHARED, PMEM2_PROT_WRITE, and the file is open for reading only
 *   PMEM2_E_LENGTH_OUT_OF_RANGE        the map does not fit into the reservation at that offset
 *   PMEM2_E_ADDRESS_UNALIGNED          a device DAX at an address of the reservation that is no multiple of its alignment
 *   PMEM2_E_MAPPING_EXISTS             another map is there in the reservation
 *   -EACCES, -EPERM, -ENOMEM ...       mmap(2)
 *   PMEM2_E_MAP_EXISTS                 at the address that the kernel gave is a map that the program unmapped itself
 *   PMEM2_E_GRANULARITY_NOT_SUPPORTED  the medium needs a coarser granularity than required
 * The granularity: a device DAX, and a file that can be mapped with MAP_SYNC, PMEM2_GRANULARITY_CACHE_LINE,
 * or PMEM2_GRANULARITY_BYTE where the platform saves its caches on power loss; private maps and anonymous
 * memory PMEM2_GRANULARITY_BYTE; every other file PMEM2_GRANULARITY_PAGE. The environment variable
 * PMEM2_FORCE_GRANULARITY=BYTE, CACHE_LINE (or CACHELINE) or PAGE, in any case of letters, is believed
 * instead for shared maps of files; it is read at each call. For tests.
 */
int pmem2_map_new(struct pmem2_map** map_ptr, const struct pmem2_config* cfg, const struct pmem2_source* src);

/*
 * A map of something that the program has mapped itself, and unmaps itself after pmem2_map_delete.
 *   src         what is mapped there
 *   addr, len   where; any alignment
 *   gran        the granularity, which is believed
 * Errors: PMEM2_E_MAP_EXISTS (libpmem2 has a map there), PMEM2_E_GRANULARITY_NOT_SUPPORTED (no such value),
 * -EINVAL (no bytes, or past the end of the address space).
 */
int pmem2_map_from_existing(struct pmem2_map** map, const struct pmem2_source* src, void* addr, size_t len,
                            enum pmem2_granularity gran);

/* Ends a map; makes nothing durable. In a reservation its addresses stay reserved.
 * PMEM2_E_MAPPING_NOT_FOUND: *map_ptr is no map, or NULL. -EINVAL of munmap(2). */
int pmem2_map_delete(struct pmem2_map** map_ptr);

/* The first address, the bytes (of a file up to its end, not rounded up to pages), and what a store needs.
 * Cost a load. */
void* pmem2_map_get_address(struct pmem2_map* map);
size_t pmem2_map_get_size(struct pmem2_map* map);
enum pmem2_granularity pmem2_map_get_store_granularity(struct pmem2_map* map);

/* ---- making stores durable ---- */
/* The functions of a map depend on its granularity only, are never NULL, and may be kept. Ranges have any
 * alignment and length and may cross maps of the same granularity that lie next to each other. Stores may
 * become durable earlier than asked, in any order up to the next drain; aligned 8 bytes are never torn. At
 * page granularity an error of the medium stops the process with a message: there is no result to tell it
 * by, and going on would lose what was stored. */

/* Makes a range durable before it returns: flush, then drain. */
typedef void (*pmem2_persist_fn)(const void* ptr, size_t size);

/* Begins to make a range durable. An instruction per cache line; at page granularity msync(2). */
typedef void (*pmem2_flush_fn)(const void* ptr, size_t size);

/* Waits until all that the calling thread flushed is durable. */
typedef void (*pmem2_drain_fn)(void);

pmem2_persist_fn pmem2_get_persist_fn(struct pmem2_map* map);
pmem2_flush_fn pmem2_get_flush_fn(struct pmem2_map* map);
pmem2_drain_fn pmem2_get_drain_fn(struct pmem2_map* map);

#define PMEM2_F_MEM_NODRAIN (1U << 0)     /* flush, but do not wait: call drain */
#define PMEM2_F_MEM_NONTEMPORAL (1U << 1) /* around the caches */
#define PMEM2_F_MEM_TEMPORAL (1U << 2)    /* through the caches */
#define PMEM2_F_MEM_WC (1U << 3)          /* write combining: as NONTEMPORAL */
#define PMEM2_F_MEM_WB (1U << 4)          /* write back: as TEMPORAL */
#define PMEM2_F_MEM_NOFLUSH (1U << 5)     /* do not flush either: an ordinary copy */

#define PMEM2_F_MEM_VALID_FLAGS                                                              \
    (PMEM2_F_MEM_NODRAIN | PMEM2_F_MEM_NONTEMPORAL | PMEM2_F_MEM_TEMPORAL | PMEM2_F_MEM_WC | \
     PMEM2_F_MEM_WB | PMEM2_F_MEM_NOFLUSH)

/* As memmove, memcpy and memset, and durable on return unless a flag says otherwise; at most one of
 * NONTEMPORAL and TEMPORAL, of WC and WB. Without them the size decides. If pmemdest and len are multiples
 * of 8, every store is of 8 bytes or more. Return pmemdest. */
typedef void* (*pmem2_memmove_fn)(void* pmemdest, const void* src, size_t len, unsigned flags);
typedef void* (*pmem2_memcpy_fn)(void* pmemdest, const void* src, size_t len, unsigned flags);
typedef void* (*pmem2_memset_fn)(void* pmemdest, int c, size_t len, unsigned flags);

pmem2_memmove_fn pmem2_get_memmove_fn(struct pmem2_map* map);
pmem2_memcpy_fn pmem2_get_memcpy_fn(struct pmem2_map* map);
pmem2_memset_fn pmem2_get_memset_fn(struct pmem2_map* map);

/*
 * Makes a range of a map durable in the most reliable place that software can reach: cache lines are
 * written back even where the platform would save them, the memory controller's queue is flushed, files are
 * synced. Rarely needed, and slow. Errors: PMEM2_E_DEEP_FLUSH_RANGE (not inside the map), PMEM2_E_NOSUPP
 * (anonymous memory), a negated errno value of msync(2) or of the kernel's deep_flush. Where the kernel has
 * no deep_flush, or keeps it for root, the write-back is all.
 */
int pmem2_deep_flush(struct pmem2_map* map, void* ptr, size_t size);

#ifdef __cplusplus
}
#endif
#endif
