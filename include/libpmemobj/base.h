/*
 * The names of durable objects (PMEMoid), the way from a name to a pointer and back, and making stores
 * durable. Everything else of libpmemobj builds on this header; the structures here are stored in pools and
 * compiled into programs, so their sizes never change.
 */
#ifndef LIBPMEMOBJ_BASE_H
#define LIBPMEMOBJ_BASE_H 1

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A size that the binary interface depends on. C99 has no way to say it, so that there nothing is checked. */
#if defined(__cplusplus)
#define _POBJ_EXACT_SIZE(type, size) static_assert(sizeof(type) == (size), "libpmemobj: size of " #type)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define _POBJ_EXACT_SIZE(type, size) _Static_assert(sizeof(type) == (size), "libpmemobj: size of " #type)
#else
#define _POBJ_EXACT_SIZE(type, size) struct _pobj_sizes_are_checked_from_c11_on
#endif

/* An open pool. The handle is the address at which the pool begins: an object lies at handle + oid.off. */
typedef struct pmemobjpool PMEMobjpool;

/* The largest size that an allocation function is given by programs written for PMDK; Terrace's pools allow more. */
#define PMEMOBJ_MAX_ALLOC_SIZE ((size_t)0x3FFDFFFC0)

/* ---- flags ---- */

/* What functions with `uint64_t flags` accept; each function says which. */
#define POBJ_FLAG_ZERO (UINT64_C(1) << 0)               /* the new object is filled with zeroes */
#define POBJ_FLAG_NO_FLUSH (UINT64_C(1) << 1)           /* commit need not make this range durable */
#define POBJ_FLAG_NO_SNAPSHOT (UINT64_C(1) << 2)        /* an abort need not restore this range */
#define POBJ_FLAG_ASSUME_INITIALIZED (UINT64_C(1) << 3) /* for memory checkers; no effect */
#define POBJ_FLAG_TX_NO_ABORT (UINT64_C(1) << 4)        /* on failure return the error, do not abort */

/* Allocation class and arena, as part of the flags; 0 leaves the choice to the library. */
#define POBJ_CLASS_ID(id) (((uint64_t)(id)) << 48)
#define POBJ_ARENA_ID(id) (((uint64_t)(id)) << 32)

#define POBJ_XALLOC_CLASS_MASK (UINT64_C(0xFFFF) << 48)
#define POBJ_XALLOC_ARENA_MASK (UINT64_C(0xFFFF) << 32)
#define POBJ_XALLOC_ZERO POBJ_FLAG_ZERO
#define POBJ_XALLOC_NO_FLUSH POBJ_FLAG_NO_FLUSH
#define POBJ_XALLOC_NO_ABORT POBJ_FLAG_TX_NO_ABORT

/* What pmemobj_memcpy, pmemobj_memmove and pmemobj_memset accept as `unsigned flags`. Only NODRAIN and
 * NOFLUSH change what is durable on return; the others are advice about caches. */
#define PMEMOBJ_F_MEM_NODRAIN (1U << 0)     /* flushed but not waited for: call pmemobj_drain */
#define PMEMOBJ_F_MEM_NONTEMPORAL (1U << 1) /* copy around the caches */
#define PMEMOBJ_F_MEM_TEMPORAL (1U << 2)    /* copy through the caches */
#define PMEMOBJ_F_MEM_WC (1U << 3)          /* write combining */
#define PMEMOBJ_F_MEM_WB (1U << 4)          /* write back */
#define PMEMOBJ_F_MEM_NOFLUSH (1U << 5)     /* a plain copy: nothing is made durable */
#define PMEMOBJ_F_RELAXED (1U << 31)        /* the range need not reach the medium in 8-byte units */

/* ---- names and pointers ---- */

/* The durable name of an object: which pool, and where in it. It may be stored in a pool. off 0 names nothing. */
typedef struct pmemoid {
    uint64_t pool_uuid_lo;
    uint64_t off;
} PMEMoid;
_POBJ_EXACT_SIZE(PMEMoid, 16);

static const PMEMoid OID_NULL = {0, 0};
#define OID_IS_NULL(o) ((o).off == 0)
#define OID_EQUALS(lhs, rhs) ((lhs).off == (rhs).off && (lhs).pool_uuid_lo == (rhs).pool_uuid_lo)

/* The open pool that holds this address, or NULL. Cheap: no lock. */
PMEMobjpool* pmemobj_pool_by_ptr(const void* addr);

/* The open pool that this name belongs to, or NULL when it is OID_NULL or its pool is not open. */
PMEMobjpool* pmemobj_pool_by_oid(PMEMoid oid);

/* The last pool that this thread looked up, and how many times a pool has been closed in this process: with
 * both, pmemobj_direct is a compare and an addition. They are part of the binary interface; programs leave
 * them alone. */
struct _pobj_pcache {
    PMEMobjpool* pop;
    uint64_t uuid_lo;
    int invalidate;
};
_POBJ_EXACT_SIZE(struct _pobj_pcache, sizeof(void*) == 8 ? 24 : sizeof(struct _pobj_pcache));
extern int _pobj_cache_invalidate;
extern __thread struct _pobj_pcache _pobj_cached_pool;

static inline void* pmemobj_direct_inline(PMEMoid oid) {
    struct _pobj_pcache* const last = &_pobj_cached_pool;
    if (oid.off == 0 || oid.pool_uuid_lo == 0)
        return NULL;
    if (last->uuid_lo != oid.pool_uuid_lo || last->invalidate != _pobj_cache_invalidate) {
        last->invalidate = _pobj_cache_invalidate;
        last->pop = pmemobj_pool_by_oid(oid);
        last->uuid_lo = last->pop != NULL ? oid.pool_uuid_lo : 0;
        if (last->pop == NULL)
            return NULL;
    }
    return (void*)((uintptr_t)last->pop + oid.off);
}

/* The address of an object while its pool is open, or NULL. The pointer is good until pmemobj_close; a name
 * that is not OID_NULL is not checked beyond its pool. Define PMEMOBJ_DIRECT_NON_INLINE to call the library instead. */
#ifdef PMEMOBJ_DIRECT_NON_INLINE
void* pmemobj_direct(PMEMoid oid);
#else
#define pmemobj_direct pmemobj_direct_inline
#endif

/* The name of the object that begins at addr. An address within an open pool gives pool and offset, whether
 * an object begins there or not; any other address gives OID_NULL. */
PMEMoid pmemobj_oid(const void* addr);

/* How many bytes the object can hold: at least what was asked for. 0 for OID_NULL. */
size_t pmemobj_alloc_usable_size(PMEMoid oid);

/* The type number that the object was allocated with. oid must name an object. */
uint64_t pmemobj_type_num(PMEMoid oid);

/* A value in a pool that is initialised anew in each run of the program, on first use. */
struct pmemvlt {
    uint64_t runid;
};
_POBJ_EXACT_SIZE(struct pmemvlt, 8);

#define PMEMvlt(T)          \
    struct {                \
        struct pmemvlt vlt; \
        T value;            \
    }

/* Gives ptr, the value that vlt belongs to, after making sure that constr(ptr, arg) has run once since the pool
 * was opened: the first caller runs it, others wait. size is that of the value, in bytes. The value is not made
 * durable. NULL if the constructor returned something else than 0 (ECANCELED); the next caller tries again. */
void* pmemobj_volatile(PMEMobjpool* pop, struct pmemvlt* vlt, void* ptr, size_t size,
                       int (*constr)(void* ptr, void* arg), void* arg);

/* ---- making direct stores durable ---- */
/* For stores that are made outside of transactions. addr … addr+len must lie in pop; any alignment. Durable
 * means: there after power loss. Stores of aligned 8 bytes are never torn; larger ones may be, unless a
 * transaction makes them. On an ordinary file system each drain waits for the disk. */

/* Makes a range durable before it returns: flush, then drain. */
void pmemobj_persist(PMEMobjpool* pop, const void* addr, size_t len);

/* Begins to make a range durable; pmemobj_drain waits for all that the calling thread began. */
void pmemobj_flush(PMEMobjpool* pop, const void* addr, size_t len);
void pmemobj_drain(PMEMobjpool* pop);

/* The same with flags: PMEMOBJ_F_RELAXED or 0. Return 0, or -1 with errno: EINVAL for other flags or a range
 * outside of the pool, ENOMEM, and what writing to the medium says. */
int pmemobj_xpersist(PMEMobjpool* pop, const void* addr, size_t len, unsigned flags);
int pmemobj_xflush(PMEMobjpool* pop, const void* addr, size_t len, unsigned flags);

/* As memcpy, memmove and memset into pop, and durable on return unless a flag says otherwise
 * (PMEMOBJ_F_MEM_*). Return dest. */
void* pmemobj_memcpy(PMEMobjpool* pop, void* dest, const void* src, size_t len, unsigned flags);
void* pmemobj_memmove(PMEMobjpool* pop, void* dest, const void* src, size_t len, unsigned flags);
void* pmemobj_memset(PMEMobjpool* pop, void* dest, int c, size_t len, unsigned flags);

/* The same with flags 0. */
void* pmemobj_memcpy_persist(PMEMobjpool* pop, void* dest, const void* src, size_t len);
void* pmemobj_memset_persist(PMEMobjpool* pop, void* dest, int c, size_t len);

/* ---- the library ---- */

/* The version of this interface, not of Terrace. */
#define PMEMOBJ_MAJOR_VERSION 2
#define PMEMOBJ_MINOR_VERSION 4

/* NULL when the library serves a program that was built against this version of the interface (same major,
 * minor not newer than the library's); else a sentence that says why not, which belongs to the library. */
const char* pmemobj_check_version(unsigned major_required, unsigned minor_required);

/* For programs written for PMDK, whose library allocates with these functions. This one asks the kernel for memory
 * and calls none of them. */
void pmemobj_set_funcs(void* (*malloc_func)(size_t size), void (*free_func)(void* ptr),
                       void* (*realloc_func)(void* ptr, size_t size), char* (*strdup_func)(const char* s));

/* What went wrong last in the calling thread, in words; an empty string if nothing did. Belongs to the
 * library, and is good until the thread's next error. */
const char* pmemobj_errormsg(void);

/* Initialises a new object before it becomes visible: ptr is its memory, arg the caller's. The constructor
 * makes its stores durable itself (pmemobj_persist, pmemobj_memcpy_persist). Returns 0, or anything else to
 * give the object up: the allocation then fails with ECANCELED. */
typedef int (*pmemobj_constr)(PMEMobjpool* pop, void* ptr, void* arg);

#ifdef __cplusplus
}
#endif
#endif
