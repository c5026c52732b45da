// Allocates from OpenMP's memory spaces, in every way that OpenMP has, from several threads, and prints whose
// memory it is: "ours KIND" when libmemkind's address-to-kind function knows it, else "the C library's".
// Knows nothing of Terrace but that function, which it looks up in the library that the OpenMP run-time has loaded.
#include <dlfcn.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void* detect_kind(void*);

static void* library;  // NULL when nobody has loaded it

static const char* owner_of(void* block) {
    static const char* const kinds[] = {
        "MEMKIND_DEFAULT",       "MEMKIND_INTERLEAVE", "MEMKIND_HBW",          "MEMKIND_HBW_INTERLEAVE",
        "MEMKIND_HBW_PREFERRED", "MEMKIND_DAX_KMEM",   "MEMKIND_DAX_KMEM_ALL", "MEMKIND_DAX_KMEM_PREFERRED"};
    detect_kind* detect = library != NULL ? (detect_kind*)dlsym(library, "memkind_detect_kind") : NULL;
    void* kind = detect != NULL ? detect(block) : NULL;
    if (kind == NULL)
        return "the C library's";
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        void** symbol = dlsym(library, kinds[i]);
        if (symbol != NULL && *symbol == kind)
            return kinds[i];
    }
    return "ours, of an unexpected kind";
}

static void use(const char* name, omp_allocator_handle_t allocator) {
    void* blocks[4] = {NULL, NULL, NULL, NULL};
#pragma omp parallel for num_threads(4)
    for (int i = 0; i < 4; i++) {
        const size_t size = (size_t)100 << (4 * i);
        for (int round = 0; round < 1000; round++) {
            char* block = omp_alloc(size, allocator);
            if (block == NULL)
                break;
            memset(block, i, size);
            if (round == 999)
                blocks[i] = block;
            else
                omp_free(block, allocator);
        }
    }
    for (int i = 0; i < 4; i++) {
        if (library == NULL)
            library = dlopen("libmemkind.so.0", RTLD_LAZY | RTLD_NOLOAD);
        if (blocks[i] == NULL) {
            printf("%s: no memory\n", name);
            exit(1);
        }
        if (i == 0 || strcmp(owner_of(blocks[i]), owner_of(blocks[0])) != 0)
            printf("%s: %s\n", name, owner_of(blocks[i]));
    }
    for (int i = 0; i < 4; i++)
        omp_free(blocks[i], allocator);
}

static void use_space(const char* name, omp_memspace_handle_t space, omp_alloctrait_value_t partition) {
    omp_alloctrait_t traits[] = {{omp_atk_partition, partition}};
    const omp_allocator_handle_t allocator = omp_init_allocator(space, 1, traits);
    if (allocator == omp_null_allocator) {
        printf("%s: no allocator\n", name);
        return;
    }
    use(name, allocator);
    omp_destroy_allocator(allocator);
}

int main(void) {
    use("default allocator", omp_default_mem_alloc);
    use("high bandwidth allocator", omp_high_bw_mem_alloc);
    use_space("default space", omp_default_mem_space, omp_atv_environment);
    use_space("default space, interleaved", omp_default_mem_space, omp_atv_interleaved);
    use_space("high bandwidth space", omp_high_bw_mem_space, omp_atv_environment);
    use_space("high bandwidth space, interleaved", omp_high_bw_mem_space, omp_atv_interleaved);
    use_space("large capacity space", omp_large_cap_mem_space, omp_atv_environment);
    return 0;
}
