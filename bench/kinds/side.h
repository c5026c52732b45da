/* The three sides of a comparison are one source. Here is all that differs between them: where a heap comes
 * from, and how it is called. BENCH_SIDE_TERRACE and BENCH_SIDE_PEER speak memkind's interface;
 * BENCH_SIDE_JEMALLOC is plain malloc with Debian's libjemalloc.so.2 behind it, the same heap whichever kind
 * is asked for. */
#ifndef BENCH_KINDS_SIDE_H
#define BENCH_KINDS_SIDE_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(BENCH_SIDE_JEMALLOC)

typedef const char* heap_t;

static inline void* heap_malloc(heap_t heap, size_t size) {
    (void)heap;
    return malloc(size);
}

static inline void heap_free(heap_t heap, void* memory) {
    (void)heap;
    free(memory);
}

/* Every kind of the other sides is compared with the one heap that jemalloc has. */
static inline int heap_open(const char* name, const char* memory_dir, const char* disk_dir, heap_t* heap) {
    (void)memory_dir;
    (void)disk_dir;
    *heap = name;
    return 1;
}

static inline void heap_close(heap_t heap) {
    (void)heap;
}

#else

#include <memkind.h>
#include <sys/mman.h>

typedef memkind_t heap_t;

static inline void* heap_malloc(heap_t heap, size_t size) {
    return memkind_malloc(heap, size);
}

static inline void heap_free(heap_t heap, void* memory) {
    memkind_free(heap, memory);
}

enum { FIXED_BYTES = 1 << 30 };

/* A new heap of that name, or the only one; 0 where this machine has none. */
static inline int heap_open(const char* name, const char* memory_dir, const char* disk_dir, heap_t* heap) {
    if (strcmp(name, "default") == 0) {
        *heap = MEMKIND_DEFAULT;
    } else if (strcmp(name, "regular") == 0) {
        *heap = MEMKIND_REGULAR;
    } else if (strcmp(name, "hbw") == 0) {
        *heap = MEMKIND_HBW;
    } else if (strcmp(name, "file_memory") == 0) {
        return memkind_create_pmem(memory_dir, 0, heap) == MEMKIND_SUCCESS;
    } else if (strcmp(name, "file_disk") == 0) {
        return memkind_create_pmem(disk_dir, 0, heap) == MEMKIND_SUCCESS;
    } else if (strcmp(name, "fixed") == 0) {
        static void* buffer; /* one at a time: what the one before left in it is gone */
        if (buffer != NULL)
            munmap(buffer, FIXED_BYTES);
        buffer = mmap(NULL, FIXED_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                      -1, 0);
        return buffer != MAP_FAILED && memkind_create_fixed(buffer, FIXED_BYTES, heap) == MEMKIND_SUCCESS;
    } else {
        fprintf(stderr, "there is no kind of the name %s\n", name);
        exit(2);
    }
    return memkind_check_available(*heap) == MEMKIND_SUCCESS;
}

/* Its blocks are gone; static kinds stay. */
static inline void heap_close(heap_t heap) {
    memkind_destroy_kind(heap);
}

#endif

/* Every machine has node 0: called "high-bandwidth" here, so that the HBW kinds can be measured anywhere.
 * Call it first. */
static inline void name_an_hbw_node(void) {
    setenv("MEMKIND_HBW_NODES", "0", 0);
}

#endif
