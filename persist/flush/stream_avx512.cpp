// Streaming whole cache lines with AVX-512, a line at a time.
// The stores bypass the caches, so that nothing has to be written back; flush.hpp's fence orders them.
// Compiled for avx512 as a whole: nothing here may be inline and shared with other files.
#include <immintrin.h>

#include "persist/flush/cpu.hpp"

namespace terrace::persist {

void stream_lines_avx512(void* to, const void* from, std::size_t lines) {
    char* line = static_cast<char*>(to);
    const char* source = static_cast<const char*>(from);
    for (; lines != 0; --lines, line += kCacheLine, source += kCacheLine) {
        const __m512i v0 = _mm512_loadu_si512(source);
        _mm512_stream_si512(reinterpret_cast<__m512i*>(line), v0);
    }
}

void stream_fill_avx512(void* to, unsigned char value, std::size_t lines) {
    const __m512i v = _mm512_set1_epi32(static_cast<int>(value * 0x01010101U));
    char* line = static_cast<char*>(to);
    for (; lines != 0; --lines, line += kCacheLine) {
        _mm512_stream_si512(reinterpret_cast<__m512i*>(line), v);
    }
}

}  // namespace terrace::persist
