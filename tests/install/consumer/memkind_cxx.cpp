// A C++ program with its own exceptions, new and delete beside Terrace: none of them may be touched. Exit
// status 0 when right.
#include <memkind.h>

#include <stdexcept>
#include <vector>

int main() {
    std::vector<void*> blocks;
    for (std::size_t size = 1; size < 100000; size = size * 2 + 1)
        blocks.push_back(memkind_malloc(MEMKIND_REGULAR, size));
    for (void* block : blocks) {
        if (block == nullptr || memkind_detect_kind(block) != MEMKIND_REGULAR)
            return 1;
        memkind_free(MEMKIND_REGULAR, block);
    }
    if (memkind_detect_kind(blocks.data()) != nullptr)
        return 2;  // the program's own memory has become Terrace's
    try {
        throw std::runtime_error("caught");
    } catch (const std::exception&) {
        return 0;
    }
    return 3;
}
