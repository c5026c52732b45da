/* A program over libpmem2.h as a user writes it, in C99 and every later C, and in C++11 and every later
 * C++. Exit status 0 when right. */
#include <fcntl.h>
#include <libpmem2.h>
#include <libpmem2/base.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int check_constants(void) {
    return PMEM2_E_UNKNOWN == -100000 && PMEM2_E_IO_FAIL == -100037 && PMEM2_GRANULARITY_BYTE == 0 &&
           PMEM2_GRANULARITY_PAGE == 2 && PMEM2_SHARED == 0 && PMEM2_PRIVATE == 1 &&
           PMEM2_PROT_WRITE == 0x80000000U && PMEM2_PROT_NONE == 0 && PMEM2_F_MEM_VALID_FLAGS == 63U &&
           sizeof(struct pmem2_badblock) == 2 * sizeof(size_t);
}

static int store_and_read(int fd) {
    struct pmem2_config* config = NULL;
    struct pmem2_source* source = NULL;
    struct pmem2_map* map = NULL;
    pmem2_memcpy_fn copy;
    char text[7] = "";
    if (pmem2_config_new(&config) != 0 || pmem2_source_from_fd(&source, fd) != 0 ||
        pmem2_config_set_required_store_granularity(config, PMEM2_GRANULARITY_PAGE) != 0 ||
#ifndef __cplusplus /* where an enum cannot have another value */
        pmem2_config_set_sharing(config, (enum pmem2_sharing_type)2) != PMEM2_E_INVALID_SHARING_VALUE ||
        pmem2_config_set_required_store_granularity(config, (enum pmem2_granularity)9) !=
            PMEM2_E_GRANULARITY_NOT_SUPPORTED ||
#endif
        pmem2_map_new(&map, config, source) != 0) {
        pmem2_perror("%s", "mapping");
        return 1;
    }
    copy = pmem2_get_memcpy_fn(map);
    copy(pmem2_map_get_address(map), "stored", 7, PMEM2_F_MEM_NODRAIN);
    pmem2_get_drain_fn(map)();
    pmem2_config_delete(&config);
    pmem2_map_delete(&map);
    if (pmem2_source_pread_mcsafe(source, text, 7, 0) != 0 || strcmp(text, "stored") != 0)
        return 2;
    return pmem2_source_delete(&source);
}

int main(int argc, char** argv) {
    int fd;
    int result;
    if (argc != 2 || !check_constants())
        return 10;
    fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, 4096) != 0)
        return 11;
    result = store_and_read(fd);
    close(fd);
    unlink(argv[1]);
    return result;
}
