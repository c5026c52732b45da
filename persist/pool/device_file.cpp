// See device_file.hpp.
// The descriptor tells the mapping, because it is what the callers have; a pool has one for as long as it is open.
#include "persist/pool/device_file.hpp"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <atomic>

#include "persist/flush/device_dax.hpp"
#include "persist/pool/error_message.hpp"

namespace terrace::persist {
namespace {

constexpr uint32_t kMostDevices = 16;
struct Attached {
    std::atomic<int> file;  // -1: none
    char* memory;
    uint64_t bytes;
};
constinit Attached g_devices[kMostDevices] = {};  // of those that were used
std::atomic<uint32_t> g_used{0};                  // entries beyond were never used

}  // namespace

bool is_device_file(int file) {
    struct stat status;
    return fstat(file, &status) == 0 && is_device_dax(status);
}

int pool_file_bytes(int file, uint64_t& bytes) {
    struct stat status;
    if (fstat(file, &status) != 0)
        return errno;
    if (S_ISREG(status.st_mode)) {
        bytes = static_cast<uint64_t>(status.st_size);
        return 0;
    }
    size_t size = 0;
    if (!is_device_dax(status))
        return EINVAL;
    if (!device_dax_size(status, &size))
        return errno;
    bytes = size;
    return 0;
}

int attach_device(int file, const char* path, bool for_writing) {
    if (!is_device_file(file))
        return 0;
    uint64_t bytes = 0;
    if (int error = pool_file_bytes(file, bytes))
        return fail(error, "%s: %s", path, strerror(error));
    uint32_t slot = 0;
    while (slot < g_used.load(std::memory_order_relaxed) &&
           g_devices[slot].file.load(std::memory_order_relaxed) != -1)
        ++slot;
    if (slot == kMostDevices)
        return fail(EMFILE, "%s: pools on %u devices are open, which is the most", path, kMostDevices);
    void* const memory =
        mmap(nullptr, bytes, for_writing ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED)
        return fail(errno, "%s: the device cannot be mapped: %s", path, strerror(errno));
    madvise(memory, bytes, MADV_DONTFORK);
    g_devices[slot].memory = static_cast<char*>(memory);
    g_devices[slot].bytes = bytes;
    g_devices[slot].file.store(file, std::memory_order_release);
    if (slot == g_used.load(std::memory_order_relaxed))
        g_used.store(slot + 1, std::memory_order_release);
    return 0;
}

void detach_device(int file) {
    for (uint32_t i = 0; i < g_used.load(std::memory_order_relaxed); ++i) {
        if (g_devices[i].file.load(std::memory_order_relaxed) != file)
            continue;
        g_devices[i].file.store(-1, std::memory_order_release);
        munmap(g_devices[i].memory, g_devices[i].bytes);
    }
}

void forget_devices() {
    for (uint32_t i = 0; i < g_used.load(std::memory_order_relaxed); ++i)
        g_devices[i].file.store(-1, std::memory_order_relaxed);
}

char* device_memory(int file, uint64_t offset, uint64_t bytes) {
    const uint32_t used = g_used.load(std::memory_order_acquire);
    for (uint32_t i = 0; i < used; ++i) {
        if (g_devices[i].file.load(std::memory_order_acquire) != file)
            continue;
        const bool is_inside = offset <= g_devices[i].bytes && bytes <= g_devices[i].bytes - offset;
        return is_inside ? g_devices[i].memory + offset : nullptr;
    }
    return nullptr;
}

}  // namespace terrace::persist
