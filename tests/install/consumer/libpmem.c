/* A C program that makes a store durable in a mapped file. Exit status 0 when right. */
#include <libpmem.h>
#include <string.h>
#include <unistd.h>

int main(void) {
    const char* path = "libpmem_consumer.pool";
    size_t length = 0;
    int is_pmem = 0;
    char* memory = pmem_map_file(path, 1 << 20, PMEM_FILE_CREATE, 0600, &length, &is_pmem);
    if (memory == NULL || length != 1 << 20)
        return 1;
    strcpy(memory, "durable");
    if (is_pmem)
        pmem_persist(memory, 8);
    else if (pmem_msync(memory, 8) != 0)
        return 2;
    const int unmapped = pmem_unmap(memory, length);
    unlink(path);
    return unmapped == 0 ? 0 : 3;
}
