// Streaming whole cache lines with SSE2, 16 bytes at a time, which every x86-64 has.
// The stores bypass the caches, so that nothing has to be written back; flush.hpp's fence orders them.
// Compiled for sse2 as a whole: nothing here may be inline and shared with other files.
#include <immintrin.h>

#include "persist/flush/cpu.hpp"

namespace terrace::persist {
namespace {

[[gnu::always_inline]] inline void stream_line(char* to, const char* from) {
    const __m128i v0 = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    const __m128i v1 = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 16));
    const __m128i v2 = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 32));
    const __m128i v3 = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 48));
    _mm_stream_si128(reinterpret_cast<__m128i*>(to), v0);
    _mm_stream_si128(reinterpret_cast<__m128i*>(to + 16), v1);
    _mm_stream_si128(reinterpret_cast<__m128i*>(to + 32), v2);
    _mm_stream_si128(reinterpret_cast<__m128i*>(to + 48), v3);
}

void stream_lines_sse2(void* to, const void* from, std::size_t lines) {
    char* line = static_cast<char*>(to);
    const char* source = static_cast<const char*>(from);
    for (; lines != 0; --lines, line += kCacheLine, source += kCacheLine)
        stream_line(line, source);
}

void stream_lines_down_sse2(void* to, const void* from, std::size_t lines) {
    char* line = static_cast<char*>(to) + lines * kCacheLine;
    const char* source = static_cast<const char*>(from) + lines * kCacheLine;
    for (; lines != 0; --lines)
        stream_line(line -= kCacheLine, source -= kCacheLine);
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

bool is_available() {
    return true;
}

}  // namespace

constinit const StreamSet kSse2Streams = {
    "sse2 streams", nullptr, is_available, stream_lines_sse2, stream_lines_down_sse2, stream_fill_sse2};

}  // namespace terrace::persist
