// Size classes: the sizes that blocks are rounded up to. Sixteen steps of a power of two would waste less,
// four are jemalloc's choice and programs written for memkind know its numbers (512, 1024, 4096, 5120 are exact):
//
//     8  16 32 48 64  80 96 112 128  160 192 224 256  320 …  64 KiB
//
// Classes up to 14 KiB are small: several blocks share a span. Those from 16 KiB to 64 KiB are blocks of
// their own, but threads cache them too. Class 0 is no class; kLarge stands for every block above 64 KiB.
#pragma once

#include <cstddef>
#include <cstdint>

namespace terrace::kinds {

inline constexpr unsigned kSmallClasses = 36;                  // numbers 1 to 36: 8 B to 14 KiB
inline constexpr unsigned kCachedClasses = kSmallClasses + 9;  // to 45: 16 KiB to 64 KiB
inline constexpr unsigned kLarge = 63;
inline constexpr std::size_t kMostSmall = 14336;
inline constexpr std::size_t kMostCached = 65536;
inline constexpr std::size_t kMostByTable = 4096;  // sizes up to here find their class in a table of bytes

struct SizeClass {
    std::uint32_t size;        // bytes of a block
    std::uint32_t span_size;   // bytes of a span of such blocks, 0 for the classes that are not small
    std::uint16_t blocks;      // in a span: span_size / size, never a rest
    std::uint16_t cache;       // blocks that a thread's cache of one kind holds at most
    std::uint32_t reciprocal;  // offset * reciprocal >> 32 is offset / size for every offset in a span
};

namespace detail {

// The class of sizes above 64: 4 steps between powers of two. 65..80 is class 6.
constexpr unsigned class_by_steps(std::size_t size) {
    // 2^power < size <= 2^(power+1)
    const unsigned power = 63U - static_cast<unsigned>(__builtin_clzl(size - 1));
    return 6 + (power - 6) * 4 + static_cast<unsigned>((size - 1) >> (power - 2) & 3);
}

struct Tables {
    SizeClass classes[kLarge + 1] = {};                 // those beyond the cached ones have no size here
    std::uint8_t by_eighth[kMostByTable / 8 + 1] = {};  // the class of a size, by (size + 7) / 8

    constexpr Tables() {
        unsigned number = 1;
        classes[number++].size = 8;
        for (std::uint32_t size = 16; size <= 64; size += 16)
            classes[number++].size = size;
        for (std::uint32_t power = 64; power < kMostCached; power *= 2)
            for (std::uint32_t step = 1; step <= 4; ++step)
                classes[number++].size = power + step * (power / 4);
        for (number = 1; number <= kCachedClasses; ++number)
            complete(number);
        for (std::size_t eighth = 0; eighth <= kMostByTable / 8; ++eighth) {
            unsigned fitting = 1;
            while (classes[fitting].size < eighth * 8)
                ++fitting;
            by_eighth[eighth] = static_cast<std::uint8_t>(fitting);
        }
    }

    // Spans are 16 to 64 KiB, four or more blocks, without a rest: every class is k * 2^n bytes with k from 4
    // to 7, and so is some number of KiB in that range.
    constexpr void complete(unsigned number) {
        SizeClass& its = classes[number];
        constexpr std::uint32_t kCacheBytes = 64 << 10;
        const std::uint32_t affordable = kCacheBytes / its.size;
        const std::uint16_t least = its.size > kMostSmall ? 12 : 20;
        its.cache = affordable > 256     ? std::uint16_t{256}
                    : affordable < least ? least
                                         : static_cast<std::uint16_t>(affordable);
        if (number > kSmallClasses)
            return;
        its.span_size = its.size;
        while (its.span_size < (16 << 10) || its.span_size % 4096 != 0 || its.span_size / its.size < 4)
            its.span_size *= 2;
        if (its.span_size / its.size < 8 && its.span_size <= (32 << 10))
            its.span_size *= 2;
        if (its.size == 48)
            its.span_size = 24 << 10;
        its.blocks = static_cast<std::uint16_t>(its.span_size / its.size);
        its.reciprocal = static_cast<std::uint32_t>((std::uint64_t{1} << 32) / its.size + 1);
    }
};

}  // namespace detail

// Not inline: a name that several libraries share would be visible in the static ones.
constexpr detail::Tables kTables{};

// The number of the smallest class that holds `size` bytes. REQUIRES: 0 < size <= kMostCached.
constexpr unsigned class_of_size(std::size_t size) {
    if (size <= kMostByTable) [[likely]]
        return kTables.by_eighth[(size + 7) / 8];
    return detail::class_by_steps(size);
}

constexpr const SizeClass& size_class(std::size_t number) {
    return kTables.classes[number];
}

static_assert(size_class(kSmallClasses).size == kMostSmall && size_class(kCachedClasses).size == kMostCached);
static_assert(class_of_size(1) == 1 && class_of_size(9) == 2 && class_of_size(65) == 6 &&
              class_of_size(1024) == class_of_size(1023));
static_assert(size_class(class_of_size(kMostByTable)).size == kMostByTable &&
              class_of_size(kMostByTable + 1) == class_of_size(kMostByTable) + 1);
static_assert(size_class(class_of_size(1025)).size == 1280 && size_class(class_of_size(5120)).size == 5120);

}  // namespace terrace::kinds
