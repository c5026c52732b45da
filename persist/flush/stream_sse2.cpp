// Streaming whole cache lines with SSE2, 16 bytes at a time, which every x86-64 has.
// The stores bypass the caches, so that nothing has to be written back; flush.hpp's fence orders them.
// Compiled for sse2 as a whole: nothing here may be inline and shared with other files.
#include <immintrin.h>

#include "persist/flush/cpu.hpp"

namespace terrace::persist {

void stream_lines_sse2(void* to, const void* from, std::size_t lines) {
    char* line = static_cast<char*>(to);
    const char* source = static_cast<const char*>(from);
    for (; lines != 0; --lines, line += kCacheLine, source += kCacheLine) {
        const __m128i v0 = _mm_loadu_si128(reinterpret_cast<const __m128i*>(source));
        const __m128i v1 = _mm_loadu_si128(reinterpret_cast<const __m128i*>(source + 16));
        const __m128i v2 = _mm_loadu_si128(reinterpret_cast<const __m128i*>(source + 32));
        const __m128i v3 = _mm_loadu_si128(reinterpret_cast<const __m128i*>(source + 48));
        _mm_stream_si128(reinterpret_cast<__m128i*>(line), v0);
        _mm_stream_si128(reinterpret_cast<__m128i*>(line + 16), v1);
        _mm_stream_si128(reinterpret_cast<__m128i*>(line + 32), v2);
        _mm_stream_si128(reinterpret_cast<__m128i*>(line + 48), v3);
    }
}

void stream_fill_sse2(void* to, unsigned char value, std::size_t lines) {
    const __m128i v = _mm_set1_epi8(static_cast<char>(value));
    char* line = static_cast<char*>(to);
    for (; lines != 0; --lines, line += kCacheLine) {
        _mm_stream_si128(reinterpret_cast<__m128i*>(line), v);
        _mm_stream_si128(reinterpret_cast<__m128i*>(line + 16), v);
        _mm_stream_si128(reinterpret_cast<__m128i*>(line + 32), v);
        _mm_stream_si128(reinterpret_cast<__m128i*>(line + 48), v);
    }
}

}  // namespace terrace::persist
