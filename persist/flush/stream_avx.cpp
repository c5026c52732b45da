// Streaming whole cache lines with AVX, 32 bytes at a time.
// The stores bypass the caches, so that nothing has to be written back; flush.hpp's fence orders them.
// Compiled for avx as a whole: nothing here may be inline and shared with other files.
#include <immintrin.h>

#include "persist/flush/cpu.hpp"

namespace terrace::persist {
namespace {

[[gnu::always_inline]] inline void stream_line(char* to, const char* from) {
    const __m256i v0 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    const __m256i v1 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 32));
    _mm256_stream_si256(reinterpret_cast<__m256i*>(to), v0);
    _mm256_stream_si256(reinterpret_cast<__m256i*>(to + 32), v1);
}

void stream_lines_avx(void* to, const void* from, std::size_t lines) {
    char* line = static_cast<char*>(to);
    const char* source = static_cast<const char*>(from);
    for (; lines != 0; --lines, line += kCacheLine, source += kCacheLine)
        stream_line(line, source);
}

void stream_lines_down_avx(void* to, const void* from, std::size_t lines) {
    char* line = static_cast<char*>(to) + lines * kCacheLine;
    const char* source = static_cast<const char*>(from) + lines * kCacheLine;
    for (; lines != 0; --lines)
        stream_line(line -= kCacheLine, source -= kCacheLine);
}

void stream_fill_avx(void* to, unsigned char value, std::size_t lines) {
    const __m256i v = _mm256_set1_epi8(static_cast<char>(value));
    char* line = static_cast<char*>(to);
    for (; lines != 0; --lines, line += kCacheLine) {
        _mm256_stream_si256(reinterpret_cast<__m256i*>(line), v);
        _mm256_stream_si256(reinterpret_cast<__m256i*>(line + 32), v);
    }
}

bool is_available() {
    __builtin_cpu_init();  // asks also whether the kernel saves the wide registers
    return __builtin_cpu_supports("avx") != 0;
}

}  // namespace

constinit const StreamSet kAvxStreams = {
    "avx streams", "PMEM_AVX", is_available, stream_lines_avx, stream_lines_down_avx, stream_fill_avx};

}  // namespace terrace::persist
