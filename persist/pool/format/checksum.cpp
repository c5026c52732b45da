// See checksum.hpp. The instruction is chosen once per process; the choice is idempotent, so threads may race
// for it. The table is built at compile time: no constructor runs. The polynomial is 0x1EDC6F41, reflected 0x82F63B78.
#include "persist/pool/format/checksum.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace terrace::persist {
namespace {

constexpr std::array<uint32_t, 256> make_table() {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; ++bit)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0);
        table[i] = crc;
    }
    return table;
}
constexpr std::array<uint32_t, 256> kTable = make_table();

uint32_t step_byte(uint32_t crc, uint8_t byte) {
    return kTable[(crc ^ byte) & 0xff] ^ (crc >> 8);
}

uint32_t step_word(uint32_t crc, uint64_t word) {
    for (int i = 0; i < 8; ++i)
        crc = step_byte(crc, static_cast<uint8_t>(word >> (8 * i)));
    return crc;
}

uint64_t load_word(const unsigned char* p) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

// Not linear, as the streams are: a difference in one stream could otherwise be undone by that of another, and 64 lost
// bytes of one value were. Word for word, equal differences leave equal streams.
uint32_t fold(uint32_t seed, size_t bytes, uint64_t streams01, uint64_t streams23) {
    const uint64_t a = streams01 ^ 0xA0761D6478BD642Fu;
    const uint64_t b =
        streams23 ^ 0xE7037ED1A0B428DBu ^ ((uint64_t{seed} << 32 | bytes) * 0x9E3779B97F4A7C15u);
    const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
    const uint64_t mixed = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
    return static_cast<uint32_t>(mixed ^ mixed >> 32);
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t checksum_words_sse42(uint32_t seed, const void* data,
                                                                size_t bytes) {
    const auto* p = static_cast<const unsigned char*>(data);
    uint64_t stream[4] = {seed, ~seed, seed + 1, ~seed - 1};
    size_t words = bytes / 8;
    for (; words >= 4; words -= 4, p += 32) {
        stream[0] = _mm_crc32_u64(stream[0], load_word(p));
        stream[1] = _mm_crc32_u64(stream[1], load_word(p + 8));
        stream[2] = _mm_crc32_u64(stream[2], load_word(p + 16));
        stream[3] = _mm_crc32_u64(stream[3], load_word(p + 24));
    }
    for (size_t i = 0; i < words; ++i, p += 8)
        stream[i] = _mm_crc32_u64(stream[i], load_word(p));
    return fold(seed, bytes, stream[0] | stream[1] << 32, stream[2] | stream[3] << 32);
}

bool has_crc_instruction() {
    static int known = -1;
    int answer = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (answer < 0) {
        answer = __builtin_cpu_supports("sse4.2") ? 1 : 0;
        __atomic_store_n(&known, answer, __ATOMIC_RELAXED);
    }
    return answer == 1;
}
#endif

}  // namespace

uint32_t crc32c(uint32_t seed, const void* data, size_t bytes) {
    const auto* p = static_cast<const unsigned char*>(data);
    uint32_t crc = ~seed;
    for (size_t i = 0; i < bytes; ++i)
        crc = step_byte(crc, p[i]);
    return ~crc;
}

uint32_t checksum_words_portable(uint32_t seed, const void* data, size_t bytes) {
    const auto* p = static_cast<const unsigned char*>(data);
    uint32_t stream[4] = {seed, ~seed, seed + 1, ~seed - 1};
    for (size_t i = 0; i < bytes / 8; ++i)
        stream[i % 4] = step_word(stream[i % 4], load_word(p + 8 * i));
    return fold(seed, bytes, stream[0] | uint64_t{stream[1]} << 32, stream[2] | uint64_t{stream[3]} << 32);
}

uint32_t checksum_words(uint32_t seed, const void* data, size_t bytes) {
#if defined(__x86_64__)
    if (has_crc_instruction()) [[likely]]
        return checksum_words_sse42(seed, data, bytes);
#endif
    return checksum_words_portable(seed, data, bytes);
}

}  // namespace terrace::persist
