#include "kinds/anonymous_source.hpp"

#include <sys/mman.h>
#include <sys/sysinfo.h>

namespace terrace::kinds {

bool AnonymousSource::map(char* address, std::size_t size) {
    // The window is anonymous memory already; only the permission is missing.
    return mprotect(address, size, PROT_READ | PROT_WRITE) == 0;
}

bool AnonymousSource::purge(char* address, std::size_t size) {
    // Not MADV_FREE: memory must leave the resident size at once, and read as zeros.
    return madvise(address, size, MADV_DONTNEED) == 0;
}

std::size_t AnonymousSource::capacity() {
    struct sysinfo machine;
    return sysinfo(&machine) == 0 ? std::size_t{machine.totalram} * machine.mem_unit : 0;
}

}  // namespace terrace::kinds
