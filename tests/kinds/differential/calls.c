/* calls.c SEED DIRECTORY: calls every function of memkind 1.14, in an order that SEED decides, and writes one line for each
 * call: what it was asked and what it answered. The same program runs with two libraries, and the lines must be the same.
 * What memkind crashes on, or is documented to do worse, is left out or written in a form that is the same for both; what the
 * library may never do goes to stderr as a line with "FAULT".
 *
 * Each part is a process of its own, so a crash ends a part and is a line. */
/* memkind_get_kind_by_partition() is deprecated, and called here nevertheless. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#include <errno.h>
#include <hbwmalloc.h>
#include <memkind.h>
#include <memkind_memtier.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kStaticKinds = 26, kFile = kStaticKinds, kBuffer, kKinds, kBlocks = 96, kRounds = 6000 };

static memkind_t kinds[kKinds];
static const char* directory;
static uint64_t state;

static unsigned random_below(unsigned bound) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 32) % bound;
}

#define FAULT(...) \
    (fprintf(stderr, "FAULT line %d: ", __LINE__), fprintf(stderr, __VA_ARGS__), fputc('\n', stderr))

/* The kinds that are unlike others in what memkind does with them. */
enum { kDefault = 0, kRegular, kInterleave };

static void find_kinds(void) {
    memkind_t const all[kStaticKinds] = {MEMKIND_DEFAULT,
                                         MEMKIND_REGULAR,
                                         MEMKIND_INTERLEAVE,
                                         MEMKIND_HUGETLB,
                                         MEMKIND_HBW,
                                         MEMKIND_HBW_ALL,
                                         MEMKIND_HBW_PREFERRED,
                                         MEMKIND_HBW_INTERLEAVE,
                                         MEMKIND_HBW_HUGETLB,
                                         MEMKIND_HBW_ALL_HUGETLB,
                                         MEMKIND_HBW_PREFERRED_HUGETLB,
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
                                         MEMKIND_HIGHEST_BANDWIDTH_LOCAL_PREFERRED,
                                         MEMKIND_GBTLB,
                                         MEMKIND_HBW_GBTLB,
                                         MEMKIND_HBW_PREFERRED_GBTLB};
    memcpy(kinds, all, sizeof all);
}

static int number_of(memkind_t kind) {
    if (kind == NULL)
        return -1;
    for (int i = 0; i < kKinds; ++i)
        if (kinds[i] == kind)
            return i;
    return -2;
}

/* ---- The heap ---- */

struct block {
    unsigned char* start;
    size_t size;
    int kind;
    unsigned char fill;
};
static struct block blocks[kBlocks];

static size_t random_size(void) {
    static const size_t edges[] = {0,    1,    7,     8,     9,     16,    17,     512,     1024,   4096,
                                   5120, 8192, 16384, 32768, 65536, 65537, 131072, 1000000, 2097152};
    switch (random_below(8)) {
        case 0:
            return edges[random_below(sizeof edges / sizeof *edges)];
        case 1:
            return random_below(200000);
        case 2:
            return random_below(16384);
        default:
            return random_below(1200);
    }
}

static size_t impossible_size(void) {
    static const size_t sizes[] = {SIZE_MAX,         SIZE_MAX - 1, SIZE_MAX - 4096,
                                   SIZE_MAX / 2 + 1, SIZE_MAX / 2, (size_t)1 << 62};
    return sizes[random_below(sizeof sizes / sizeof *sizes)];
}

static void expect_contents(const struct block* block, size_t size) {
    for (size_t i = 0; i < size; ++i)
        if (block->start[i] != block->fill) {
            FAULT("kind %d: byte %zu of %zu is lost", block->kind, i, block->size);
            return;
        }
}

/* How many bytes a block may take: a class is at most a quarter larger than the one before, blocks that are aligned to more
 * than a page have 16 KiB or more. */
static size_t most_usable(size_t size, size_t alignment) {
    const size_t whole = (size + alignment - 1) / alignment * alignment;
    if (alignment > 4096 && whole < 16384)
        return 16384;
    return whole <= 16 ? 16 : whole + whole / 4 + (whole >= 16384 ? 8192 : 16);
}

/* A block of the requested size came back: is it sound? */
static void take(struct block* block, void* start, size_t size, int kind, size_t alignment) {
    const size_t usable = memkind_malloc_usable_size(random_below(2) ? kinds[kind] : NULL, start);
    if (usable < size)
        FAULT("kind %d: %zu bytes asked, %zu usable", kind, size, usable);
    if (usable > most_usable(size, alignment))
        FAULT("kind %d: %zu bytes asked, %zu used up", kind, size, usable);
    /* Sizes that memkind's own tests count on. */
    if ((size == 512 || size == 1024 || size == 4096 || size == 5120) && alignment <= 16)
        printf(" usable %zu", usable);
    const size_t natural = size <= 8 ? 8 : 16;
    if ((uintptr_t)start % (alignment > natural ? alignment : natural) != 0)
        FAULT("kind %d: %zu bytes at %p", kind, size, start);
    if (memkind_detect_kind(start) != kinds[kind])
        FAULT("kind %d: its block belongs to %d", kind, number_of(memkind_detect_kind(start)));
    for (const struct block* each = blocks; each < blocks + kBlocks; ++each)
        if (each != block && each->start != NULL && (unsigned char*)start < each->start + each->size &&
            each->start < (unsigned char*)start + usable)
            FAULT("kind %d: two live blocks overlap", kind);
    *block = (struct block){start, size, kind, (unsigned char)random_below(256)};
    memset(start, block->fill, usable);
}

static void drop(struct block* block) {
    expect_contents(block, block->size);
    errno = 77;
    /* Not with a wrong kind: memkind then gives the block to that kind. */
    memkind_free(random_below(3) ? kinds[block->kind] : NULL, block->start);
    if (errno != 77) /* memkind changes it now and then */
        FAULT("kind %d: free sets errno to %d", block->kind, errno);
    puts("free");
    block->start = NULL;
}

static void print_pointer(const char* call, int kind, size_t a, size_t b, const void* result) {
    /* memkind's errno after a success may be anything. */
    printf("%s kind %d %zu %zu: %s errno %d", call, kind, a, b, result ? "block" : "NULL",
           result ? 0 : errno);
}

static void call_malloc(struct block* block, int kind) {
    const size_t size = random_below(40) ? random_size() : impossible_size();
    errno = 77;
    void* const start = memkind_malloc(kinds[kind], size);
    print_pointer("malloc", kind, size, 0, start);
    if (start)
        take(block, start, size, kind, 1);
    putchar('\n');
}

static void call_calloc(struct block* block, int kind) {
    const size_t num = random_below(4) ? random_below(50) : random_below(2);
    const size_t size = num ? random_size() / num : random_size();
    errno = 77;
    void* const start = memkind_calloc(kinds[kind], num, size);
    print_pointer("calloc", kind, num, size, start);
    if (start) {
        const unsigned char* const bytes = start;
        /* memkind's fixed kinds give dirty memory. */
        for (size_t i = 0; i < num * size; ++i)
            if (bytes[i] != 0 && kind != kBuffer) {
                FAULT("kind %d: byte %zu of %zu is not zero", kind, i, num * size);
                break;
            }
        take(block, start, num * size, kind, 1);
    }
    putchar('\n');
}

static void call_posix_memalign(struct block* block, int kind) {
    static const size_t odd[] = {0, 1, 2, 4, 3, 12, 24, 4097, SIZE_MAX};
    const int is_odd = random_below(6) == 0;
    const size_t alignment = is_odd ? odd[random_below(9)] : (size_t)8 << random_below(14);
    const size_t size = random_below(30) ? random_size() : impossible_size();
    /* DEFAULT of memkind does not look at the alignment when size is 0. */
    if (is_odd && size == 0)
        return;
    void* start = &start;
    errno = 77;
    const int result = memkind_posix_memalign(kinds[kind], &start, alignment, size);
    /* After an error memkind's DEFAULT leaves the pointer, other kinds store NULL. */
    if (result != 0 && kind == kDefault)
        start = NULL;
    printf("posix_memalign kind %d %zu %zu: %d %s errno %d", kind, alignment, size, result,
           start ? "block" : "NULL", errno);
    if (start)
        take(block, start, size, kind, alignment);
    putchar('\n');
}

static void call_realloc(struct block* block) {
    const size_t size = random_below(30) ? random_size() : impossible_size();
    /* Of an unavailable kind memkind gives what fits where the block is. */
    const int other = (int)random_below(kKinds);
    const int kind = random_below(4) && memkind_check_available(kinds[other]) == 0 ? other : block->kind;
    const int named = random_below(4) != 0;
    struct block before = *block;
    errno = 77;
    void* const start = memkind_realloc(named ? kinds[kind] : NULL, block->start, size);
    print_pointer(named ? "realloc" : "realloc NULL", kind, before.size, size, start);
    if (start == NULL && size != 0) {
        expect_contents(&before, before.size);
    } else if (start == NULL) {
        block->start = NULL;
    } else {
        before.start = start;
        expect_contents(&before, before.size < size ? before.size : size);
        block->start = NULL;
        /* take() finds the fault when it is in another kind; with memkind it may be. */
        take(block, start, size, named ? kind : before.kind, 1);
    }
    putchar('\n');
}

static void call_defrag(struct block* block) {
    /* Whether it moves depends on what lies around. */
    void* const moved = memkind_defrag_reallocate(random_below(2) ? kinds[block->kind] : NULL, block->start);
    if (moved == NULL)
        return;
    block->start = moved;
    expect_contents(block, block->size);
    if (memkind_detect_kind(moved) != kinds[block->kind])
        FAULT("defrag changes the kind");
}

static void heap(void) {
    static char buffer[64 << 20];
    printf("create_pmem %d\n", memkind_create_pmem(directory, 256 << 20, &kinds[kFile]));
    printf("create_fixed %d\n", memkind_create_fixed(buffer, sizeof buffer, &kinds[kBuffer]));
    for (int i = 0; i < kRounds; ++i) {
        struct block* const block = &blocks[random_below(kBlocks)];
        if (block->start != NULL) {
            const unsigned what = random_below(8);
            if (what < 3)
                call_realloc(block);
            else if (what < 4)
                call_defrag(block);
            else
                drop(block);
            continue;
        }
        const int kind = (int)random_below(kKinds);
        switch (random_below(8)) {
            case 0:
                call_calloc(block, kind);
                break;
            case 1:
                call_posix_memalign(block, kind);
                break;
            case 2: {
                const size_t size = random_size();
                errno = 77;
                void* const start = memkind_realloc(kinds[kind], NULL, size);
                print_pointer("realloc of NULL", kind, size, 0, start);
                if (start)
                    take(block, start, size, kind, 1);
                putchar('\n');
                break;
            }
            default:
                call_malloc(block, kind);
        }
    }
    for (struct block* block = blocks; block < blocks + kBlocks; ++block)
        if (block->start)
            drop(block);
    printf("destroy %d %d\n", memkind_destroy_kind(kinds[kFile]), memkind_destroy_kind(kinds[kBuffer]));
}

static void nulls(void) {
    for (int kind = 0; kind < kStaticKinds; ++kind) {
        errno = 77;
        memkind_free(kinds[kind], NULL);
        memkind_free(NULL, NULL);
        const int after_free = errno;
        printf("kind %d: free NULL errno %d, usable %zu, defrag %p, detect %p", kind, after_free,
               memkind_malloc_usable_size(kinds[kind], NULL), memkind_defrag_reallocate(kinds[kind], NULL),
               (void*)memkind_detect_kind(NULL));
        printf(", realloc(NULL, 0) %p", memkind_realloc(kinds[kind], NULL, 0));
        printf(" errno %d", errno);
        printf(", calloc %p", memkind_calloc(kinds[kind], 0, SIZE_MAX));
        printf(" %p", memkind_calloc(kinds[kind], SIZE_MAX, 0));
        printf(" errno %d\n", errno);
    }
    void* const none = memkind_realloc(NULL, NULL, 10);
    printf("realloc NULL NULL %p errno %d\n", none, errno);
    errno = 77;
    void* const overflow = memkind_calloc(MEMKIND_DEFAULT, SIZE_MAX / 2 + 2, 2);
    printf("calloc that overflows %p errno %d\n", overflow, errno);
}

/* ---- Kinds ---- */

static void static_kinds(void) {
    for (int i = 0; i < kStaticKinds; ++i) {
        /* 1 GiB pages never worked, and it is all the same why. */
        const int available = memkind_check_available(kinds[i]);
        printf("kind %d available %d", i, i < 23 ? available : available == 0);
        void* const block = memkind_malloc(kinds[i], 100);
        printf(" malloc %s detected %d", block ? "block" : "NULL", number_of(memkind_detect_kind(block)));
        memkind_free(kinds[i], block);
        /* memkind knows no capacity of a preferred kind or of one with huge pages; DEFAULT's is the first node's. */
        static const char comparable[] = "-+++++-+---++-++-+-+-+----";
        const ssize_t capacity = memkind_get_capacity(kinds[i]);
        if (comparable[i] == '+')
            printf(" capacity %zd", capacity);
        printf(" destroy %d\n", memkind_destroy_kind(kinds[i]));
    }
    for (int partition = -1; partition < MEMKIND_NUM_BASE_KIND + 2; ++partition) {
        memkind_t kind = NULL;
        const int result = memkind_get_kind_by_partition(partition, &kind);
        printf("partition %d: %d kind %d\n", partition, result, number_of(kind));
    }
    static const unsigned flags[] = {0, 1, 2, 20, 21, 22, 1u << 21, ~0u};
    for (unsigned types = 0; types < 6; ++types)
        for (int policy = -1; policy < 8; ++policy)
            for (size_t i = 0; i < sizeof flags / sizeof *flags; ++i) {
                memkind_t kind = NULL;
                const int result = memkind_create_kind((memkind_memtype_t)types, (memkind_policy_t)policy,
                                                       (memkind_bits_t)flags[i], &kind);
                printf("create_kind %u %d %u: %d kind %d\n", types, policy, flags[i], result,
                       number_of(kind));
            }
}

static void file_kinds(void) {
    static const size_t sizes[] = {0,
                                   1,
                                   4096,
                                   MEMKIND_PMEM_MIN_SIZE - 1,
                                   MEMKIND_PMEM_MIN_SIZE,
                                   MEMKIND_PMEM_MIN_SIZE + 1,
                                   MEMKIND_PMEM_MIN_SIZE + 4096,
                                   100000000,
                                   SIZE_MAX};
    char file[4096], missing[4096];
    snprintf(file, sizeof file, "%s/file", directory);
    snprintf(missing, sizeof missing, "%s/missing", directory);
    fclose(fopen(file, "w"));
    const char* const places[] = {directory, missing, file, "/proc", "relative/missing"};
    for (size_t i = 0; i < sizeof places / sizeof *places; ++i) {
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; ++j)
            for (int policy = -1; policy < 3; ++policy) {
                memkind_t kind = (memkind_t)&kind;
                memkind_t const untouched = kind;
                errno = 77;
                int result;
                if (policy < 0) {
                    result = memkind_create_pmem(places[i], sizes[j], &kind);
                } else {
                    struct memkind_config* const config = memkind_config_new();
                    memkind_config_set_path(config, places[i]);
                    memkind_config_set_size(config, sizes[j]);
                    memkind_config_set_memory_usage_policy(config, (memkind_mem_usage_policy)policy);
                    result = memkind_create_pmem_with_config(config, &kind);
                    memkind_config_delete(config);
                }
                printf("create_pmem %zu %zu policy %d: %d", i, sizes[j], policy, result);
                if (result == 0) {
                    if (sizes[j] != 0 && sizes[j] != SIZE_MAX)
                        printf(" capacity %zd", memkind_get_capacity(kind));
                    void* const block = memkind_malloc(kind, 1000);
                    printf(" available %d malloc %s", memkind_check_available(kind),
                           block ? "block" : "NULL");
                    errno = 77;
                    void* const too_much = memkind_malloc(kind, (size_t)1 << 50);
                    printf(" too much %p errno %d", too_much, errno);
                    printf(" destroy %d\n", memkind_destroy_kind(kind));
                } else {
                    /* A size is refused without a look at the directory. */
                    const int is_small = sizes[j] != 0 && sizes[j] < MEMKIND_PMEM_MIN_SIZE;
                    if (policy != 2 && !is_small)
                        printf(" errno %d", errno);
                    if (policy != 2 && kind != untouched)
                        printf(" and a kind");
                    putchar('\n');
                }
            }
        printf("check_dax_path %zu: %d\n", i, memkind_check_dax_path(places[i]));
    }
    memkind_config_delete(NULL);
    unlink(file);
}

/* How much of a limited kind can be had, to within what the allocators keep for themselves. */
static void limits(void) {
    static char buffer[32 << 20];
    memkind_t limited[2];
    printf("create %d", memkind_create_pmem(directory, 32 << 20, &limited[0]));
    printf(" %d\n", memkind_create_fixed(buffer, sizeof buffer, &limited[1]));
    for (int i = 0; i < 2; ++i) {
        static void* taken[40000];
        for (size_t size = 1024; size <= 4 << 20; size *= 8) {
            size_t count = 0;
            errno = 77;
            while (count < 40000 && (taken[count] = memkind_malloc(limited[i], size)) != NULL)
                memset(taken[count++], 1, size);
            printf("full: errno %d", errno);
            if (count * size < (size_t)26 << 20 && size < 4 << 20)
                FAULT("%d: only %zu blocks of %zu bytes in 32 MiB", i, count, size);
            if (count * size > (size_t)32 << 20)
                FAULT("%d: %zu blocks of %zu bytes in 32 MiB", i, count, size);
            void* block = NULL;
            printf(" then %d", memkind_posix_memalign(limited[i], &block, 64, (size_t)40 << 20));
            printf(" %p %p\n", block, memkind_calloc(limited[i], 10, (size_t)4 << 20));
            while (count > 0)
                memkind_free(random_below(2) ? limited[i] : NULL, taken[--count]);
            if (i == 1)
                break; /* memkind's fixed kinds do not join what they get back */
        }
    }
    printf("capacity %zd %zd\n", memkind_get_capacity(limited[0]), memkind_get_capacity(limited[1]));
    memkind_t second = NULL;
    printf("same buffer %d\n", memkind_create_fixed(buffer, sizeof buffer, &second));
    printf("destroy %d %d\n", memkind_destroy_kind(limited[0]), memkind_destroy_kind(limited[1]));
    printf("buffer again %d", memkind_create_fixed(buffer, sizeof buffer, &second));
    printf(" %d\n", memkind_destroy_kind(second));
    printf("no buffer %d", memkind_create_fixed(NULL, 0, &second));
    errno = 77;
    printf(" malloc %p", memkind_malloc(second, 1));
    printf(" errno %d", errno);
    printf(" destroy %d\n", memkind_destroy_kind(second));
}

/* ---- Texts and statistics ---- */

static void texts(void) {
    printf("version %d\n", memkind_get_version());
    for (int error = -300; error < 140; ++error)
        for (size_t size = 0; size <= 2 * MEMKIND_ERROR_MESSAGE_SIZE; size += size < 14 ? 1 : 57) {
            char text[2 * MEMKIND_ERROR_MESSAGE_SIZE + 1];
            memset(text, '#', sizeof text);
            memkind_error_message(error, text, size);
            if (text[size] != '#')
                FAULT("error %d writes beyond %zu bytes", error, size);
            printf("error %d %zu: %.*s\n", error, size, size ? (int)strlen(text) : 1, text);
        }
}

static void ignore_piece(void* counter, const char* piece) {
    *(size_t*)counter += strlen(piece);
}

static void statistics(void) {
    static void* many[1000];
    for (int each = 0; each < 4; ++each) {
        memkind_t kind = each == 3 ? NULL : kinds[each];
        memkind_t const source = each == 3 ? MEMKIND_REGULAR : kind;
        size_t before[MEMKIND_STAT_TYPE_MAX_VALUE], after[MEMKIND_STAT_TYPE_MAX_VALUE];
        printf("update %d\n", memkind_update_cached_stats());
        for (int type = -1; type < MEMKIND_STAT_TYPE_MAX_VALUE + 2; ++type) {
            size_t value = 0;
            printf("stat %d %d: %d\n", each, type, memkind_get_stat(kind, (memkind_stat_type)type, &value));
            if (type >= 0 && type < MEMKIND_STAT_TYPE_MAX_VALUE)
                before[type] = value;
        }
        for (int i = 0; i < 1000; ++i)
            memset(many[i] = memkind_malloc(source, 5120), 1, 5120);
        memkind_update_cached_stats();
        for (int type = 0; type < MEMKIND_STAT_TYPE_MAX_VALUE; ++type)
            memkind_get_stat(kind, (memkind_stat_type)type, &after[type]);
        for (int type = 0; type < MEMKIND_STAT_TYPE_MAX_VALUE; ++type)
            /* All kinds together may have had the pages before. */
            if (each != 3 || type != MEMKIND_STAT_TYPE_RESIDENT)
                if (after[type] - before[type] < 4500000 || after[type] - before[type] > 8000000)
                    FAULT("stat %d %d: from %zu to %zu with 5 MB more", each, type, before[type],
                          after[type]);
        if (after[MEMKIND_STAT_TYPE_ALLOCATED] > after[MEMKIND_STAT_TYPE_ACTIVE] ||
            after[MEMKIND_STAT_TYPE_ACTIVE] > after[MEMKIND_STAT_TYPE_RESIDENT])
            FAULT("allocated %zu, active %zu, resident %zu", after[MEMKIND_STAT_TYPE_ALLOCATED],
                  after[MEMKIND_STAT_TYPE_ACTIVE], after[MEMKIND_STAT_TYPE_RESIDENT]);
        for (int i = 0; i < 1000; ++i)
            memkind_free(source, many[i]);
        memkind_update_cached_stats();
        memkind_get_stat(kind, MEMKIND_STAT_TYPE_ALLOCATED, &after[2]);
        if (after[MEMKIND_STAT_TYPE_ALLOCATED] > before[MEMKIND_STAT_TYPE_ALLOCATED] + 500000)
            FAULT("stat %d: 5 MB less, and %zu bytes still allocated", each,
                  after[MEMKIND_STAT_TYPE_ALLOCATED]);
    }
    static const unsigned options[] = {0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 511, 512, 1024, ~0u};
    for (size_t i = 0; i < sizeof options / sizeof *options; ++i) {
        size_t length = 0;
        const int result = memkind_stats_print(ignore_piece, &length, (memkind_stat_print_opt)options[i]);
        printf("stats_print %u: %d %s\n", options[i], result, length > 0 ? "text" : "nothing");
    }
    printf("bg_threads %d %d\n", memkind_set_bg_threads(true), memkind_set_bg_threads(false));
}

/* ---- hbwmalloc.h ---- */

static void high_bandwidth(int policy) {
    printf("available %d\n", hbw_check_available());
    for (int bad = -1; bad < 7; ++bad)
        if (bad < 1 || bad > 4)
            printf("set_policy %d: %d\n", bad, hbw_set_policy((hbw_policy_t)bad));
    if (policy != 0)
        printf("set_policy %d: %d\n", policy, hbw_set_policy((hbw_policy_t)policy));
    struct block block = {0};
    for (int i = 0; i < 300; ++i) {
        /* Not 0: memkind then does not always look at the alignment. */
        const size_t size = random_below(20) ? 1 + random_size() : impossible_size();
        errno = 77;
        const unsigned what = random_below(4);
        void* start = NULL;
        int result = 0;
        if (what == 0)
            start = hbw_malloc(size);
        else if (what == 1)
            start = hbw_calloc(2, size / 2);
        else if (what == 2)
            result = hbw_posix_memalign(&start, (size_t)1 << random_below(13), size);
        else
            result = hbw_posix_memalign_psize(&start, 64, size, (hbw_pagesize_t)(1 + random_below(2)));
        /* Ours keeps errno in hbw_posix_memalign(). */
        printf("hbw %u %zu: %d %s errno %d", what, size, result, start ? "block" : "NULL",
               start || what > 1 ? 0 : errno);
        if (start) {
            const int usable_is_right = hbw_malloc_usable_size(start) >= size / 2 * 2;
            memset(start, 7, size / 2 * 2);
            block = (struct block){start, size / 2 * 2, -1, 7};
            const size_t next = random_size();
            void* const moved = hbw_realloc(start, next);
            if (moved) {
                block.start = moved;
                expect_contents(&block, next < block.size ? next : block.size);
            }
            printf(" usable %d realloc %zu %s", usable_is_right, next, moved ? "block" : "NULL");
            if (moved || next != 0)
                hbw_free(block.start);
        }
        putchar('\n');
    }
    hbw_free(NULL);
    printf("usable of NULL %zu, realloc %p\n", hbw_malloc_usable_size(NULL), hbw_realloc(NULL, 0));
    for (int other = 1; other <= 4; ++other)
        printf("set_policy again %d: %d, now %d\n", other, hbw_set_policy((hbw_policy_t)other),
               (int)hbw_get_policy());
    char* const pages = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("verify %d %d %d %d", hbw_verify_memory_region(NULL, 10, 0), hbw_verify_memory_region(pages, 0, 0),
           hbw_verify_memory_region(pages, 4096, 2), hbw_verify_memory_region(pages, 4096, 0));
    const int touched = hbw_verify_memory_region(pages, 1 << 20, HBW_TOUCH_PAGES);
    const int across_pages = hbw_verify_memory_region(pages + 4095, 2, 0);
    /* Without such memory memkind sometimes answers that these pages are. */
    if (hbw_check_available() == 0)
        printf(" touched %d then %d\n", touched, across_pages);
    else if (touched != -1 || across_pages != -1)
        FAULT("pages that are no high-bandwidth memory verify as %d and %d", touched, across_pages);
    putchar('\n');
}

/* ---- Tiers ---- */

static void tiers(void) {
    for (int policy = 0; policy < 4; ++policy) {
        struct memtier_builder* const builder = memtier_builder_new((memtier_policy_t)policy);
        printf("builder %d: %s\n", policy, builder ? "made" : "NULL");
        if (builder == NULL)
            continue;
        struct memtier_memory* memory = memtier_builder_construct_memtier_memory(builder);
        printf("without tiers %p, NULL kind %d", (void*)memory, memtier_builder_add_tier(builder, NULL, 1));
        printf(" add %d", memtier_builder_add_tier(builder, MEMKIND_DEFAULT, 1));
        printf(" again %d", memtier_builder_add_tier(builder, MEMKIND_DEFAULT, 1));
        memory = memtier_builder_construct_memtier_memory(builder);
        printf(" one tier %s", memory ? "made" : "NULL");
        if (memory != NULL)
            memtier_delete_memtier_memory(memory);
        printf(" second %d\n", memtier_builder_add_tier(builder, MEMKIND_REGULAR, 3));
        static const char* const options[] = {"policy.dynamic_threshold.check_cnt",
                                              "policy.dynamic_threshold.thresholds[0].val",
                                              "policy.dynamic_threshold.thresholds[0].min",
                                              "policy.dynamic_threshold.thresholds[0].max",
                                              "policy.dynamic_threshold.thresholds[0].other",
                                              "policy.dynamic_threshold.other",
                                              "policy.static_ratio.other",
                                              "other",
                                              "",
                                              "policy",
                                              "policy."};
        const size_t numbers[] = {20, 1024, 512, 2048, 1, 1, 1, 1, 1, 1, 1};
        for (size_t i = 0; i < sizeof options / sizeof *options; ++i)
            printf("ctl_set %s: %d\n", options[i], memtier_ctl_set(builder, options[i], &numbers[i]));
        memory = memtier_builder_construct_memtier_memory(builder);
        memtier_builder_delete(builder);
        printf("two tiers %s\n", memory ? "made" : "NULL");
        if (memory == NULL)
            continue;
        static void* taken[8000];
        size_t bytes[2] = {0, 0};
        for (int i = 0; i < 8000; ++i) {
            static const size_t exact[] = {512, 1024, 4096, 128, 32};
            const size_t size = exact[random_below(5)];
            void* block = NULL;
            switch (random_below(4)) {
                case 0:
                    block = memtier_calloc(memory, 1, size);
                    break;
                case 1:
                    block = memtier_realloc(memory, NULL, size);
                    break;
                case 2:
                    if (memtier_posix_memalign(memory, &block, 16, size) != 0)
                        FAULT("posix_memalign fails");
                    break;
                default:
                    block = memtier_malloc(memory, size);
            }
            if (memtier_usable_size(block) != size)
                FAULT("%zu bytes are %zu", size, memtier_usable_size(block));
            bytes[number_of(memkind_detect_kind(block))] += size;
            taken[i] = block;
        }
        if (memtier_kind_allocated_size(MEMKIND_DEFAULT) != bytes[0] ||
            memtier_kind_allocated_size(MEMKIND_REGULAR) != bytes[1])
            FAULT("counted %zu and %zu, taken %zu and %zu", memtier_kind_allocated_size(MEMKIND_DEFAULT),
                  memtier_kind_allocated_size(MEMKIND_REGULAR), bytes[0], bytes[1]);
        if (policy == MEMTIER_POLICY_STATIC_RATIO) {
            const double ratio = (double)bytes[1] / (double)bytes[0];
            if (ratio < 2.98 || ratio > 3.02)
                FAULT("a ratio of 3 became %f", ratio);
        }
        for (int i = 0; i < 8000; ++i) {
            if (random_below(2))
                memtier_free(taken[i]);
            else
                memtier_kind_free(memkind_detect_kind(taken[i]), taken[i]);
        }
        printf("left %zu %zu\n", memtier_kind_allocated_size(MEMKIND_DEFAULT),
               memtier_kind_allocated_size(MEMKIND_REGULAR));
        void* const block = memtier_kind_malloc(MEMKIND_REGULAR, 512);
        errno = 77;
        void* const larger = memtier_kind_realloc(MEMKIND_REGULAR, block, 4096);
        printf("kind realloc %zu errno %d", memtier_kind_allocated_size(MEMKIND_REGULAR), errno);
        printf(" to 0 %p", memtier_realloc(memory, larger, 0));
        printf(" left %zu\n", memtier_kind_allocated_size(MEMKIND_REGULAR));
        void* zero = &zero;
        printf("0 bytes %p %p %d", memtier_malloc(memory, 0), memtier_calloc(memory, 0, 8),
               memtier_posix_memalign(memory, &zero, 64, 0));
        errno = 77;
        printf(" too many %p", memtier_malloc(memory, SIZE_MAX / 2));
        printf(" errno %d", errno);
        printf(" %p\n", memtier_kind_malloc(MEMKIND_REGULAR, SIZE_MAX / 2));
        memtier_free(NULL);
        printf("usable of NULL %zu\n", memtier_usable_size(NULL));
        memtier_delete_memtier_memory(memory);
    }
}

/* Runs a part in a process of its own. */
#define PART(call)                                        \
    do {                                                  \
        printf("part %s\n", #call);                       \
        fflush(stdout);                                   \
        const pid_t child = fork();                       \
        if (child == 0) {                                 \
            call;                                         \
            fflush(stdout);                               \
            _exit(0);                                     \
        }                                                 \
        int status = 0;                                   \
        waitpid(child, &status, 0);                       \
        printf("part %s ended with %d\n", #call, status); \
        if (status != 0)                                  \
            FAULT("%s ended with %d", #call, status);     \
    } while (0)

int main(int count, char** arguments) {
    if (count != 3)
        return 2;
    state = strtoull(arguments[1], NULL, 10) * 2654435761u + 88172645463325252u;
    directory = arguments[2];
    find_kinds();
    PART(static_kinds());
    PART(heap());
    PART(nulls());
    PART(file_kinds());
    PART(limits());
    PART(texts());
    PART(statistics());
    for (int policy = 0; policy <= 4; ++policy)
        PART(high_bandwidth(policy));
    PART(tiers());
    return 0;
}
