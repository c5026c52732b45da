/* What a malloc and a free cost, in ns for the pair, in three patterns and many sizes. Compiled as it is
 * against Terrace, against memkind and over plain jemalloc (side.h).
 *
 *     bench_kinds_* MEMORY-DIR DISK-DIR PERCENT KIND     PERCENT of the usual number of operations
 *
 * Prints two lines per scenario: its name and ns; the name with "_2_threads" and ns, which is then the time
 * that a pair took its own thread: perfect scaling shows the same number twice. Prints nothing where there is
 * no such kind. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "side.h"

enum {
    BATCHES = 9,
    BULK_BLOCKS = 10000, /* allocated one after the other, then freed one after the other */
    MAX_LIVE = 10000,
    MAX_THREADS = 2
};

struct worker;

struct scenario {
    const char* name;
    void (*run)(struct worker*, unsigned operations);
    unsigned least, most; /* bytes of an object */
    unsigned live;        /* objects that a thread keeps */
    unsigned operations;  /* in one batch; a malloc and a free each */
};

struct worker {
    const struct scenario* scenario;
    heap_t heap;
    unsigned operations;
    char** live;
    uint32_t random;
    double ns[BATCHES]; /* for one pair */
    pthread_barrier_t* together;
    pthread_t thread;
};

static void give_up(const char* what) {
    fprintf(stderr, "bench_kinds: %s\n", what);
    exit(1);
}

static double now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static inline char* allocate(const struct worker* self, unsigned size) {
    char* const memory = heap_malloc(self->heap, size);
    if (memory == NULL)
        give_up("out of memory");
    *(volatile char*)memory = 1;
    return memory;
}

/* ---- the patterns ---- */

/* The shortest life: the block that was just freed comes again. */
static void pair(struct worker* self, unsigned operations) {
    const unsigned size = self->scenario->least;
    for (unsigned i = 0; i < operations; ++i)
        heap_free(self->heap, allocate(self, size));
}

/* A live set that stays the same size: a random object is freed, and another of random size takes its place. */
static void replace(struct worker* self, unsigned operations) {
    const struct scenario* const scenario = self->scenario;
    const uint32_t sizes = scenario->most - scenario->least + 1;
    for (unsigned i = 0; i < operations; ++i) {
        self->random = self->random * 1664525u + 1013904223u;
        char** const slot = &self->live[(self->random >> 8) % scenario->live];
        if (*slot != NULL)
            heap_free(self->heap, *slot);
        *slot = allocate(self, scenario->least + (self->random >> 12) % sizes);
    }
}

/* A structure is built and thrown away: first in, first out … */
static void bulk_fifo(struct worker* self, unsigned operations) {
    for (; operations > 0; operations -= BULK_BLOCKS) {
        for (unsigned i = 0; i < BULK_BLOCKS; ++i)
            self->live[i] = allocate(self, self->scenario->least);
        for (unsigned i = 0; i < BULK_BLOCKS; ++i)
            heap_free(self->heap, self->live[i]);
    }
}

/* … or last in, first out. */
static void bulk_lifo(struct worker* self, unsigned operations) {
    for (; operations > 0; operations -= BULK_BLOCKS) {
        for (unsigned i = 0; i < BULK_BLOCKS; ++i)
            self->live[i] = allocate(self, self->scenario->least);
        for (unsigned i = BULK_BLOCKS; i-- > 0;)
            heap_free(self->heap, self->live[i]);
    }
}

static const struct scenario scenarios[] = {
    {"pair_16", pair, 16, 16, 0, 100000},
    {"pair_64", pair, 64, 64, 0, 100000},
    {"pair_256", pair, 256, 256, 0, 100000},
    {"pair_1K", pair, 1024, 1024, 0, 100000},
    {"pair_4K", pair, 4096, 4096, 0, 25000},
    {"pair_16K", pair, 16384, 16384, 0, 20000},
    {"pair_64K", pair, 65536, 65536, 0, 10000},
    {"random_16-128", replace, 16, 128, 1000, 100000},
    {"random_16-1024", replace, 16, 1024, 10000, 100000},
    {"random_4K-64K", replace, 4096, 65536, 200, 10000},
    {"bulk_fifo_64", bulk_fifo, 64, 64, BULK_BLOCKS, 50000},
    {"bulk_lifo_64", bulk_lifo, 64, 64, BULK_BLOCKS, 50000},
    {"bulk_fifo_1K", bulk_fifo, 1024, 1024, BULK_BLOCKS, 20000},
    {"bulk_lifo_1K", bulk_lifo, 1024, 1024, BULK_BLOCKS, 20000},
};

/* ---- one scenario ---- */

static void* work(void* argument) {
    struct worker* const self = argument;
    const struct scenario* const scenario = self->scenario;
    self->live = calloc(MAX_LIVE, sizeof *self->live);
    if (self->live == NULL)
        give_up("no memory for the live set");
    /* Twice the live set, or a batch: by then caches and live set are as full as they will be. */
    scenario->run(self, scenario->run == replace ? scenario->live * 4 : self->operations);
    for (unsigned batch = 0; batch < BATCHES; ++batch) {
        pthread_barrier_wait(self->together);
        const double begin = now_ns();
        scenario->run(self, self->operations);
        self->ns[batch] = (now_ns() - begin) / self->operations;
    }
    if (scenario->run == replace)
        for (unsigned i = 0; i < scenario->live; ++i)
            heap_free(self->heap, self->live[i]);
    free(self->live);
    return NULL;
}

/* The slower thread's time for the best batch: a busy neighbour on the other half of the processor's core makes batches nearly
 * twice as slow, for milliseconds or seconds, and none faster. */
static double ns_of(const struct scenario* scenario, heap_t heap, double share, unsigned threads) {
    struct worker workers[MAX_THREADS];
    pthread_barrier_t together;
    pthread_barrier_init(&together, NULL, threads);
    unsigned operations = (unsigned)(scenario->operations * share) + 1;
    if (scenario->live == BULK_BLOCKS && scenario->run != replace) /* whole structures only */
        operations = (operations + BULK_BLOCKS - 1) / BULK_BLOCKS * BULK_BLOCKS;
    for (unsigned i = 0; i < threads; ++i) {
        workers[i] = (struct worker){.scenario = scenario,
                                     .heap = heap,
                                     .operations = operations,
                                     .random = 12345 + i,
                                     .together = &together};
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            give_up("no thread");
    }
    double slowest[BATCHES] = {0};
    for (unsigned i = 0; i < threads; ++i) {
        pthread_join(workers[i].thread, NULL);
        for (unsigned batch = 0; batch < BATCHES; ++batch)
            if (workers[i].ns[batch] > slowest[batch])
                slowest[batch] = workers[i].ns[batch];
    }
    pthread_barrier_destroy(&together);
    double best = slowest[0];
    for (unsigned batch = 1; batch < BATCHES; ++batch)
        if (slowest[batch] < best)
            best = slowest[batch];
    return best;
}

int main(int count, char** arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: %s MEMORY-DIR DISK-DIR PERCENT KIND\n", arguments[0]);
        return 2;
    }
    name_an_hbw_node();
    const double share = atof(arguments[3]) / 100;
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; ++i) {
        heap_t heap;
        if (!heap_open(arguments[4], arguments[1], arguments[2], &heap))
            return 0;
        printf("%s %.2f\n", scenarios[i].name, ns_of(&scenarios[i], heap, share, 1));
        printf("%s_2_threads %.2f\n", scenarios[i].name, ns_of(&scenarios[i], heap, share, 2));
        fflush(stdout);
        heap_close(heap);
    }
    return 0;
}
