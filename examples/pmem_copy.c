/*
 * Copying a file to durable memory: every piece is copied and flushed without waiting, and one drain at the end waits for them
 * all. On an ordinary file system, where flushing cache lines makes nothing durable, one msync at the end does.
 *
 *     pmem_copy FROM TO
 */
#include <errno.h>
#include <fcntl.h>
#include <libpmem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const char* what, const char* why) {
    fprintf(stderr, "pmem_copy: %s: %s\n", what, why);
    return 1;
}

int main(int argc, char** argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: pmem_copy FROM TO\n");
        return 2;
    }
    const int from = open(argv[1], O_RDONLY);
    struct stat status;
    if (from < 0 || fstat(from, &status) != 0)
        return fail(argv[1], strerror(errno));

    /* A new file; if its blocks cannot be had, none is left behind. */
    size_t length;
    int is_pmem;
    char* const to = pmem_map_file(argv[2], (size_t)status.st_size, PMEM_FILE_CREATE | PMEM_FILE_EXCL, 0644,
                                   &length, &is_pmem);
    if (to == NULL)
        return fail(argv[2], pmem_errormsg());

    static char piece[65536];
    size_t copied = 0;
    while (copied < length) {
        const ssize_t bytes = read(from, piece, sizeof piece);
        if (bytes <= 0)
            return fail(argv[1], bytes == 0 ? "it became shorter meanwhile" : strerror(errno));
        const size_t fitting = (size_t)bytes < length - copied ? (size_t)bytes : length - copied;
        if (is_pmem)
            pmem_memcpy_nodrain(to + copied, piece, fitting);
        else
            memcpy(to + copied, piece, fitting);
        copied += fitting;
    }
    if (is_pmem)
        pmem_drain(); /* one for all pieces */
    else if (pmem_msync(to, length) != 0)
        return fail(argv[2], pmem_errormsg());

    printf("%zu bytes, made durable by %s\n", length, is_pmem ? "flushing cache lines" : "msync");
    pmem_unmap(to, length);
    close(from);
    return 0;
}
