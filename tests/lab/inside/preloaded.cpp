// An ordinary program: allocates, touches, and prints how many KiB lie on which node. It knows nothing of kinds;
// preload.sh runs it under the preload libraries.
//     lab_preloaded COUNT BYTES
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "tests/lab/inside/machine.hpp"

int main(int argc, char** argv) {
    if (argc != 3)
        return 2;
    const std::size_t count = std::strtoul(argv[1], nullptr, 10);
    const std::size_t size = std::strtoul(argv[2], nullptr, 10);
    std::vector<char*> blocks(count);
    terrace::lab::Pages pages;
    for (char*& block : blocks) {
        block = static_cast<char*>(std::malloc(size));
        if (block == nullptr)
            return 1;
        for (const auto& [node, its] : terrace::lab::touch_and_survey(block, size))
            pages[node] += its;
    }
    for (const auto& [node, its] : pages)
        std::printf("%d %zu\n", node, its * 4);
    for (char* block : blocks)
        std::free(block);
}
