/* What making stores durable costs, in ns: persisting, copying and filling, and the start of a program. Compiled as it is
 * against Terrace's libpmem, against Debian's, and over the bare instructions (clwb or what the CPU has, non-temporal
 * stores, sfence), which are what it has to cost.
 *
 *     bench_flush_* MEMORY-DIR DISK-DIR PERCENT     PERCENT of the usual number of batches
 *
 * Prints one line per scenario: its name and ns for one operation. Batches are short and many, and the best one counts: a
 * neighbour on the other half of the processor's core makes batches slower, none faster. Destinations walk over 64 MiB, so
 * nobody finds them in a cache, as in a log or a large structure. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(BENCH_SIDE_BARE)
#include "bare.h"
#else
#include <libpmem.h>
#endif

enum { BATCHES = 400, START_BATCHES = 60, STARTS = 5 };
static const size_t area_bytes = (size_t)64 << 20;
static const size_t source_bytes = (size_t)2 << 20;

extern char** environ;
static char* area;
static char* source;

static void give_up(const char* what) {
    fprintf(stderr, "bench_flush: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* ---- the operations ---- */

/* One store to each line, then all of them are made durable. */
static void persist(char* to, size_t bytes) {
    for (size_t line = 0; line < bytes; line += 64)
        *(volatile uint64_t*)(to + line) = (uint64_t)bytes;
    pmem_persist(to, bytes);
}

static void copy(char* to, size_t bytes) {
    pmem_memcpy_persist(to, source, bytes);
}

static void fill(char* to, size_t bytes) {
    pmem_memset_persist(to, 7, bytes);
}

/* A gap opens, or closes, in an array: to where the source still is. */
static void move_up(char* to, size_t bytes) {
    pmem_memmove_persist(to, to - 72, bytes);
}

static void move_down(char* to, size_t bytes) {
    pmem_memmove_persist(to, to + 72, bytes);
}

static const struct scenario {
    const char* name;
    void (*run)(char* to, size_t bytes);
    size_t bytes;
    size_t at; /* bytes after the beginning of a line */
} scenarios[] = {
    {"persist_8", persist, 8, 0},
    {"persist_256", persist, 256, 0},
    {"copy_8", copy, 8, 0},
    {"copy_32", copy, 32, 8},
    {"copy_64", copy, 64, 0},
    {"copy_128", copy, 128, 0},
    {"copy_192", copy, 192, 0},
    {"copy_256", copy, 256, 0},
    {"copy_512", copy, 512, 0},
    {"copy_1K", copy, 1024, 0},
    {"copy_4K", copy, 4096, 0},
    {"copy_16K", copy, 16384, 0},
    {"copy_64K", copy, 65536, 0},
    {"copy_1M", copy, 1048576, 0},
    {"copy_64_at_24", copy, 64, 24},
    {"copy_200_at_40", copy, 200, 40},
    {"copy_100_at_3", copy, 100, 3},
    {"copy_300_at_3", copy, 300, 3},
    {"copy_1000_at_5", copy, 1000, 5},
    {"copy_4K_at_8", copy, 4096, 8},
    {"fill_8", fill, 8, 0},
    {"fill_64", fill, 64, 0},
    {"fill_128", fill, 128, 0},
    {"fill_256", fill, 256, 0},
    {"fill_1K", fill, 1024, 0},
    {"fill_4K", fill, 4096, 0},
    {"fill_64K", fill, 65536, 0},
    {"fill_1M", fill, 1048576, 0},
    {"fill_100_at_3", fill, 100, 3},
    {"move_up_64", move_up, 64, 0},
    {"move_up_256", move_up, 256, 0},
    {"move_up_4K", move_up, 4096, 0},
    {"move_up_64K", move_up, 65536, 0},
    {"move_down_64", move_down, 64, 0},
    {"move_down_256", move_down, 256, 0},
    {"move_down_4K", move_down, 4096, 0},
    {"move_down_64K", move_down, 65536, 0},
};

static double ns_of(const struct scenario* scenario, unsigned batches) {
    const size_t stride = (scenario->at + scenario->bytes + 127) / 64 * 64;
    const unsigned operations = scenario->bytes <= 1024    ? 200
                                : scenario->bytes <= 16384 ? 50
                                : scenario->bytes <= 65536 ? 10
                                                           : 1;
    double best = 1e18;
    size_t at = 128;
    for (unsigned batch = 0; batch < batches; ++batch) {
        const double begin = now_ns();
        for (unsigned i = 0; i < operations; ++i) {
            scenario->run(area + at + scenario->at, scenario->bytes);
            at += stride;
            if (at + 2 * stride > area_bytes)
                at = 128;
        }
        const double ns = (now_ns() - begin) / operations;
        if (ns < best)
            best = ns;
    }
    return best;
}

/* From the start of a program that is linked with the library to its end. */
static double ns_of_a_start(char* program, unsigned batches) {
    char* const arguments[] = {program, (char*)"start", NULL};
    double best = 1e18;
    for (unsigned batch = 0; batch < batches; ++batch) {
        const double begin = now_ns();
        for (unsigned i = 0; i < STARTS; ++i) {
            pid_t child;
            int status;
            if (posix_spawn(&child, program, NULL, NULL, arguments, environ) != 0 ||
                waitpid(child, &status, 0) != child || status != 0)
                give_up("cannot start itself");
        }
        const double ns = (now_ns() - begin) / STARTS;
        if (ns < best)
            best = ns;
    }
    return best;
}

int main(int count, char** arguments) {
    if (count == 2 && strcmp(arguments[1], "start") == 0)
        return 0;
    if (count != 4) {
        fprintf(stderr, "usage: %s MEMORY-DIR DISK-DIR PERCENT\n", arguments[0]);
        return 2;
    }
    const double share = atof(arguments[3]) / 100;
    printf("start %.1f\n", ns_of_a_start(arguments[0], (unsigned)(START_BATCHES * share) + 1));

    char path[4096];
    snprintf(path, sizeof path, "%s/bench-flush-XXXXXX", arguments[1]);
    const int file = mkstemp(path);
    if (file < 0 || unlink(path) != 0 || ftruncate(file, (off_t)area_bytes) != 0)
        give_up(path);
    area = mmap(NULL, area_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    source = aligned_alloc(4096, source_bytes);
    if (area == MAP_FAILED || source == NULL)
        give_up("no memory");
    memset(area, 1, area_bytes);
    memset(source, 2, source_bytes);
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; ++i) {
        printf("%s %.2f\n", scenarios[i].name, ns_of(&scenarios[i], (unsigned)(BATCHES * share) + 10));
        fflush(stdout);
    }
    return 0;
}
