/* What a durable map costs, in ns for each key: the B-tree and the hash table of examples/maps, over Terrace and over Debian's
 * libpmemobj, and LMDB, each with durable commits.
 *
 *     bench_kv_* MEMORY-DIR DISK-DIR PERCENT memory|disk     PERCENT of the usual number of batches
 *
 * A map with many keys is made once for all rounds, in memory, and copied to where it is used. Keys are random, values have
 * 100 bytes. Prints one line per scenario; the best of several batches counts. */
#include "kv.h"
#include "side.h"

enum { KEYS = 100000, IN_ONE_TRANSACTION = 100, MEMORY_BATCHES = 20, DISK_BATCHES = 2 };

struct load {
    struct store* store;
    uint64_t next; /* the first key that is not there */
    uint64_t random;
};

/* Keys without an order: a number and its key are the same thing, mixed. */
static uint64_t key_number(uint64_t number) {
    number = (number ^ (number >> 31)) * 0x7fb5d329728ea185u;
    number = (number ^ (number >> 27)) * 0x81dadef4bc2dd44du;
    return number ^ (number >> 33);
}

static void new_keys(struct load* load, uint64_t* keys, size_t count) {
    for (size_t i = 0; i < count; ++i)
        keys[i] = key_number(load->next++);
}

static void old_keys(struct load* load, uint64_t* keys, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        load->random = load->random * 6364136223846793005u + 1442695040888963407u;
        keys[i] = key_number((load->random >> 33) % KEYS);
    }
}

/* ---- the operations, on `count` keys ---- */

static void put_each(struct load* load, const uint64_t* keys, size_t count) {
    for (size_t i = 0; i < count; ++i)
        kv_put(load->store, &keys[i], 1, 'p');
}

static void put_together(struct load* load, const uint64_t* keys, size_t count) {
    for (size_t i = 0; i < count; i += IN_ONE_TRANSACTION)
        kv_put(load->store, &keys[i], IN_ONE_TRANSACTION, 'q');
}

static void get(struct load* load, const uint64_t* keys, size_t count) {
    load->random += kv_get(load->store, keys, count);
}

static const struct scenario {
    const char* name;
    void (*choose)(struct load*, uint64_t* keys, size_t count);
    void (*run)(struct load*, const uint64_t* keys, size_t count);
    size_t in_memory; /* keys in a batch */
    size_t on_disk;
} scenarios[] = {
    {"put", new_keys, put_each, 2000, 20},    {"put_100", new_keys, put_together, 2000, 100},
    {"update", old_keys, put_each, 2000, 20}, {"update_100", old_keys, put_together, 2000, 100},
    {"get", old_keys, get, 20000, 20000},
};
enum { MOST_IN_A_BATCH = 20000 };

static double ns_of(const struct scenario* scenario, struct load* load, size_t keys, int batches) {
    static uint64_t chosen[MOST_IN_A_BATCH];
    double best = 1e18;
    for (int batch = -1; batch < batches; ++batch) { /* the first one warms up */
        scenario->choose(load, chosen, keys);
        const double begin = now_ns();
        scenario->run(load, chosen, keys);
        const double ns = (now_ns() - begin) / (double)keys;
        if (batch >= 0 && ns < best)
            best = ns;
    }
    return best;
}

static void make_base(const char* path, const char* map) {
    enum { AT_ONCE = 1000 };
    uint64_t keys[AT_ONCE];
    struct load load = {kv_open(path, map, 2 * KEYS), 0, 0};
    while (load.next < KEYS) {
        new_keys(&load, keys, AT_ONCE);
        kv_put(load.store, keys, AT_ONCE, 'b');
    }
    kv_close(load.store);
}

/* The map to work on: in memory a copy of the base for each round, on disk one for all rounds, so that a round does not begin
 * while the disk is still busy with a copy. */
static void file_to_work_on(const char* const* directories, const char* map, int is_on_disk, char* path,
                            size_t bytes) {
    char base[4096];
    snprintf(base, sizeof base, "%s/kv-%s-" SIDE, directories[0], map);
    if (!file_exists(base))
        make_base(base, map);
    snprintf(path, bytes, "%s/kv-work-%s-" SIDE, directories[is_on_disk], map);
    if (!is_on_disk || !file_exists(path))
        copy_file(base, path);
}

int main(int count, char** arguments) {
    if (count != 5 || (strcmp(arguments[4], "memory") != 0 && strcmp(arguments[4], "disk") != 0)) {
        fprintf(stderr, "usage: %s MEMORY-DIR DISK-DIR PERCENT memory|disk\n", arguments[0]);
        return 2;
    }
    const char* const directories[] = {arguments[1], arguments[2]};
    const int is_on_disk = strcmp(arguments[4], "disk") == 0;
    const int batches = (int)((is_on_disk ? DISK_BATCHES : MEMORY_BATCHES) * atof(arguments[3]) / 100) + 1;
    char path[4096];
    if (getenv("PMEM_IS_PMEM_FORCE") == NULL) { /* made in memory, wherever it is used */
        setenv("PMEM_IS_PMEM_FORCE", "1", 1);
        for (const char* const* map = kv_maps; *map != NULL; ++map)
            file_to_work_on(directories, *map, is_on_disk, path, sizeof path);
    }
    start_again_on(is_on_disk, arguments);
    for (const char* const* map = kv_maps; *map != NULL; ++map) {
        file_to_work_on(directories, *map, is_on_disk, path, sizeof path);
        /* Numbers that no earlier round has taken. */
        struct load load = {kv_open(path, *map, 2 * KEYS), KEYS + (uint64_t)now_ns(), 1};
        for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; ++i) {
            const struct scenario* const scenario = &scenarios[i];
            printf("%s_%s %.1f\n", *map, scenario->name,
                   ns_of(scenario, &load, is_on_disk ? scenario->on_disk : scenario->in_memory, batches));
            fflush(stdout);
        }
        kv_close(load.store);
        if (!is_on_disk)
            unlink(path);
    }
    return 0;
}
