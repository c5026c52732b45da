// x86-64: which instruction writes a cache line back, and which vectors stream. clwb leaves the line in the
// cache; clflushopt throws it out; clflush does so too, and one after the other. All of them, and streaming
// stores, are ordered by sfence.
#include <cpuid.h>
#include <emmintrin.h>

#include <cstdint>

#include "persist/flush/cpu.hpp"

namespace terrace::persist {
namespace {

template <typename WriteBackLine>
[[gnu::always_inline]] inline void for_each_line(const void* address, std::size_t size, WriteBackLine line) {
    if (size == 0)
        return;
    const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(address);
    const std::uintptr_t last = begin + size - 1;
    for (std::uintptr_t at = begin & ~(kCacheLine - 1); at <= last; at += kCacheLine)
        line(reinterpret_cast<void*>(at));
}

// The instructions are written out, because a lambda does not inherit its function's target("clwb").
void write_back_clwb(const void* address, std::size_t size) {
    for_each_line(address, size, [](void* line) {
        asm volatile("clwb %0" : "+m"(*static_cast<char*>(line)));
    });
}

void write_back_clflushopt(const void* address, std::size_t size) {
    for_each_line(address, size, [](void* line) {
        asm volatile("clflushopt %0" : "+m"(*static_cast<char*>(line)));
    });
}

void write_back_clflush(const void* address, std::size_t size) {
    for_each_line(address, size, [](void* line) { _mm_clflush(line); });
}

void fence_sfence() {
    _mm_sfence();
}

struct CpuFeatures {
    bool clflushopt = false;
    bool clwb = false;
    bool avx = false;
    bool avx512 = false;
};

CpuFeatures features_of_this_cpu() {
    CpuFeatures features;
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0) {
        features.clflushopt = (ebx & bit_CLFLUSHOPT) != 0;
        features.clwb = (ebx & bit_CLWB) != 0;
    }
    // These two also ask whether the kernel saves the wide registers.
    __builtin_cpu_init();
    features.avx = __builtin_cpu_supports("avx") != 0;
    features.avx512 = __builtin_cpu_supports("avx512f") != 0;
    return features;
}

}  // namespace

void methods_of_this_cpu(const ForbiddenInstructions& forbidden, FlushMethods* methods) {
    const CpuFeatures cpu = features_of_this_cpu();
    methods->fence = fence_sfence;
    if (cpu.clwb && !forbidden.clwb) {
        methods->name = "clwb";
        methods->write_back = write_back_clwb;
    } else if (cpu.clflushopt && !forbidden.clflushopt) {
        methods->name = "clflushopt";
        methods->write_back = write_back_clflushopt;
    } else {
        methods->name = "clflush";
        methods->write_back = write_back_clflush;
    }
    if (forbidden.streaming) {
        methods->stream_lines = nullptr;
        methods->stream_fill = nullptr;
    } else if (cpu.avx512 && !forbidden.avx512 && !forbidden.avx) {
        methods->stream_lines = stream_lines_avx512;
        methods->stream_fill = stream_fill_avx512;
    } else if (cpu.avx && !forbidden.avx) {
        methods->stream_lines = stream_lines_avx;
        methods->stream_fill = stream_fill_avx;
    } else {
        methods->stream_lines = stream_lines_sse2;
        methods->stream_fill = stream_fill_sse2;
    }
}

}  // namespace terrace::persist
