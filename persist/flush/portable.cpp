// For a CPU that no other file knows: msync(2) is the one way of making a mapping durable that always works.
// It also works on mappings of ordinary files, so that whoever finds this table in use loses speed, not data.
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include "persist/flush/cpu.hpp"

namespace terrace::persist {
namespace {

void write_back_msync(const void* address, std::size_t size) {
    if (size == 0)
        return;
    const int saved_errno = errno;
    const std::uintptr_t page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(address);
    const std::uintptr_t first_page = begin & ~(page - 1);
    // Its failure cannot be told to a caller of pmem_flush; memory that is no mapping of a file needs no msync.
    (void)msync(reinterpret_cast<void*>(first_page), begin + size - first_page, MS_SYNC);
    errno = saved_errno;
}

void fence_nothing_is_pending() {
    asm volatile("" ::: "memory");  // msync has waited already
}

}  // namespace

void portable_methods(FlushMethods* methods) {
    methods->name = "msync";
    methods->write_back = write_back_msync;
    methods->stream_lines = nullptr;
    methods->stream_fill = nullptr;
    methods->stream_from = SIZE_MAX;
    methods->fence = fence_nothing_is_pending;
}

}  // namespace terrace::persist
