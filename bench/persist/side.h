/* What the programs about durable objects share: the clock, copying a file, and saying whether memory is durable. */
#ifndef BENCH_SIDE_H
#define BENCH_SIDE_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if defined(BENCH_SIDE_TERRACE)
#define SIDE "terrace"
#elif defined(BENCH_SIDE_LMDB)
#define SIDE "lmdb"
#else
#define SIDE "peer"
#endif

/* Ends the program with what was done, errno and the library's message. */
void give_up(const char* what);

static inline void must(int is_good, const char* what) {
    if (!is_good)
        give_up(what);
}

static inline double now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static inline int file_exists(const char* path) {
    struct stat status;
    return stat(path, &status) == 0;
}

/* A durable copy; `to_path` is made new. */
static inline void copy_file(const char* from_path, const char* to_path) {
    static char bytes[1 << 20];
    const int from = open(from_path, O_RDONLY);
    const int to = open(to_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must(from >= 0 && to >= 0, to_path);
    for (ssize_t count; (count = read(from, bytes, sizeof bytes)) != 0;)
        must(count > 0 && write(to, bytes, (size_t)count) == count, to_path);
    must(fsync(to) == 0, to_path);
    close(from);
    close(to);
}

/* The peer takes only MAP_SYNC for an answer when it asks whether memory is durable, so it is told, in the environment, before
 * it is loaded: in memory cache lines are flushed, on disk there is msync. */
static inline void start_again_on(int is_on_disk, char** arguments) {
    const char* const is_durable = is_on_disk ? "0" : "1";
    const char* const told = getenv("PMEM_IS_PMEM_FORCE");
    if (told != NULL && strcmp(told, is_durable) == 0)
        return;
    setenv("PMEM_IS_PMEM_FORCE", is_durable, 1);
    execv("/proc/self/exe", arguments);
    give_up("cannot start itself again");
}

#endif
