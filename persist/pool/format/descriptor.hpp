// Page descriptors that notice damage. The check is linear: changing a bit of the descriptor changes the check by a
// constant that depends on the bit alone. So two transactions may change different bits of one descriptor at the same
// time, each adding (xor) its own difference, in any order. It is the remainder of the 240 bits as a polynomial modulo
// CRC-16/CCITT's, which finds every damaged byte and every burst of 16 bits, and on top of it a key of the pool and the
// place, so that a descriptor from elsewhere, and zeros, are damage too.
// Thread safety: the atomic changes may race with each other; the rest wants an owner.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "persist/pool/format/media_layout.hpp"

namespace terrace::persist::descriptor {

constexpr unsigned kCheckShift = 48;
constexpr uint64_t kStateBits = (1ull << kCheckShift) - 1;

namespace detail {
extern const std::array<uint16_t, 240> kRemainders;  // of each bit alone
// For whole descriptors: of each byte at each of 30 places.
extern const std::array<std::array<uint16_t, 256>, 30> kByteTable;
}  // namespace detail

// What flipping these bits of word 0 to 3 adds to the check.
inline uint16_t difference(unsigned word, uint64_t bits) {
    const unsigned first = word == 0 ? 0 : 48 + (word - 1) * 64;
    uint16_t sum = 0;
    for (; bits != 0; bits &= bits - 1)
        sum = static_cast<uint16_t>(
            sum ^ detail::kRemainders[first + static_cast<unsigned>(std::countr_zero(bits))]);
    return sum;
}

// Never 0, so that zeros are no descriptor. `offset`: of the descriptor in the file.
constexpr uint16_t key(uint32_t seed, uint64_t offset) {
    const uint64_t mixed = (offset / sizeof(PageDescriptor) + seed) * 0x9E3779B97F4A7C15u;
    return static_cast<uint16_t>(mixed >> 48 | 1);
}

inline uint16_t check_of(const PageDescriptor& d, uint32_t seed, uint64_t offset) {
    uint16_t sum = key(seed, offset);
    const uint64_t words[4] = {d.state & kStateBits, d.type_number, d.bitmap[0], d.bitmap[1]};
    unsigned place = 0;
    for (unsigned word = 0; word < 4; ++word) {
        const unsigned bytes = word == 0 ? 6 : 8;
        if (words[word] != 0) {
            for (unsigned i = 0; i < bytes; ++i)
                sum =
                    static_cast<uint16_t>(sum ^ detail::kByteTable[place + i][words[word] >> (8 * i) & 0xff]);
        }
        place += bytes;
    }
    return sum;
}
inline bool is_sound(const PageDescriptor& d, uint32_t seed, uint64_t offset) {
    return d.state >> kCheckShift == check_of(d, seed, offset);
}
constexpr PageDescriptor empty(uint32_t seed, uint64_t offset) {
    return {uint64_t{key(seed, offset)} << kCheckShift, 0, {0, 0}};
}
// For recovery, which may find a change without its check.
inline void seal(PageDescriptor& d, uint32_t seed, uint64_t offset) {
    d.state = (d.state & kStateBits) | uint64_t{check_of(d, seed, offset)} << kCheckShift;
}

// `place`: a word of a descriptor in memory, which lies there as it lies in the file (both at multiples of 32).
inline uint64_t* state_word_of(uint64_t* place) {
    return reinterpret_cast<uint64_t*>(reinterpret_cast<uintptr_t>(place) & ~uintptr_t{31});
}
inline void add_to_check(uint64_t* place, unsigned word, uint64_t flipped) {
    __atomic_fetch_xor(state_word_of(place), uint64_t{difference(word, flipped)} << kCheckShift,
                       __ATOMIC_RELAXED);
}
inline unsigned word_number(const uint64_t* place) {
    return static_cast<unsigned>(reinterpret_cast<uintptr_t>(place) / 8 % 4);
}

inline void set_bits(uint64_t* place, uint64_t bits) {
    const uint64_t before = __atomic_fetch_or(place, bits, __ATOMIC_RELAXED);
    add_to_check(place, word_number(place), bits & ~before);
}
inline void clear_bits(uint64_t* place, uint64_t bits) {
    const uint64_t before = __atomic_fetch_and(place, ~bits, __ATOMIC_RELAXED);
    add_to_check(place, word_number(place), bits & before);
}
// A new state (the check in it is kept up, not taken from `value`) or a new type number.
inline void store(uint64_t* place, uint64_t value) {
    const unsigned word = word_number(place);
    if (word != 0) {
        const uint64_t before = __atomic_exchange_n(place, value, __ATOMIC_RELAXED);
        add_to_check(place, word, before ^ value);
        return;
    }
    uint64_t before = __atomic_load_n(place, __ATOMIC_RELAXED);
    for (;;) {
        const uint64_t flipped = (before ^ value) & kStateBits;
        const uint64_t after = before ^ flipped ^ uint64_t { difference(0, flipped) } << kCheckShift;
        if (__atomic_compare_exchange_n(place, &before, after, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return;
    }
}

}  // namespace terrace::persist::descriptor
