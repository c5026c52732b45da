/* What a durable transaction costs, in ns. Compiled as it is against Terrace and against Debian's libpmemobj.
 *
 *     bench_pool_* MEMORY-DIR DISK-DIR PERCENT     PERCENT of the usual number of operations
 *
 * Prints one line per scenario: its name, and the median of a few batches. */
#include <libpmemobj.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POOL_SIZE ((size_t)64 << 20)
#define LINE 64
#define LINES 16384 /* 1 MiB that the ranges walk over: more than one cache level, less than all */
#define BATCHES 9   /* odd: there is a median */

struct line {
    uint64_t value;
    char rest[LINE - sizeof(uint64_t)];
};

struct root {
    struct line lines[LINES];
};

struct bench {
    PMEMobjpool* pop;
    struct root* root;
    uint64_t next; /* walks over the lines */
};

static struct line* next_line(struct bench* bench) {
    return &bench->root->lines[bench->next++ % LINES];
}

static void fail(const char* what) {
    fprintf(stderr, "bench_pool: %s: %s\n", what, pmemobj_errormsg());
    exit(1);
}

/* ---- scenarios: each does one operation ---- */

static void one_range(struct bench* bench) {
    struct line* const line = next_line(bench);
    TX_BEGIN(bench->pop) {
        pmemobj_tx_add_range_direct(&line->value, sizeof line->value);
        line->value++;
    }
    TX_ONABORT {
        fail("transaction");
    }
    TX_END
}

static void ten_ranges(struct bench* bench) {
    TX_BEGIN(bench->pop) {
        for (int i = 0; i < 10; i++) {
            struct line* const line = next_line(bench);
            pmemobj_tx_add_range_direct(&line->value, sizeof line->value);
            line->value++;
        }
    }
    TX_ONABORT {
        fail("transaction");
    }
    TX_END
}

static const struct scenario {
    const char* name;
    int is_on_disk;
    int operations; /* per batch */
    void (*run)(struct bench*);
} scenarios[] = {
    {"tx_1x8_memory", 0, 50000, one_range},
    {"tx_1x8_disk", 1, 200, one_range},
    {"tx_10x8_memory", 0, 10000, ten_ranges},
    {"tx_10x8_disk", 1, 50, ten_ranges},
};

/* ---- measuring ---- */

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int by_size(const void* a, const void* b) {
    const double x = *(const double*)a;
    const double y = *(const double*)b;
    return (x > y) - (x < y);
}

static double ns_per_operation(const struct scenario* scenario, struct bench* bench, double share) {
    double batches[BATCHES];
    const int operations = (int)(scenario->operations * share) + 1;
    for (int i = 0; i < operations / 2 + 1; i++)
        scenario->run(bench); /* warm up */
    for (int batch = 0; batch < BATCHES; batch++) {
        const double begin = now();
        for (int i = 0; i < operations; i++)
            scenario->run(bench);
        batches[batch] = (now() - begin) / operations;
    }
    qsort(batches, BATCHES, sizeof batches[0], by_size);
    return batches[BATCHES / 2];
}

static void measure(const struct scenario* scenario, const char* directory, double share) {
    struct bench bench = {NULL, NULL, 0};
    char path[4096];
    snprintf(path, sizeof path, "%s/bench-pool-%ld", directory, (long)getpid());
    unlink(path);
    bench.pop = pmemobj_create(path, "bench", POOL_SIZE, 0600);
    if (bench.pop == NULL)
        fail(path);
    bench.root = pmemobj_direct(pmemobj_root(bench.pop, sizeof(struct root)));
    if (bench.root == NULL) {
        unlink(path);
        fail("root");
    }
    memset(bench.root, 0, sizeof *bench.root);
    pmemobj_persist(bench.pop, bench.root, sizeof *bench.root);
    printf("%s %.1f\n", scenario->name, ns_per_operation(scenario, &bench, share));
    pmemobj_close(bench.pop);
    unlink(path);
}

/* In a process of its own: the peer asks once per process whether memory is durable. It takes only MAP_SYNC
 * for an answer, so in memory it is told to flush cache lines, as it would on pmem; on disk it must sync. */
static int measure_in_a_child(const struct scenario* scenario, const char* directory, double share) {
    int status = 0;
    const pid_t child = fork();
    if (child == 0) {
        setenv("PMEM_IS_PMEM_FORCE", scenario->is_on_disk ? "0" : "1", 1);
        measure(scenario, directory, share);
        exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int count, char** arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: %s MEMORY-DIR DISK-DIR PERCENT\n", arguments[0]);
        return 2;
    }
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; ++i)
        if (measure_in_a_child(&scenarios[i], arguments[scenarios[i].is_on_disk ? 2 : 1],
                               atof(arguments[3]) / 100) != 0)
            return 1;
    return 0;
}
