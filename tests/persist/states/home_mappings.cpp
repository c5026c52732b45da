#include "tests/persist/states/home_mappings.hpp"

#include <inttypes.h>

#include <cstdio>

namespace terrace::persist::states {

bool HomeMappings::offset_of(const char* address, uint64_t& offset) {
    const auto place = reinterpret_cast<uintptr_t>(address);
    for (int attempt = 0; attempt < 2; ++attempt) {
        for (const Mapped& mapped : mapped_) {
            if (place >= mapped.begin && place < mapped.end) {
                offset = mapped.offset + (place - mapped.begin);
                return true;
            }
        }
        if (attempt == 0)
            read();
    }
    return false;
}

void HomeMappings::read() {
    mapped_.clear();
    FILE* maps = fopen("/proc/self/maps", "re");
    if (maps == nullptr)
        return;
    char line[512];
    while (fgets(line, sizeof line, maps) != nullptr) {
        uintptr_t begin, end;
        uint64_t offset, inode;
        char permissions[5];
        unsigned device_major, device_minor;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %" SCNx64 " %x:%x %" SCNu64, &begin, &end,
                   permissions, &offset, &device_major, &device_minor, &inode) == 7 &&
            inode == inode_ && permissions[3] == 's')
            mapped_.push_back({begin, end, offset});
    }
    fclose(maps);
}

}  // namespace terrace::persist::states
