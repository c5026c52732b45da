// Streaming whole cache lines with AVX-512, a line at a time.
// The stores bypass the caches, so that nothing has to be written back; flush.hpp's fence orders them.
// Compiled for avx512 as a whole: nothing here may be inline and shared with other files.
#include <immintrin.h>

#include "persist/flush/cpu.hpp"

namespace terrace::persist {
namespace {

[[gnu::always_inline]] inline void stream_line(char* to, const char* from) {
    _mm512_stream_si512(reinterpret_cast<__m512i*>(to), _mm512_loadu_si512(from));
}

void stream_lines_avx512(void* to, const void* from, std::size_t lines) {
    char* line = static_cast<char*>(to);
    const char* source = static_cast<const char*>(from);
    for (; lines != 0; --lines, line += kCacheLine, source += kCacheLine)
        stream_line(line, source);
}

void stream_lines_down_avx512(void* to, const void* from, std::size_t lines) {
    char* line = static_cast<char*>(to) + lines * kCacheLine;
    const char* source = static_cast<const char*>(from) + lines * kCacheLine;
    for (; lines != 0; --lines)
        stream_line(line -= kCacheLine, source -= kCacheLine);
}

void stream_fill_avx512(void* to, unsigned char value, std::size_t lines) {
    const __m512i v = _mm512_set1_epi32(static_cast<int>(value * 0x01010101U));
    char* line = static_cast<char*>(to);
    for (; lines != 0; --lines, line += kCacheLine) {
        _mm512_stream_si512(reinterpret_cast<__m512i*>(line), v);
    }
}

bool is_available() {
    __builtin_cpu_init();  // asks also whether the kernel saves the wide registers
    return __builtin_cpu_supports("avx512f") != 0 && !is_set_to("PMEM_AVX", "0");
}

}  // namespace

constinit const StreamSet kAvx512Streams = {
    "avx512 streams",    "PMEM_AVX512F",           is_available,
    stream_lines_avx512, stream_lines_down_avx512, stream_fill_avx512};

}  // namespace terrace::persist
