// RISC-V with Zicbom: CBO.CLEAN writes a block of the caches back. A program may use it where the kernel says so (hwprobe; it
// switches the instruction on for programs and tells them the size of a block); elsewhere there is msync. Nothing is
// streamed.
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <iterator>

#include "persist/flush/cpu.hpp"

namespace terrace::persist {
namespace {

// From <asm/hwprobe.h>, which the headers of older kernels do not have.
constexpr long kHwprobe = 258;
constexpr std::int64_t kExtensionsKey = 4;
constexpr std::uint64_t kZicbom = std::uint64_t{1} << 55;
constexpr std::int64_t kZicbomBlockKey = 12;
struct HwprobePair {
    std::int64_t key;
    std::uint64_t value;
};

// 64 on every CPU so far; the kernel's answer once zicbom_is_available() has asked it.
constinit std::atomic<std::uintptr_t> block_bytes{64};

void write_back_cbo_clean(const void* address, std::size_t size) {
    if (size == 0)
        return;
    const std::uintptr_t block = block_bytes.load(std::memory_order_relaxed);
    const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(address);
    const std::uintptr_t last = begin + size - 1;
    for (std::uintptr_t at = begin & ~(block - 1); at <= last; at += block)
        asm volatile(".insn i 0x0f, 2, x0, %0, 1" ::"r"(at) : "memory");  // cbo.clean, for any assembler
}

void fence_everything() {
    asm volatile("fence iorw, iorw" ::: "memory");
}

bool zicbom_is_available() {
    HwprobePair pairs[] = {{kExtensionsKey, 0}, {kZicbomBlockKey, 0}};
    const int saved_errno = errno;
    const bool is_answered = syscall(kHwprobe, pairs, std::size(pairs), 0, nullptr, 0) == 0;
    errno = saved_errno;
    // A key that the kernel does not know becomes -1.
    if (!is_answered || pairs[0].key < 0 || (pairs[0].value & kZicbom) == 0 || pairs[1].key < 0)
        return false;
    const std::uint64_t block = pairs[1].value;
    if (block < 8 || (block & (block - 1)) != 0)
        return false;
    block_bytes.store(block, std::memory_order_relaxed);
    return true;
}

}  // namespace

constinit const WriteBackSet kZicbomWriteBack = {"cbo.clean", nullptr, zicbom_is_available,
                                                 write_back_cbo_clean};

void methods_of_this_cpu(FlushMethods* methods) {
    if (!may_be_used(kZicbomWriteBack)) {
        portable_methods(methods);
        return;
    }
    methods->name = kZicbomWriteBack.name;
    methods->write_back = kZicbomWriteBack.write_back;
    methods->fence = fence_everything;
    methods->stream_from = SIZE_MAX;
}

}  // namespace terrace::persist
