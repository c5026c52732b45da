// For autohbw_test.sh, under AUTO_HBW_SIZE=LOW:HIGH: prints for each border and function the kind that a
// block is in, D (default) or H (the other one), and checks that contents survive a realloc from one to the other.
//   preload_borders LOW HIGH
#include <autohbw_api.h>
#include <malloc.h>

#include <initializer_list>

#include "probe.h"

namespace {

size_t low, high;

char kind_of(void* block) {
    CHECK(block != nullptr);
    using DetectKind = void*(void*);
    static auto* const detect = reinterpret_cast<DetectKind*>(dlsym(RTLD_DEFAULT, "memkind_detect_kind"));
    static void* const default_kind = *static_cast<void**>(dlsym(RTLD_DEFAULT, "MEMKIND_DEFAULT"));
    CHECK(detect(block) != nullptr);
    return detect(block) == default_kind ? 'D' : 'H';
}

template <class Allocate>
void try_borders(const char* name, Allocate allocate) {
    printf("%s ", name);
    for (const size_t size : {size_t{0}, low, low + 1, high - 1, high}) {
        void* block = allocate(size);
        CHECK(malloc_usable_size(block) >= size);
        memset(block, 1, size);
        putchar(kind_of(block));
        free(block);
    }
    putchar('\n');
}

void try_all() {
    try_borders("malloc", [](size_t size) { return malloc(size); });
    try_borders("calloc", [](size_t size) { return calloc(1, size); });
    try_borders("calloc-of-8", [](size_t size) { return calloc((size + 7) / 8, 8); });
    try_borders("realloc", [](size_t size) { return realloc(nullptr, size); });
    try_borders("reallocarray", [](size_t size) { return reallocarray(nullptr, size, 1); });
    try_borders("memalign", [](size_t size) { return memalign(64, size); });
    try_borders("aligned_alloc", [](size_t size) { return aligned_alloc(64, size); });
    try_borders("valloc", [](size_t size) { return valloc(size); });
    try_borders("posix_memalign", [](size_t size) {
        void* block = nullptr;
        CHECK(posix_memalign(&block, 64, size) == 0);
        return block;
    });
}

void try_realloc_across() {
    const size_t sizes[] = {100, low + 1, high - 1, high, low, 10, high + 100, low + 5, 20};
    auto* block = static_cast<char*>(malloc(50));
    strcpy(block, "contents");
    printf("across ");
    for (const size_t size : sizes) {
        block = static_cast<char*>(realloc(block, size));
        CHECK(block != nullptr && strcmp(block, "contents") == 0 && malloc_usable_size(block) >= size);
        putchar(kind_of(block));
    }
    putchar('\n');
    free(block);
}

}  // namespace

int main(int, char** arguments) {
    low = strtoul(arguments[1], nullptr, 10);
    high = strtoul(arguments[2], nullptr, 10);
    try_all();
    try_realloc_across();
    auto* const disable = reinterpret_cast<decltype(&disableAutoHBW)>(dlsym(RTLD_DEFAULT, "disableAutoHBW"));
    auto* const enable = reinterpret_cast<decltype(&enableAutoHBW)>(dlsym(RTLD_DEFAULT, "enableAutoHBW"));
    CHECK(disable != nullptr && enable != nullptr);
    disable();
    try_borders("switched-off", [](size_t size) { return malloc(size); });
    enable();
    try_borders("switched-on", [](size_t size) { return malloc(size); });
    return 0;
}
