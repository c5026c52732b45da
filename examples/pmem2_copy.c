/*
 * Copies a file into durable memory, or into a file of any other kind, waiting for the medium once, at the end.
 *
 *     pmem2_copy FROM TO
 */
#include <fcntl.h>
#include <libpmem2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT_ONCE ((size_t)256 << 10)

/* Maps the whole file, with any granularity; NULL, and why, if that fails. */
static struct pmem2_map* map_file(const char* path, int fd, unsigned protection) {
    struct pmem2_config* config = NULL;
    struct pmem2_source* source = NULL;
    struct pmem2_map* map = NULL;
    if (pmem2_config_new(&config) != 0 ||
        pmem2_config_set_required_store_granularity(config, PMEM2_GRANULARITY_PAGE) != 0 ||
        pmem2_config_set_protection(config, protection) != 0 || pmem2_source_from_fd(&source, fd) != 0 ||
        pmem2_map_new(&map, config, source) != 0)
        pmem2_perror("%s", path);
    pmem2_source_delete(&source);
    pmem2_config_delete(&config);
    return map;
}

int main(int argc, char** argv) {
    struct pmem2_map* from;
    struct pmem2_map* to;
    struct stat facts;
    pmem2_memcpy_fn copy;
    unsigned flags;
    size_t size;
    size_t done;
    int source;
    int target;
    if (argc != 3) {
        fprintf(stderr, "usage: pmem2_copy FROM TO\n");
        return 2;
    }
    source = open(argv[1], O_RDONLY);
    target = open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (source < 0 || target < 0 || fstat(source, &facts) != 0 ||
        posix_fallocate(target, 0, facts.st_size) != 0) {
        perror(source < 0 ? argv[1] : argv[2]);
        return 1;
    }
    from = map_file(argv[1], source, PMEM2_PROT_READ);
    to = map_file(argv[2], target, PMEM2_PROT_READ | PMEM2_PROT_WRITE);
    if (from == NULL || to == NULL)
        return 1;

    copy = pmem2_get_memcpy_fn(to);
    size = pmem2_map_get_size(to);
    /* On durable memory every piece is on its way while the next one is copied. At page granularity a flush
     * is a system call that waits, so there is one, for everything. */
    flags = pmem2_map_get_store_granularity(to) == PMEM2_GRANULARITY_PAGE ? PMEM2_F_MEM_NOFLUSH
                                                                          : PMEM2_F_MEM_NODRAIN;
    for (done = 0; done < size; done += AT_ONCE)
        copy((char*)pmem2_map_get_address(to) + done, (const char*)pmem2_map_get_address(from) + done,
             size - done < AT_ONCE ? size - done : AT_ONCE, flags);
    if (flags == PMEM2_F_MEM_NOFLUSH)
        pmem2_get_persist_fn(to)(pmem2_map_get_address(to), size);
    else
        pmem2_get_drain_fn(to)();

    printf("%zu bytes are durable\n", size);
    pmem2_map_delete(&from);
    pmem2_map_delete(&to);
    close(source);
    close(target);
    return 0;
}
