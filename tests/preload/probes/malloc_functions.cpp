// Every allocation function, with the sizes, alignments and errno values that the C library's manual promises.
#include <malloc.h>

#include <initializer_list>
#include <new>

#include "probe.h"

// Hidden from the compiler, which knows what malloc does: it would leave calls out, and believe that a block
// is gone after a realloc that failed.
template <class T>
T opaque(T value) {
    asm volatile("" : "+r"(value));
    return value;
}

bool is_aligned(const void* block, size_t alignment) {
    return reinterpret_cast<uintptr_t>(block) % alignment == 0;
}

void use(void* block, size_t size) {
    CHECK(block != nullptr);
    CHECK(is_tiered(block));
    CHECK(malloc_usable_size(block) >= size);
    memset(block, 0x5a, malloc_usable_size(block));
}

void check_malloc() {
    for (size_t size = 0; size < 200000; size += 1 + size / 3) {
        void* block = malloc(size);
        use(block, size);
        CHECK(is_aligned(block, 16));
        free(block);
    }
    void* one = malloc(opaque(size_t{0}));
    void* other = malloc(opaque(size_t{0}));
    CHECK(one != nullptr && other != nullptr && one != other);
    free(one);
    free(other);
    for (const size_t size : {SIZE_MAX, SIZE_MAX - 15, SIZE_MAX / 2 + 1}) {
        errno = 0;
        CHECK(malloc(opaque(size)) == nullptr && errno == ENOMEM);
    }
}

void check_calloc() {
    for (size_t size = 1; size < 3000000; size *= 3) {
        void* dirty = malloc(size);
        use(dirty, size);
        free(opaque(dirty));
        auto* block = static_cast<unsigned char*>(calloc(size, 1));
        for (size_t i = 0; i < size; ++i)
            CHECK(block[i] == 0);
        use(block, size);
        free(block);
    }
    void* empty = calloc(opaque(size_t{0}), 5);
    CHECK(empty != nullptr);
    free(empty);
    errno = 0;
    CHECK(calloc(opaque(SIZE_MAX / 2 + 2), 2) == nullptr && errno == ENOMEM);
}

void check_realloc() {
    auto* block = static_cast<char*>(realloc(nullptr, 10));
    use(block, 10);
    strcpy(block, "contents");
    for (const size_t size : {100u, 5000u, 70000u, 5000000u, 300u, 9u}) {
        block = static_cast<char*>(realloc(block, size));
        CHECK(is_aligned(block, 16) && strcmp(block, "contents") == 0 && malloc_usable_size(block) >= size);
    }
    errno = 0;
    CHECK(realloc(opaque(block), opaque(SIZE_MAX - 100)) == nullptr && errno == ENOMEM);
    CHECK(strcmp(block, "contents") == 0);
    errno = 0;
    CHECK(reallocarray(opaque(block), opaque(SIZE_MAX / 2), 3) == nullptr && errno == ENOMEM);
    block = static_cast<char*>(reallocarray(block, 1000, 1000));
    CHECK(strcmp(block, "contents") == 0);
    CHECK(realloc(block, opaque(size_t{0})) == nullptr);
    void* empty = realloc(nullptr, opaque(size_t{0}));
    CHECK(empty != nullptr);
    free(empty);
}

void check_aligned() {
    for (size_t alignment = 1; alignment <= 4u << 20; alignment *= 2) {
        for (const size_t size : {size_t{0}, size_t{1}, size_t{100}, alignment, 3 * alignment + 1}) {
            void* blocks[] = {memalign(alignment, size), aligned_alloc(alignment, size)};
            for (void* block : blocks) {
                use(block, size);
                CHECK(is_aligned(block, alignment) && is_aligned(block, 16));
                CHECK(realloc(block, 0) == nullptr);
            }
            void* block = nullptr;
            errno = 77;
            if (alignment < sizeof(void*)) {
                CHECK(posix_memalign(&block, alignment, size) == EINVAL);
                continue;
            }
            CHECK(posix_memalign(&block, alignment, size) == 0 && errno == 77);
            use(block, size);
            CHECK(is_aligned(block, alignment));
            free(block);
        }
    }
    void* block = nullptr;
    CHECK(posix_memalign(&block, 24, 1) == EINVAL && posix_memalign(&block, 0, 1) == EINVAL);
    CHECK(posix_memalign(&block, 64, opaque(SIZE_MAX)) == ENOMEM);
    errno = 0;
    CHECK(memalign(opaque(SIZE_MAX), 1) == nullptr && errno == EINVAL);
    errno = 0;
    CHECK(aligned_alloc(64, opaque(SIZE_MAX - 64)) == nullptr && errno == ENOMEM);
    void* odd = memalign(opaque(size_t{48}), 100);
    use(odd, 100);
    CHECK(is_aligned(odd, 64));
    free(odd);
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    for (const size_t size : {size_t{0}, size_t{1}, page, page + 1}) {
        void* with_valloc = valloc(size);
        use(with_valloc, size);
        CHECK(is_aligned(with_valloc, page));
        free(with_valloc);
        void* with_pvalloc = pvalloc(size);
        use(with_pvalloc, (size + page - 1) / page * page);
        CHECK(is_aligned(with_pvalloc, page));
        free(with_pvalloc);
    }
    errno = 0;
    CHECK(pvalloc(opaque(SIZE_MAX)) == nullptr && errno == ENOMEM);
}

void check_free() {
    free(nullptr);
    for (const size_t size : {10u, 100000u, 10000000u}) {
        void* block = malloc(size);
        use(block, size);
        errno = 77;
        free(block);
        CHECK(errno == 77);
    }
    CHECK(malloc_usable_size(nullptr) == 0);
}

// glibc 2.36 has not got them; who has a newer header calls them.
void check_sized_free() {
    auto* sized = reinterpret_cast<void (*)(void*, size_t)>(dlsym(RTLD_DEFAULT, "free_sized"));
    auto* aligned =
        reinterpret_cast<void (*)(void*, size_t, size_t)>(dlsym(RTLD_DEFAULT, "free_aligned_sized"));
    if (sized == nullptr || aligned == nullptr)
        return;
    sized(malloc(100), 100);
    sized(nullptr, 0);
    aligned(aligned_alloc(64, 128), 64, 128);
}

struct alignas(128) Wide {
    char bytes[200];
};

void check_new() {
    for (int i = 0; i < 100; ++i) {
        auto* wide = new Wide[3];
        CHECK(is_aligned(wide, 128) && is_tiered(wide));
        memset(static_cast<void*>(wide), 1, 3 * sizeof(Wide));
        delete[] wide;
        void* raw = ::operator new (50, std::align_val_t{4096});
        CHECK(is_aligned(raw, 4096));
        ::operator delete (raw, std::align_val_t{4096});
    }
    CHECK(new (std::nothrow) char[opaque(SIZE_MAX / 2)] == nullptr);
    bool thrown = false;
    try {
        opaque(new char[opaque(SIZE_MAX / 4)]);
    } catch (const std::bad_alloc&) {
        thrown = true;
    }
    CHECK(thrown);
}

void check_questions() {
    void* block = malloc(1 << 20);
    use(block, 1 << 20);
    CHECK(mallinfo2().uordblks + mallinfo2().hblkhd >= 1 << 20);
    CHECK(mallopt(M_MMAP_THRESHOLD, 1 << 16) == 1);
    malloc_trim(0);
    FILE* sink = fopen("/dev/null", "w");
    CHECK(malloc_info(0, sink) == 0);
    CHECK(malloc_info(1, sink) == EINVAL);
    fclose(sink);
    free(block);
}

// What the C library allocates itself for its caller to free.
void check_library_blocks() {
    char* text = nullptr;
    CHECK(asprintf(&text, "%d", 42) == 2 && is_tiered(text));
    free(text);
    text = strdup("text");
    CHECK(is_tiered(text));
    free(text);
    text = realpath("/", nullptr);
    CHECK(is_tiered(text));
    free(text);
    size_t size = 0;
    char* line = nullptr;
    FILE* file = fopen("/proc/self/status", "r");
    CHECK(getline(&line, &size, file) > 0 && is_tiered(line));
    free(line);
    fclose(file);
    FILE* memory = open_memstream(&text, &size);
    for (int i = 0; i < 10000; ++i)
        fprintf(memory, "%d", i);
    fclose(memory);
    CHECK(size == 38890 && is_tiered(text));
    free(text);
}

int main() {
    check_malloc();
    check_calloc();
    check_realloc();
    check_aligned();
    check_free();
    check_sized_free();
    check_new();
    check_questions();
    check_library_blocks();
    puts("all functions keep their promises");
    return 0;
}
