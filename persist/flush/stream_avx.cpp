// Streaming whole cache lines with AVX, 32 bytes at a time.
// The stores bypass the caches, so that nothing has to be written back; flush.hpp's fence orders them.
// Compiled for avx as a whole: nothing here may be inline and shared with other files.
#include <immintrin.h>

#include "persist/flush/cpu.hpp"

namespace terrace::persist {

void stream_lines_avx(void* to, const void* from, std::size_t lines) {
    char* line = static_cast<char*>(to);
    const char* source = static_cast<const char*>(from);
    for (; lines != 0; --lines, line += kCacheLine, source += kCacheLine) {
        const __m256i v0 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(source));
        const __m256i v1 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(source + 32));
        _mm256_stream_si256(reinterpret_cast<__m256i*>(line), v0);
        _mm256_stream_si256(reinterpret_cast<__m256i*>(line + 32), v1);
    }
}

void stream_fill_avx(void* to, unsigned char value, std::size_t lines) {
    const __m256i v = _mm256_set1_epi8(static_cast<char>(value));
    char* line = static_cast<char*>(to);
    for (; lines != 0; --lines, line += kCacheLine) {
        _mm256_stream_si256(reinterpret_cast<__m256i*>(line), v);
        _mm256_stream_si256(reinterpret_cast<__m256i*>(line + 32), v);
    }
}

}  // namespace terrace::persist
