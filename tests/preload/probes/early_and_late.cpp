// Allocating before main in every way there is, after main in every way there is, and across the two.
#include <string>

#include "probe.h"

namespace {

char* from_preinit;
char* from_constructor;
char* from_main;

char* fill(const char* text) {
    char* block = strdup(text);
    CHECK(block != nullptr && is_tiered(block));
    return block;
}

void release(char*& block, const char* text) {
    CHECK(block != nullptr && strcmp(block, text) == 0);
    free(block);
    block = nullptr;
}

void preinit(int, char**, char**) {
    from_preinit = fill("preinit");
}
__attribute__((section(".preinit_array"), used)) void (*const preinit_entry)(int, char**, char**) = preinit;

__attribute__((constructor(101))) void early() {
    free(aligned_alloc(4096, 4096));
    from_constructor = fill("constructor");
}

struct Static {
    std::string text = std::string(1000, 's');
    ~Static() {
        CHECK(text == std::string(1000, 's'));
        text += std::string(100000, 't');
    }
} static_object;

__attribute__((destructor(101))) void late() {
    release(from_main, "main");
    free(fill("destructor"));
    for (int i = 0; i < 1000; ++i)
        free(malloc(static_cast<size_t>(i) * 100));
    // Not stdio's buffer, which may be closed by now.
    const char line[] = "early and late\n";
    CHECK(write(STDOUT_FILENO, line, sizeof line - 1) > 0);
}

void at_exit() {
    free(fill("atexit"));
    auto* large = static_cast<char*>(calloc(1 << 20, 4));
    CHECK(large != nullptr && large[1 << 20] == 0);
    free(large);
}

}  // namespace

int main() {
    atexit(at_exit);
    release(from_preinit, "preinit");
    release(from_constructor, "constructor");
    from_main = fill("main");
    return 0;
}
