/* What durable objects cost, in ns. Compiled as it is against Terrace and against Debian's libpmemobj.
 *
 *     bench_pool_* MEMORY-DIR DISK-DIR PERCENT memory|disk [SCENARIO]     PERCENT of the usual number of batches
 *
 * Prints one line per scenario: its name and ns for one operation. The best of several batches counts: a neighbour on the
 * other half of the processor's core makes batches slower, none faster. In memory a batch is long enough to fill the log
 * several times, so that what a full log costs is in it; on disk it is as long as the peer's milliseconds allow.
 *
 * "memory" is a pool on tmpfs whose cache lines are flushed. */
#include <libpmemobj.h>
#include <pthread.h>

#include "bench_pool.h"

#define POOL_SIZE ((size_t)128 << 20)
enum {
    /* 1 MiB for each thread, that small ranges walk over: more than one cache level, less than all */
    LINES = 16384,
    BLOCKS = 1024, /* 4 MiB that large ranges walk over */
    OBJECTS = 4096,
    OBJECT = 64,
    MOST_THREADS = 8,
    MEMORY_BATCHES = 24,
    DISK_BATCHES = 2
};

struct line {
    uint64_t value;
    char rest[64 - sizeof(uint64_t)];
};

struct block {
    char bytes[4096];
};

struct root {
    struct line lines[MOST_THREADS][LINES];
    struct block blocks[BLOCKS];
    PMEMoid objects[OBJECTS];
    uint64_t published;
};

/* One thread's work. */
struct bench {
    PMEMobjpool* pop;
    struct root* root;
    unsigned thread; /* whose lines */
    uint64_t next;   /* walks over lines, blocks and objects */
    PMEMoid objects[OBJECTS];
};

void give_up(const char* what) {
    fprintf(stderr, "bench_pool_" SIDE ": %s: %s: %s\n", what, strerror(errno), pmemobj_errormsg());
    exit(1);
}

/* ---- the operations ---- */

static struct line* next_line(struct bench* bench) {
    return &bench->root->lines[bench->thread][bench->next++ % LINES];
}

static void change_words(struct bench* bench, int count) {
    TX_BEGIN(bench->pop) {
        for (int i = 0; i < count; ++i) {
            struct line* const line = next_line(bench);
            pmemobj_tx_add_range_direct(&line->value, sizeof line->value);
            line->value++;
        }
    }
    TX_ONABORT {
        give_up("transaction");
    }
    TX_END
}

static void tx_1x8(struct bench* bench) {
    change_words(bench, 1);
}

static void tx_10x8(struct bench* bench) {
    change_words(bench, 10);
}

static void tx_1000x8(struct bench* bench) {
    change_words(bench, 1000);
}

static void tx_1x64(struct bench* bench) {
    struct line* const line = next_line(bench);
    TX_BEGIN(bench->pop) {
        pmemobj_tx_add_range_direct(line, sizeof *line);
        memset(line, (int)bench->next, sizeof *line);
    }
    TX_ONABORT {
        give_up("transaction");
    }
    TX_END
}

static void tx_1x4K(struct bench* bench) {
    struct block* const block = &bench->root->blocks[bench->next++ % BLOCKS];
    TX_BEGIN(bench->pop) {
        pmemobj_tx_add_range_direct(block, sizeof *block);
        memset(block, (int)bench->next, sizeof *block);
    }
    TX_ONABORT {
        give_up("transaction");
    }
    TX_END
}

static void alloc_64(struct bench* bench) {
    PMEMoid* const where = &bench->root->objects[bench->next++ % OBJECTS];
    must(pmemobj_alloc(bench->pop, where, OBJECT, 1, NULL, NULL) == 0, "alloc");
}

static void free_64(struct bench* bench) {
    pmemobj_free(&bench->root->objects[bench->next++ % OBJECTS]);
}

static void tx_alloc_64(struct bench* bench) {
    PMEMoid* const where = &bench->root->objects[bench->next++ % OBJECTS];
    TX_BEGIN(bench->pop) {
        pmemobj_tx_add_range_direct(where, sizeof *where);
        *where = pmemobj_tx_alloc(OBJECT, 1);
    }
    TX_ONABORT {
        give_up("tx_alloc");
    }
    TX_END
}

static void tx_free_64(struct bench* bench) {
    PMEMoid* const where = &bench->root->objects[bench->next++ % OBJECTS];
    TX_BEGIN(bench->pop) {
        pmemobj_tx_add_range_direct(where, sizeof *where);
        pmemobj_tx_free(*where);
        *where = OID_NULL;
    }
    TX_ONABORT {
        give_up("tx_free");
    }
    TX_END
}

static void reserve_publish(struct bench* bench) {
    struct pobj_action actions[2];
    PMEMoid* const where = &bench->objects[bench->next++ % OBJECTS];
    *where = pmemobj_reserve(bench->pop, &actions[0], OBJECT, 1);
    must(where->off != 0, "reserve");
    pmemobj_set_value(bench->pop, &actions[1], &bench->root->published, where->off);
    must(pmemobj_publish(bench->pop, actions, 2) == 0, "publish");
}

/* What no library makes faster: arithmetic, and stores of one's own. How much more of it two threads do says how much more
 * two processors of this machine do. */
static void machine(struct bench* bench) {
    uint64_t mixed = bench->next++;
    for (int i = 0; i < 100; ++i)
        mixed = mixed * 6364136223846793005u + (mixed >> 29);
    bench->objects[bench->next % OBJECTS].off = mixed;
    __sync_synchronize();
}

/* ---- before and after a batch, not timed ---- */

static void allocate_in_pool(struct bench* bench, int count) {
    for (int i = 0; i < count; ++i)
        must(pmemobj_alloc(bench->pop, &bench->root->objects[i], OBJECT, 1, NULL, NULL) == 0, "alloc");
}

static void free_in_pool(struct bench* bench, int count) {
    for (int i = 0; i < count; ++i)
        pmemobj_free(&bench->root->objects[i]);
}

static void free_published(struct bench* bench, int count) {
    for (int i = 0; i < count; ++i)
        pmemobj_free(&bench->objects[i]);
}

static const struct scenario {
    const char* name;
    void (*run)(struct bench*);
    int in_memory; /* operations in a batch; at most OBJECTS where there is something to do before or after */
    int on_disk;
    void (*before)(struct bench*, int count);
    void (*after)(struct bench*, int count);
} scenarios[] = {
    {"tx_1x8", tx_1x8, 10000, 20, NULL, NULL},
    {"tx_1x64", tx_1x64, 10000, 20, NULL, NULL},
    {"tx_10x8", tx_10x8, 2500, 10, NULL, NULL},
    {"tx_1000x8", tx_1000x8, 40, 1, NULL, NULL},
    {"tx_1x4K", tx_1x4K, 2500, 20, NULL, NULL},
    {"alloc_64", alloc_64, OBJECTS, 20, NULL, free_in_pool},
    {"free_64", free_64, OBJECTS, 20, allocate_in_pool, NULL},
    {"tx_alloc_64", tx_alloc_64, OBJECTS, 20, NULL, free_in_pool},
    {"tx_free_64", tx_free_64, OBJECTS, 20, allocate_in_pool, NULL},
    {"machine", machine, 10000, 10000, NULL, NULL},
    {"reserve_publish", reserve_publish, OBJECTS, 20, NULL, free_published},
};

/* ---- measuring ---- */

static double ns_of(const struct scenario* scenario, struct bench* bench, int operations, int batches) {
    double best = 1e18;
    for (int batch = -1; batch < batches; ++batch) { /* the first one warms up */
        if (scenario->before != NULL)
            scenario->before(bench, operations);
        if (scenario->before != NULL || scenario->after != NULL)
            bench->next = 0;
        const double begin = now_ns();
        for (int i = 0; i < operations; ++i)
            scenario->run(bench);
        const double ns = (now_ns() - begin) / operations;
        if (scenario->after != NULL)
            scenario->after(bench, operations);
        if (batch >= 0 && ns < best)
            best = ns;
    }
    return best;
}

/* ---- several threads, each on lines of its own ---- */

struct crowd {
    void (*run)(struct bench*);
    int operations;
    pthread_barrier_t begin;
    pthread_barrier_t end;
    int is_over;
};

struct member {
    struct crowd* crowd;
    struct bench bench;
    double begin_ns;
    double end_ns;
};

static void* take_part(void* argument) {
    struct member* const me = argument;
    for (;;) {
        pthread_barrier_wait(&me->crowd->begin);
        if (me->crowd->is_over)
            return NULL;
        me->begin_ns = now_ns();
        for (int i = 0; i < me->crowd->operations; ++i)
            me->crowd->run(&me->bench);
        me->end_ns = now_ns();
        pthread_barrier_wait(&me->crowd->end);
    }
}

/* ns that each of `count` threads takes for an operation while the others do the same. */
static double ns_of_threads(unsigned count, void (*run)(struct bench*), const struct bench* bench,
                            int operations, int batches) {
    static struct member members[MOST_THREADS];
    struct crowd crowd = {run, operations, {{0}}, {{0}}, 0};
    pthread_t threads[MOST_THREADS];
    pthread_barrier_init(&crowd.begin, NULL, count + 1);
    pthread_barrier_init(&crowd.end, NULL, count + 1);
    for (unsigned i = 0; i < count; ++i) {
        members[i].crowd = &crowd;
        members[i].bench = *bench;
        members[i].bench.thread = i;
        must(pthread_create(&threads[i], NULL, take_part, &members[i]) == 0, "a thread");
    }
    double best = 1e18;
    for (int batch = -1; batch < batches; ++batch) {
        pthread_barrier_wait(&crowd.begin);
        pthread_barrier_wait(&crowd.end);
        double begin = members[0].begin_ns;
        double end = members[0].end_ns;
        for (unsigned i = 1; i < count; ++i) {
            begin = members[i].begin_ns < begin ? members[i].begin_ns : begin;
            end = members[i].end_ns > end ? members[i].end_ns : end;
        }
        const double ns = (end - begin) / operations;
        if (batch >= 0 && ns < best)
            best = ns;
    }
    crowd.is_over = 1;
    pthread_barrier_wait(&crowd.begin);
    for (unsigned i = 0; i < count; ++i)
        pthread_join(threads[i], NULL);
    return best;
}

static const char* only; /* this scenario; NULL: all */

static int is_wanted(const char* scenario) {
    return only == NULL || strcmp(only, scenario) == 0;
}

static void print(const char* scenario, double ns) {
    printf("%s %.1f\n", scenario, ns);
    fflush(stdout);
}

static void measure(const char* memory_directory, const char* disk_directory, double share, int is_on_disk) {
    static struct bench bench;
    char path[4096];
    snprintf(path, sizeof path, "%s/pool-" SIDE, is_on_disk ? disk_directory : memory_directory);
    unlink(path);
    bench.pop = pmemobj_create(path, "bench", POOL_SIZE, 0600);
    if (bench.pop == NULL)
        give_up(path);
    unlink(path);
    bench.root = pmemobj_direct(pmemobj_root(bench.pop, sizeof(struct root)));
    must(bench.root != NULL, "root");
    memset(bench.root, 0, sizeof *bench.root);
    pmemobj_persist(bench.pop, bench.root, sizeof *bench.root);

    const int batches = (int)((is_on_disk ? DISK_BATCHES : MEMORY_BATCHES) * share) + 1;
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; ++i) {
        const struct scenario* const scenario = &scenarios[i];
        if (!is_wanted(scenario->name))
            continue;
        print(scenario->name,
              ns_of(scenario, &bench, is_on_disk ? scenario->on_disk : scenario->in_memory, batches));
    }
    const int operations = is_on_disk ? 50 : 10000;
    if (is_wanted("machine_2_threads"))
        print("machine_2_threads", ns_of_threads(2, machine, &bench, 10000, MEMORY_BATCHES));
    if (is_wanted("tx_1x8_2_threads"))
        print("tx_1x8_2_threads", ns_of_threads(2, tx_1x8, &bench, operations, batches));
    if (is_on_disk && is_wanted("tx_1x8_of_8")) /* of all eight together */
        print("tx_1x8_of_8", ns_of_threads(8, tx_1x8, &bench, operations, batches) / 8);
    pmemobj_close(bench.pop);
    if (is_wanted("open_full"))
        print("open_full",
              ns_to_open_a_full_pool(memory_directory, is_on_disk ? disk_directory : NULL, share));
}

int main(int count, char** arguments) {
    if (count < 5 || count > 6 ||
        (strcmp(arguments[4], "memory") != 0 && strcmp(arguments[4], "disk") != 0)) {
        fprintf(stderr, "usage: %s MEMORY-DIR DISK-DIR PERCENT memory|disk [SCENARIO]\n", arguments[0]);
        return 2;
    }
    const int is_on_disk = strcmp(arguments[4], "disk") == 0;
    start_again_on(is_on_disk, arguments);
    only = arguments[5];
    measure(arguments[1], arguments[2], atof(arguments[3]) / 100, is_on_disk);
    return 0;
}
