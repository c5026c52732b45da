// AArch64: DC CVAP cleans a line to the point of persistence, where the CPU has it (the kernel tells); DC CVAC cleans to the point
// of coherency, which is memory. Both may be used by programs: Linux allows it. DSB waits for them. There are no stores
// around the caches that a program could rely on (STNP is a hint), so nothing is streamed.
#include <asm/hwcap.h>
#include <sys/auxv.h>

#include <atomic>
#include <cstdint>

#include "persist/flush/cpu.hpp"

namespace terrace::persist {
namespace {

// The smallest line of any of the caches, which is the step that cleans them all. Reading the register may trap: once.
std::uintptr_t smallest_line() {
    static constinit std::atomic<std::uintptr_t> remembered{0};
    std::uintptr_t bytes = remembered.load(std::memory_order_relaxed);
    if (bytes == 0) {
        std::uint64_t cache_type = 0;
        asm("mrs %0, ctr_el0" : "=r"(cache_type));
        bytes = std::uintptr_t{4} << (cache_type >> 16 & 0xf);
        remembered.store(bytes, std::memory_order_relaxed);
    }
    return bytes;
}

template <typename CleanLine>
[[gnu::always_inline]] inline void for_each_line(const void* address, std::size_t size, CleanLine clean) {
    if (size == 0)
        return;
    const std::uintptr_t line = smallest_line();
    const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(address);
    const std::uintptr_t last = begin + size - 1;
    for (std::uintptr_t at = begin & ~(line - 1); at <= last; at += line)
        clean(at);
}

// The instructions by their numbers: assemblers know DC CVAP only when told that the CPU is an ARMv8.2.
void write_back_cvap(const void* address, std::size_t size) {
    for_each_line(address, size, [](std::uintptr_t line) {
        asm volatile("sys #3, c7, c12, #1, %0" ::"r"(line) : "memory");
    });
}

void write_back_cvac(const void* address, std::size_t size) {
    for_each_line(address, size, [](std::uintptr_t line) {
        asm volatile("sys #3, c7, c10, #1, %0" ::"r"(line) : "memory");
    });
}

// The whole system, not the inner domain only: memory is outside of it.
void fence_dsb() {
    asm volatile("dsb sy" ::: "memory");
}

constexpr WriteBackSet kWriteBacks[] = {
    {"dc cvap", nullptr, [] { return (getauxval(AT_HWCAP) & HWCAP_DCPOP) != 0; }, write_back_cvap},
    {"dc cvac", nullptr, [] { return true; }, write_back_cvac},
};

}  // namespace

void methods_of_this_cpu(FlushMethods* methods) {
    methods->fence = fence_dsb;
    methods->stream_from = SIZE_MAX;
    use_first_of(kWriteBacks, methods);
}

}  // namespace terrace::persist
