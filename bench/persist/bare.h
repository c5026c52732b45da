/* The third side of bench_flush: libpmem's functions as nothing but the instructions that they cannot do without. A persist is one
 * write-back for each line and a fence. Copies and fills are a loop of non-temporal stores of 32 or 16 bytes and a fence:
 * what this machine's memory takes. Not a library: REQUIRES of a copy or fill that it covers whole words, and of whole lines when
 * it is larger than 1 KiB; of a move nothing is said. */
#ifndef BENCH_PERSIST_BARE_H
#define BENCH_PERSIST_BARE_H

#include <cpuid.h>
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline int has_clwb(void) {
    static int answer = -1;
    if (answer < 0) {
        unsigned a, b = 0, c, d;
        answer = __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_CLWB) != 0;
    }
    return answer;
}

static inline void pmem_persist(const void* address, size_t bytes) {
    const uintptr_t end = (uintptr_t)address + bytes;
    uintptr_t line = (uintptr_t)address & ~(uintptr_t)63;
    if (has_clwb())
        for (; line < end; line += 64)
            asm volatile("clwb %0" : "+m"(*(char*)line));
    else
        for (; line < end; line += 64)
            asm volatile("clflushopt %0" : "+m"(*(char*)line));
    _mm_sfence();
}

/* The loops, in the width that this CPU has. */
__attribute__((target("avx"))) static void stream_avx(char* to, const char* from, size_t bytes) {
    for (; bytes >= 32; bytes -= 32, to += 32, from += 32)
        _mm256_stream_si256((__m256i*)to, _mm256_loadu_si256((const __m256i*)from));
}

__attribute__((target("avx"))) static void stream_fill_avx(char* to, int value, size_t bytes) {
    const __m256i all = _mm256_set1_epi8((char)value);
    for (; bytes >= 32; bytes -= 32, to += 32)
        _mm256_stream_si256((__m256i*)to, all);
}

static void stream_sse2(char* to, const char* from, size_t bytes) {
    for (; bytes >= 16; bytes -= 16, to += 16, from += 16)
        _mm_stream_si128((__m128i*)to, _mm_loadu_si128((const __m128i*)from));
}

static void stream_fill_sse2(char* to, int value, size_t bytes) {
    const __m128i all = _mm_set1_epi8((char)value);
    for (; bytes >= 16; bytes -= 16, to += 16)
        _mm_stream_si128((__m128i*)to, all);
}

static inline int is_for_loops(const char* to, size_t bytes) {
    return bytes >= 64 && ((uintptr_t)to | bytes) % 64 == 0;
}

static inline void pmem_memcpy_persist(char* to, const char* from, size_t bytes) {
    if (!is_for_loops(to, bytes)) {
        memcpy(to, from, bytes);
        pmem_persist(to, bytes);
        return;
    }
    if (__builtin_cpu_supports("avx"))
        stream_avx(to, from, bytes);
    else
        stream_sse2(to, from, bytes);
    _mm_sfence();
}

static inline void pmem_memset_persist(char* to, int value, size_t bytes) {
    if (!is_for_loops(to, bytes)) {
        memset(to, value, bytes);
        pmem_persist(to, bytes);
        return;
    }
    if (__builtin_cpu_supports("avx"))
        stream_fill_avx(to, value, bytes);
    else
        stream_fill_sse2(to, value, bytes);
    _mm_sfence();
}

static inline void pmem_memmove_persist(char* to, const char* from, size_t bytes) {
    memmove(to, from, bytes);
    pmem_persist(to, bytes);
}

#endif
