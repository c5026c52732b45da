/*
 * First steps with libpmem: a file in memory, and a store that is durable when the call returns.
 *
 *     pmem_hello FILE TEXT     writes the text at the beginning of the file, then reads it back through a new
 * mapping
 */
#include <libpmem.h>
#include <stdio.h>
#include <string.h>

#define LENGTH ((size_t)4096)

int main(int argc, char** argv) {
    size_t mapped;
    int is_pmem;
    char* file;
    if (argc != 3 || strlen(argv[2]) >= LENGTH) {
        fprintf(stderr, "usage: pmem_hello FILE TEXT\n");
        return 2;
    }
    file = pmem_map_file(argv[1], LENGTH, PMEM_FILE_CREATE, 0600, &mapped, &is_pmem);
    if (file == NULL) {
        fprintf(stderr, "%s\n", pmem_errormsg());
        return 1;
    }
    if (is_pmem) {
        pmem_memcpy_persist(file, argv[2], strlen(argv[2]) + 1); /* durable memory: no system call */
    } else {
        strcpy(file, argv[2]);
        if (pmem_msync(file, strlen(file) + 1) != 0) {
            fprintf(stderr, "%s\n", pmem_errormsg());
            return 1;
        }
    }
    pmem_unmap(file, mapped);

    file = pmem_map_file(argv[1], 0, 0, 0, &mapped, &is_pmem);
    if (file == NULL) {
        fprintf(stderr, "%s\n", pmem_errormsg());
        return 1;
    }
    printf("%s (made durable by %s)\n", file, is_pmem ? "flushing cache lines" : "msync");
    pmem_unmap(file, mapped);
    return 0;
}
