// A C++ program with its own exceptions, new and delete beside Terrace: none of them may be touched. Exit
// status 0 when right.
#include <memkind.h>
#include <memkind_pmr.h>
#include <pmem_allocator.h>

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
    const libmemkind::pmem::allocator<int> in_file("/tmp", 0);
    std::vector<int, libmemkind::pmem::allocator<int>> numbers(1000, 1, in_file);
    std::vector<int, terrace::allocator<int>> others(numbers.begin(), numbers.end(), MEMKIND_REGULAR);
    terrace::memory_resource resource(in_file.kind());
    std::pmr::vector<int> more(others.begin(), others.end(), &resource);
    if (memkind_detect_kind(numbers.data()) != in_file.kind() ||
        memkind_detect_kind(others.data()) != MEMKIND_REGULAR ||
        memkind_detect_kind(more.data()) != in_file.kind())
        return 4;
    try {
        throw std::runtime_error("caught");
    } catch (const std::exception&) {
        return 0;
    }
    return 3;
}
