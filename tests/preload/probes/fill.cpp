// fill BYTES BLOCK: allocates blocks until BYTES are there or malloc says no, checks them all, frees them,
// and prints how far it got. Must end well whatever the tiers, the disk and the limits are.
#include <vector>

#include "probe.h"

int main(int count, char** arguments) {
    CHECK(count == 3);
    const size_t bytes = strtoull(arguments[1], nullptr, 10);
    const size_t block = strtoull(arguments[2], nullptr, 10);
    std::vector<unsigned*> blocks;
    blocks.reserve(bytes / block);
    bool refused = false;
    while (blocks.size() < bytes / block && !refused) {
        errno = 0;
        auto* fresh = static_cast<unsigned*>(malloc(block));
        refused = fresh == nullptr;
        if (refused) {
            CHECK(errno == ENOMEM);
        } else {
            for (size_t i = 0; i < block / sizeof(unsigned); ++i)
                fresh[i] = static_cast<unsigned>(blocks.size() + i);
            blocks.push_back(fresh);
        }
    }
    const size_t reached = blocks.size();
    for (size_t n = 0; n < blocks.size(); ++n)
        for (size_t i = 0; i < block / sizeof(unsigned); ++i)
            CHECK(blocks[n][i] == static_cast<unsigned>(n + i));
    for (unsigned* each : blocks)
        free(each);
    printf("%zu bytes%s\n", reached * block, refused ? ", then refused" : "");
    return 0;
}
