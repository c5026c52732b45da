/* libpmem_loaded_late LIBPMEM POOL: a program that knows libpmemobj only, and loads libpmem, with its names kept to
 * itself, when a pool is open already. A store is persisted with libpmem, and the program killed by itself; run with the same
 * arguments again it finds the store. */
#include <dlfcn.h>
#include <libpmemobj.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int count, char** arguments) {
    if (count != 3)
        return 2;
    PMEMobjpool* pool = pmemobj_open(arguments[2], "late");
    const int is_second_run = pool != NULL;
    if (pool == NULL)
        pool = pmemobj_create(arguments[2], "late", (size_t)16 << 20, 0600);
    if (pool == NULL) {
        fprintf(stderr, "%s\n", pmemobj_errormsg());
        return 1;
    }
    char* const root = pmemobj_direct(pmemobj_root(pool, 100));
    if (is_second_run) {
        const int is_there = strcmp(root, "persisted") == 0;
        puts(is_there ? "the store is there" : "the store is lost");
        pmemobj_close(pool);
        return is_there ? 0 : 1;
    }
    void* const library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    void (*persist)(const void*, size_t);
    void* const found = library != NULL ? dlsym(library, "pmem_persist") : NULL;
    if (found == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    memcpy(&persist, &found, sizeof persist);
    strcpy(root, "persisted");
    persist(root, 10);
    kill(getpid(), SIGKILL);
    return 1;
}
