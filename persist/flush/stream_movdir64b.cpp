// Streaming whole cache lines with MOVDIR64B, which moves a line in one piece: 64 bytes that no power cut tears.
// The stores bypass the caches, so that nothing has to be written back; flush.hpp's fence orders them.
// Compiled for movdir64b as a whole: nothing here may be inline and shared with other files.
#include <cpuid.h>
#include <immintrin.h>

#include "persist/flush/cpu.hpp"

namespace terrace::persist {
namespace {

[[gnu::always_inline]] inline void stream_line(char* to, const char* from) {
    _movdir64b(to, from);
}

void stream_lines_movdir64b(void* to, const void* from, std::size_t lines) {
    char* line = static_cast<char*>(to);
    const char* source = static_cast<const char*>(from);
    for (; lines != 0; --lines, line += kCacheLine, source += kCacheLine)
        stream_line(line, source);
}

void stream_lines_down_movdir64b(void* to, const void* from, std::size_t lines) {
    char* line = static_cast<char*>(to) + lines * kCacheLine;
    const char* source = static_cast<const char*>(from) + lines * kCacheLine;
    for (; lines != 0; --lines)
        stream_line(line -= kCacheLine, source -= kCacheLine);
}

void stream_fill_movdir64b(void* to, unsigned char value, std::size_t lines) {
    alignas(kCacheLine) unsigned char filled[kCacheLine];
    for (unsigned char& byte : filled)
        byte = value;
    char* line = static_cast<char*>(to);
    for (; lines != 0; --lines, line += kCacheLine)
        _movdir64b(line, filled);
}

bool is_available() {
    constexpr unsigned kMovdir64bBit = 1U << 28;
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ecx & kMovdir64bBit) != 0;
}

}  // namespace

constinit const StreamSet kMovdir64bStreams = {
    "movdir64b streams",         "PMEM_MOVDIR64B",     is_available, stream_lines_movdir64b,
    stream_lines_down_movdir64b, stream_fill_movdir64b};

}  // namespace terrace::persist
