/* What kinds cost beside malloc and free: finding a block's kind, a kind's first use, many kinds, asking for
 * availability, and what is left of memory that was freed and trimmed. Compiled as it is against Terrace and
 * against memkind.
 *
 *     bench_limits_* MEMORY-DIR DISK-DIR PERCENT     PERCENT of the usual number of operations
 *
 * Prints lines "measure number"; units are in bench/limits.txt. Each measure runs in a process of its own
 * that begins before the library's first call. A measure that fails prints nothing, and a word to stderr. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "side.h"

static const char* memory_dir;
static const char* disk_dir;
static double share;

static void give_up(const char* what) {
    fprintf(stderr, "bench_limits: %s\n", what);
    exit(1);
}

static void tell(const char* measure, double value) {
    printf("%s %.3f\n", measure, value);
}

static double seconds_of(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int by_value(const void* left, const void* right) {
    const double difference = *(const double*)left - *(const double*)right;
    return (difference > 0) - (difference < 0);
}

/* KiB of this process's memory that it has written to: what is resident without the pages of programs and
 * libraries, which all processes share. Allocates nothing. */
static double written_kib(void) {
    static char text[4096];
    const int file = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
    const ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0)
        give_up("/proc/self/smaps_rollup cannot be read");
    text[length] = '\0';
    double sum = 0;
    for (const char* name = "Shared_Dirty:"; name != NULL;
         name = strcmp(name, "Shared_Dirty:") == 0 ? "Private_Dirty:" : NULL) {
        const char* const line = strstr(text, name);
        if (line == NULL)
            give_up("/proc/self/smaps_rollup has changed");
        sum += atof(line + strlen(name));
    }
    return sum;
}

static heap_t opened(const char* name) {
    heap_t heap;
    if (!heap_open(name, memory_dir, disk_dir, &heap))
        give_up("there is no such kind here");
    return heap;
}

/* ---- finding a block's kind ---- */

enum { WAYS = 3, REPEATS = 301, BLOCKS = 100, BLOCK_BYTES = 64, MAX_THREADS = 8 };

struct finder {
    pthread_t thread;
    pthread_barrier_t* together;
    memkind_t kind;
    unsigned rounds;
    double extra[WAYS]; /* ns over a free with the kind named; [0] is 0 */
};

/* ns of the thread's own processor time, for each block: so that more threads than CPUs can be compared. */
static double ns_to_free(const struct finder* self, int way) {
    void* blocks[BLOCKS];
    const double begin = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    for (unsigned round = 0; round < self->rounds; ++round) {
        for (int i = 0; i < BLOCKS; ++i)
            blocks[i] = memkind_malloc(self->kind, BLOCK_BYTES);
        if (way == 0) {
            for (int i = 0; i < BLOCKS; ++i)
                memkind_free(self->kind, blocks[i]);
        } else if (way == 1) {
            for (int i = 0; i < BLOCKS; ++i)
                memkind_free(NULL, blocks[i]);
        } else {
            for (int i = 0; i < BLOCKS; ++i) {
                if (memkind_detect_kind(blocks[i]) != self->kind)
                    give_up("a block has the wrong kind");
                memkind_free(self->kind, blocks[i]);
            }
        }
    }
    return (seconds_of(CLOCK_THREAD_CPUTIME_ID) - begin) * 1e9 / BLOCKS / self->rounds;
}

static void* find(void* argument) {
    struct finder* const self = argument;
    double ns[WAYS][REPEATS];
    for (int repeat = -1; repeat < REPEATS; ++repeat) { /* -1 fills the caches */
        pthread_barrier_wait(self->together);
        for (int way = 0; way < WAYS; ++way) {
            const double one = ns_to_free(self, way);
            if (repeat >= 0)
                ns[way][repeat] = one;
        }
    }
    /* The ways of one repeat see the same machine: a neighbour on the processor's other half slows all three. */
    for (int way = WAYS - 1; way >= 0; --way) {
        for (int repeat = 0; repeat < REPEATS; ++repeat)
            ns[way][repeat] -= ns[0][repeat];
        qsort(ns[way], REPEATS, sizeof ns[way][0], by_value);
        self->extra[way] = ns[way][REPEATS / 2];
    }
    return NULL;
}

static void measure_finding(const char* name, const char* heap_name, unsigned threads) {
    struct finder finders[MAX_THREADS];
    pthread_barrier_t together;
    pthread_barrier_init(&together, NULL, threads);
    const memkind_t kind = opened(heap_name);
    for (unsigned i = 0; i < threads; ++i) {
        finders[i] =
            (struct finder){.together = &together, .kind = kind, .rounds = (unsigned)(50 * share) + 5};
        if (pthread_create(&finders[i].thread, NULL, find, &finders[i]) != 0)
            give_up("no thread");
    }
    double extra[WAYS] = {0};
    for (unsigned i = 0; i < threads; ++i) {
        pthread_join(finders[i].thread, NULL);
        for (int way = 0; way < WAYS; ++way)
            extra[way] += finders[i].extra[way] / threads;
    }
    char measure[64];
    snprintf(measure, sizeof measure, "free_extra_%s_%u", name, threads);
    tell(measure, extra[1]);
    snprintf(measure, sizeof measure, "detect_extra_%s_%u", name, threads);
    tell(measure, extra[2]);
}

static void finding_regular_1(void) {
    measure_finding("regular", "regular", 1);
}
static void finding_regular_2(void) {
    measure_finding("regular", "regular", 2);
}
static void finding_regular_8(void) {
    measure_finding("regular", "regular", 8);
}
static void finding_file_1(void) {
    measure_finding("file", "file_memory", 1);
}
static void finding_file_2(void) {
    measure_finding("file", "file_memory", 2);
}

/* ---- a kind's first use ---- */

static void measure_first_use(const char* name) {
    const double before = written_kib();
    char* const memory = memkind_malloc(opened(name), 100);
    if (memory == NULL)
        give_up("out of memory");
    memory[0] = 1;
    const double used = written_kib() - before;
    char measure[64];
    snprintf(measure, sizeof measure, "first_use_%s", name);
    tell(measure, used);
}

static void first_use_default(void) {
    measure_first_use("default");
}
static void first_use_regular(void) {
    measure_first_use("regular");
}
static void first_use_hbw(void) {
    measure_first_use("hbw");
}
static void first_use_file_memory(void) {
    measure_first_use("file_memory");
}
static void first_use_file_disk(void) {
    measure_first_use("file_disk");
}
static void first_use_fixed(void) {
    measure_first_use("fixed");
}

/* ---- many kinds ---- */

enum { WANTED_KINDS = 2000 };

static void many_kinds(void) {
    static memkind_t kinds[WANTED_KINDS];
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files); /* a kind has a descriptor */
    }
    memkind_free(MEMKIND_DEFAULT, memkind_malloc(MEMKIND_DEFAULT, 100));
    const double before = written_kib();
    const double begin = seconds_of(CLOCK_MONOTONIC);
    int made = 0;
    while (made < WANTED_KINDS && memkind_create_pmem(memory_dir, 0, &kinds[made]) == MEMKIND_SUCCESS) {
        char* const memory = memkind_malloc(kinds[made++], 100);
        if (memory == NULL)
            break;
        memory[0] = 1;
    }
    const double created = seconds_of(CLOCK_MONOTONIC);
    const double used = written_kib() - before;
    tell("kinds_made", made);
    if (made == 0)
        return;
    tell("kinds_create", (created - begin) * 1e6 / made);
    tell("kinds_resident", used / made);
    const double destroying = seconds_of(CLOCK_MONOTONIC);
    for (int i = 0; i < made; ++i)
        memkind_destroy_kind(kinds[i]);
    tell("kinds_destroy", (seconds_of(CLOCK_MONOTONIC) - destroying) * 1e6 / made);
}

/* ---- availability ---- */

static void check_all(void) {
    const memkind_t all[] = {MEMKIND_DEFAULT,
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
                             MEMKIND_HIGHEST_BANDWIDTH_LOCAL_PREFERRED};
    unsetenv("MEMKIND_HBW_NODES"); /* looking for such nodes is part of the cost */
    const double before = written_kib();
    const double begin = seconds_of(CLOCK_MONOTONIC);
    int available = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i)
        available += memkind_check_available(all[i]) == MEMKIND_SUCCESS;
    const double ms = (seconds_of(CLOCK_MONOTONIC) - begin) * 1e3;
    const double used = written_kib() - before;
    if (available == 0)
        give_up("not even MEMKIND_DEFAULT is available");
    tell("check_all_time", ms);
    tell("check_all_resident", used);
}

/* ---- memory that comes back ---- */

/* KiB of the file that a kind in `dir` has: the only open one there. */
static double file_kib(const char* dir) {
    DIR* const descriptors = opendir("/proc/self/fd");
    if (descriptors == NULL)
        give_up("/proc/self/fd cannot be read");
    double sum = 0;
    for (const struct dirent* entry; (entry = readdir(descriptors)) != NULL;) {
        char target[512];
        const ssize_t length = readlinkat(dirfd(descriptors), entry->d_name, target, sizeof target - 1);
        struct stat status;
        if (length > 0 && strncmp(target, dir, strlen(dir)) == 0 &&
            fstat(atoi(entry->d_name), &status) == 0 && S_ISREG(status.st_mode))
            sum += (double)status.st_blocks / 2;
    }
    closedir(descriptors);
    return sum;
}

enum {
    TRIM_BYTES = 256 << 20,
    TRIM_LEAST = 16,
    TRIM_MOST = 16384,
    TRIM_BLOCKS = TRIM_BYTES / (TRIM_MOST / 2)
};

/* Fills `kind` with 256 MiB of blocks of random sizes and a few large ones, frees all in another order than
 * they came, trims, and tells how many percent of the peak are left. */
static void measure_trim(const char* name, const char* dir) {
    static void* blocks[TRIM_BLOCKS];
    const memkind_t kind = opened(name);
    memkind_free(kind, memkind_malloc(kind, 100));
    const double before = dir != NULL ? 0 : written_kib();
    uint32_t random = 12345;
    for (int i = 0; i < TRIM_BLOCKS; ++i) {
        random = random * 1664525u + 1013904223u;
        const size_t size = i % 1000 == 999 ? 1 << 20 : TRIM_LEAST + (random >> 8) % (TRIM_MOST - TRIM_LEAST);
        blocks[i] = memkind_malloc(kind, size);
        if (blocks[i] == NULL)
            give_up("out of memory");
        memset(blocks[i], 1, size);
    }
    const double peak = dir != NULL ? file_kib(dir) : written_kib() - before;
    for (int i = 0; i < TRIM_BLOCKS; ++i)
        memkind_free(kind, blocks[(size_t)i * 7919 % TRIM_BLOCKS]);
#ifdef BENCH_SIDE_TERRACE
    memkind_trim(kind); /* memkind has no such function: what it gives back on its own is what is measured */
#endif
    const double left = dir != NULL ? file_kib(dir) : written_kib() - before;
    if (peak < TRIM_BYTES / 2048)
        give_up("the memory that was used cannot be seen");
    char measure[64];
    snprintf(measure, sizeof measure, "trim_%s", name);
    tell(measure, left < 0 ? 0 : 100 * left / peak);
}

static void trim_file_memory(void) {
    measure_trim("file_memory", memory_dir);
}
static void trim_file_disk(void) {
    measure_trim("file_disk", disk_dir);
}
static void trim_regular(void) {
    measure_trim("regular", NULL);
}

static void (*const measures[])(void) = {
    finding_regular_1, finding_regular_2, finding_regular_8, finding_file_1,        finding_file_2,
    first_use_default, first_use_regular, first_use_hbw,     first_use_file_memory, first_use_file_disk,
    first_use_fixed,   many_kinds,        check_all,         trim_file_memory,      trim_file_disk,
    trim_regular,
};

int main(int count, char** arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: %s MEMORY-DIR DISK-DIR PERCENT\n", arguments[0]);
        return 2;
    }
    memory_dir = arguments[1];
    disk_dir = arguments[2];
    share = atof(arguments[3]) / 100;
    name_an_hbw_node();
    for (size_t i = 0; i < sizeof measures / sizeof *measures; ++i) {
        const pid_t child = fork();
        if (child == 0) {
            measures[i]();
            exit(0); /* with its output */
        }
        int status = -1;
        waitpid(child, &status, 0);
        if (WIFSIGNALED(status))
            fprintf(stderr, "bench_limits: measure %zu ended by signal %d\n", i, WTERMSIG(status));
    }
    return 0;
}
