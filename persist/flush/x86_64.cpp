// x86-64: which instruction writes a cache line back, and which stores stream. clwb may leave the line in the cache;
// clflushopt throws it out; clflush does so too, and one after the other. All of them, and streaming stores, are
// ordered by sfence.
#include <cpuid.h>
#include <emmintrin.h>
#include <string.h>

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

// What CPUID's leaf 7 says in EBX.
bool has_feature(unsigned bit) {
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx & bit) != 0;
}

// Words, for the ends of a range that is not made of whole lines.
void stream_words_movnti(void* to, const void* from, std::size_t words) {
    long long* word = static_cast<long long*>(to);
    const char* source = static_cast<const char*>(from);
    for (; words != 0; --words, ++word, source += sizeof *word) {
        long long value;
        memcpy(&value, source, sizeof value);
        _mm_stream_si64(word, value);
    }
}

void stream_fill_words_movnti(void* to, unsigned char value, std::size_t words) {
    long long* word = static_cast<long long*>(to);
    const long long filled = static_cast<long long>(value * UINT64_C(0x0101010101010101));
    for (; words != 0; --words, ++word)
        _mm_stream_si64(word, filled);
}

// From how many bytes on streaming is the faster way, its fence included (bench/persist/bench_flush.c). On AMD's Zen 3 it is,
// for whole words of any number: 8 bytes took 109 ns where store, clwb and fence took 168; 64 bytes 107 of 168; 200 bytes
// that begin in the middle of a line 113 of 175. But streamed lines leave the cache, and reading one again costs 180 ns: so
// less than a line, a field of a structure that is being worked on, stays cached, and so do small moves within a structure.
// A range that has bytes to be written back at its ends wins from 256 on. For other CPUs, the bound that PMDK took from its
// measurements on Optane.
constexpr std::size_t kStreamFrom = 256;
constexpr std::size_t kStreamWordsFromOnAmd = 64;
constexpr std::size_t kStreamNearFrom = 2048;

bool is_amd() {
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    if (__get_cpuid(0, &eax, &ebx, &ecx, &edx) == 0)
        return false;
    const unsigned vendor[] = {ebx, edx, ecx};
    return memcmp(vendor, "AuthenticAMD", sizeof vendor) == 0 ||
           memcmp(vendor, "HygonGenuine", sizeof vendor) == 0;
}

constexpr WriteBackSet kWriteBacks[] = {
    {"clwb", "PMEM_NO_CLWB", [] { return has_feature(bit_CLWB); }, write_back_clwb},
    {"clflushopt", "PMEM_NO_CLFLUSHOPT", [] { return has_feature(bit_CLFLUSHOPT); }, write_back_clflushopt},
    {"clflush", nullptr, [] { return true; }, write_back_clflush},
};

constexpr const StreamSet* kStreams[] = {&kMovdir64bStreams, &kAvx512Streams, &kAvxStreams, &kSse2Streams};

}  // namespace

void methods_of_this_cpu(FlushMethods* methods) {
    methods->fence = fence_sfence;
    use_first_of(kWriteBacks, methods);
    methods->stream_from = kStreamFrom;
    methods->stream_near_from = kStreamNearFrom;
    methods->stream_words_from = is_amd() ? kStreamWordsFromOnAmd : kStreamFrom;
    for (const StreamSet* const set : kStreams) {
        if (!may_be_used(*set))
            continue;
        methods->stream_lines = set->lines;
        methods->stream_lines_down = set->lines_down;
        methods->stream_fill = set->fill;
        methods->stream_words = stream_words_movnti;
        methods->stream_fill_words = stream_fill_words_movnti;
        break;
    }
}

}  // namespace terrace::persist
