// Maps anonymous memory as programs do that manage it themselves, and prints how many MiB of it have which policy.
// Usage: mapper MIB [reserve]: reserve maps addresses first and memory into them, as Java does.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static size_t mebibytes_with(const char* policy) {
    char line[4096];
    size_t pages = 0;
    FILE* const file = fopen("/proc/self/numa_maps", "r");
    while (file != nullptr && fgets(line, sizeof line, file) != nullptr)
        if (const char* const anonymous = strstr(line, "anon=");
            anonymous != nullptr && strstr(line, policy) != nullptr)
            pages += strtoul(anonymous + 5, nullptr, 10);
    if (file != nullptr)
        fclose(file);
    return pages >> 8;
}

int main(int count, char** arguments) {
    const size_t size = strtoul(arguments[1], nullptr, 10) << 20;
    constexpr int kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;
    void* address = nullptr;
    if (count > 2)
        address = mmap(nullptr, size, PROT_NONE, kAnonymous | MAP_NORESERVE, -1, 0);
    errno = 0;
    void* const memory =
        mmap(address, size, PROT_READ | PROT_WRITE, kAnonymous | (address != nullptr ? MAP_FIXED : 0), -1, 0);
    if (memory == MAP_FAILED)
        return 1;
    memset(memory, 1, size);
    printf("preferred %zu others %zu errno %d\n", mebibytes_with(" prefer:0 "), mebibytes_with(" default "),
           errno);
    // What mmap refuses, it refuses as ever.
    if (mmap(nullptr, 0, PROT_READ, kAnonymous, -1, 0) != MAP_FAILED || errno != EINVAL)
        return 2;
    if (mmap(nullptr, size, PROT_READ, MAP_PRIVATE, -1, 0) != MAP_FAILED || errno != EBADF)
        return 3;
    return munmap(memory, size);
}
