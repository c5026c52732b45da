/* A C program that takes memory from a file kind and gives it back. Prints nothing; exit status 0 when right. */
#include <hbwmalloc.h>
#include <memkind.h>
#include <memkind_memtier.h>
#include <string.h>

int main(void) {
    memkind_t file;
    if (memkind_create_pmem("/tmp", 0, &file) != MEMKIND_SUCCESS)
        return 1;
    char* text = memkind_malloc(file, 100);
    if (text == NULL || memkind_detect_kind(text) != file)
        return 2;
    memset(text, 'x', 100);
    memkind_free(NULL, text);

    void* fast = NULL; /* from ordinary memory where there is no other */
    if (hbw_posix_memalign(&fast, 64, 100) != 0 || hbw_malloc_usable_size(fast) < 100)
        return 5;
    hbw_free(fast);

    struct memtier_builder* builder = memtier_builder_new(MEMTIER_POLICY_STATIC_RATIO);
    memtier_builder_add_tier(builder, MEMKIND_DEFAULT, 1);
    memtier_builder_add_tier(builder, file, 1);
    struct memtier_memory* memory = memtier_builder_construct_memtier_memory(builder);
    memtier_builder_delete(builder);
    char* block = memtier_malloc(memory, 1000);
    if (block == NULL)
        return 3;
    memtier_free(block);
    memtier_delete_memtier_memory(memory);
    return memkind_destroy_kind(file) == MEMKIND_SUCCESS ? 0 : 4;
}
