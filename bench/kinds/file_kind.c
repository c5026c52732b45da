/* What a malloc and a free cost on a file kind, in ns for the pair, with a live set that stays the same size.
 * Compiled as it is against Terrace and against memkind: only memkind's interface is used.
 *
 *     bench_kinds_* MEMORY-DIR DISK-DIR PERCENT     PERCENT of the usual number of rounds
 *
 * Prints one line per scenario: its name, and ns. With two threads, ns is the time that each pair took its
 * own thread: perfect scaling shows the same number as one thread. */
#include <memkind.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct scenario {
    const char* name;
    int on_disk;
    unsigned least, most; /* bytes of an object */
    unsigned live;        /* objects in the live set of one thread */
    unsigned rounds;      /* a free and a malloc each */
    unsigned threads;
};

static const struct scenario scenarios[] = {
    {"file_tmpfs_16-128", 0, 16, 128, 1000, 2000000, 1},
    {"file_tmpfs_16-1024", 0, 16, 1024, 10000, 2000000, 1},
    {"file_tmpfs_4K-64K", 0, 4096, 65536, 200, 200000, 1},
    {"file_tmpfs_16-1024_2_threads", 0, 16, 1024, 10000, 1000000, 2},
    {"file_disk_16-128", 1, 16, 128, 1000, 2000000, 1},
    {"file_disk_16-1024", 1, 16, 1024, 10000, 2000000, 1},
    {"file_disk_4K-64K", 1, 4096, 65536, 200, 200000, 1},
    {"file_disk_16-1024_2_threads", 1, 16, 1024, 10000, 1000000, 2},
};

struct worker {
    pthread_t thread;
    pthread_barrier_t* start;
    const struct scenario* scenario;
    memkind_t kind;
    unsigned rounds;
    uint32_t random;
    double ns; /* for one pair */
};

static double now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void give_up(const char* what) {
    fprintf(stderr, "bench_kinds: %s\n", what);
    exit(1);
}

/* Frees a random object of the live set and allocates another of random size, and touches it, `rounds` times.
 */
static void churn(struct worker* self, char** live, unsigned rounds) {
    const struct scenario* scenario = self->scenario;
    const uint32_t sizes = scenario->most - scenario->least + 1;
    for (unsigned i = 0; i < rounds; ++i) {
        self->random = self->random * 1664525u + 1013904223u;
        char** slot = &live[(self->random >> 8) % scenario->live];
        if (*slot != NULL)
            memkind_free(self->kind, *slot);
        *slot = memkind_malloc(self->kind, scenario->least + (self->random >> 12) % sizes);
        if (*slot == NULL)
            give_up("no memory of the file kind");
        *(volatile char*)*slot = 1;
    }
}

static void* work(void* argument) {
    struct worker* self = argument;
    char** live = calloc(self->scenario->live, sizeof *live);
    if (live == NULL)
        give_up("no memory for the live set");
    churn(self, live, self->scenario->live * 4); /* fill the live set and the caches */
    pthread_barrier_wait(self->start);
    const double begin = now_ns();
    churn(self, live, self->rounds);
    self->ns = (now_ns() - begin) / self->rounds;
    for (unsigned i = 0; i < self->scenario->live; ++i)
        memkind_free(self->kind, live[i]);
    free(live);
    return NULL;
}

static void run(const struct scenario* scenario, const char* dir, double share) {
    memkind_t kind;
    if (memkind_create_pmem(dir, 0, &kind) != MEMKIND_SUCCESS)
        give_up("no file kind can be made there");
    struct worker workers[2];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, scenario->threads);
    for (unsigned i = 0; i < scenario->threads; ++i) {
        workers[i] = (struct worker){.start = &start,
                                     .scenario = scenario,
                                     .kind = kind,
                                     .rounds = (unsigned)(scenario->rounds * share) + 1,
                                     .random = 12345 + i};
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            give_up("no thread");
    }
    double slowest = 0;
    for (unsigned i = 0; i < scenario->threads; ++i) {
        pthread_join(workers[i].thread, NULL);
        if (workers[i].ns > slowest)
            slowest = workers[i].ns;
    }
    printf("%s %.1f\n", scenario->name, slowest);
    fflush(stdout);
    pthread_barrier_destroy(&start);
    memkind_destroy_kind(kind);
}

int main(int count, char** arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: %s MEMORY-DIR DISK-DIR PERCENT\n", arguments[0]);
        return 2;
    }
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; ++i)
        run(&scenarios[i], arguments[scenarios[i].on_disk ? 2 : 1], atof(arguments[3]) / 100);
    return 0;
}
