/* A C program that maps a file at any granularity and makes a store durable. Exit status 0 when right. */
#include <fcntl.h>
#include <libpmem2.h>
#include <string.h>
#include <unistd.h>

int main(void) {
    const char* path = "libpmem2_consumer.file";
    struct pmem2_config* config = NULL;
    struct pmem2_source* source = NULL;
    struct pmem2_map* map = NULL;
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || lseek(fd, (1 << 20) - 1, SEEK_SET) < 0 || write(fd, "", 1) != 1)
        return 1;
    if (pmem2_config_new(&config) != 0 || pmem2_source_from_fd(&source, fd) != 0 ||
        pmem2_config_set_required_store_granularity(config, PMEM2_GRANULARITY_PAGE) != 0 ||
        pmem2_map_new(&map, config, source) != 0 || pmem2_map_get_size(map) != 1 << 20)
        return 2;
    pmem2_get_memcpy_fn(map)(pmem2_map_get_address(map), "durable", 8, 0);
    const int wrong = strcmp(pmem2_map_get_address(map), "durable") != 0 || pmem2_map_delete(&map) != 0;
    pmem2_source_delete(&source);
    pmem2_config_delete(&config);
    close(fd);
    unlink(path);
    return wrong ? 3 : 0;
}
