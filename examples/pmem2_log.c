/*
 * A log of lines on whatever medium the file lies on: libpmem2 says what a store needs to be durable, and
 * the program adapts.
 *
 *     pmem2_log FILE LINE...     appends the lines, then prints the whole log
 *
 * Durable memory makes each line durable by itself, without a system call. On a disk each such call costs a
 * write to the medium, so the lines of one run go there together. Either way the length in front is stored
 * only when what it counts is durable: a crash leaves a shorter log, never a broken one.
 */
#include <fcntl.h>
#include <libpmem2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_SIZE ((size_t)1 << 20)

struct log {
    uint64_t used; /* bytes of text that are durable */
    char text[LOG_SIZE - sizeof(uint64_t)];
};

static const char* const granularity_names[] = {"byte", "cache line", "page"};

static struct pmem2_map* map_log(const char* path) {
    struct pmem2_config* config = NULL;
    struct pmem2_source* source = NULL;
    struct pmem2_map* map = NULL;
    const int fd = open(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)LOG_SIZE) != 0) {
        perror(path);
        return NULL;
    }
    /* Any granularity will do: the program asks afterwards which one it got. */
    if (pmem2_config_new(&config) != 0 ||
        pmem2_config_set_required_store_granularity(config, PMEM2_GRANULARITY_PAGE) != 0 ||
        pmem2_source_from_fd(&source, fd) != 0 || pmem2_map_new(&map, config, source) != 0)
        pmem2_perror("%s", path);
    pmem2_source_delete(&source);
    pmem2_config_delete(&config);
    close(fd); /* the map stays */
    return map;
}

int main(int argc, char** argv) {
    struct pmem2_map* map;
    struct log* log;
    pmem2_memcpy_fn copy;
    pmem2_drain_fn drain;
    pmem2_persist_fn persist;
    enum pmem2_granularity granularity;
    uint64_t used;
    int i;
    if (argc < 2) {
        fprintf(stderr, "usage: pmem2_log FILE LINE...\n");
        return 2;
    }
    map = map_log(argv[1]);
    if (map == NULL)
        return 1;
    log = pmem2_map_get_address(map);
    granularity = pmem2_map_get_store_granularity(map);
    copy = pmem2_get_memcpy_fn(map);
    drain = pmem2_get_drain_fn(map);
    persist = pmem2_get_persist_fn(map);

    used = log->used;
    for (i = 2; i < argc; ++i) {
        const size_t length = strlen(argv[i]);
        if (length + 1 > sizeof log->text - used) {
            fprintf(stderr, "the log is full\n");
            return 1;
        }
        if (granularity == PMEM2_GRANULARITY_PAGE) {
            memcpy(log->text + used, argv[i], length); /* made durable with the others, below */
            log->text[used + length] = '\n';
            used += length + 1;
        } else {
            copy(log->text + used, argv[i], length, PMEM2_F_MEM_NODRAIN);
            copy(log->text + used + length, "\n", 1, PMEM2_F_MEM_NODRAIN);
            drain(); /* one wait for both */
            used += length + 1;
            log->used = used; /* 8 aligned bytes: all of them or none */
            persist(&log->used, sizeof log->used);
        }
    }
    if (log->used != used) {
        persist(log->text + log->used, used - log->used);
        log->used = used;
        persist(&log->used, sizeof log->used);
    }
    fwrite(log->text, 1, log->used, stdout);
    printf("(%s granularity)\n", granularity_names[granularity]);
    return pmem2_map_delete(&map) == 0 ? 0 : 1;
}
