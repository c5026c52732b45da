// Size classes of small objects: 16-byte steps up to 128, then eight classes to each doubling up to 16 KiB,
// so at most an eighth of an object is wasted (of small ones at most 15 bytes). A class whose size is a
// multiple of 64 keeps its objects on whole cache lines. Larger objects take whole pages. Everything here is
// computed at compile time.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "persist/pool/format/media_layout.hpp"

namespace terrace::persist {

struct SizeClass {
    uint32_t bytes;
    uint32_t slab_pages;
    uint32_t capacity;        // objects in a slab whose objects share one type number
    uint32_t mixed_capacity;  // objects in a slab that also holds a type number for each
};

constexpr uint32_t kSmallestObject = 32;
constexpr uint32_t kLargestSmallObject = 16384;
constexpr uint32_t kMostObjectsPerSlab = 512;
constexpr uint32_t kSizeClassCount = 7 + 7 * 8;

namespace detail {

constexpr uint32_t class_bytes(uint32_t index) {
    if (index < 7)
        return 32 + 16 * index;
    const uint32_t doubling = (index - 7) / 8;
    const uint32_t step = (index - 7) % 8 + 1;
    return (128u << doubling) + step * (16u << doubling);
}

// The fewest pages, from 4 to 32, that lose at most 1/32 at the slab's end; else those that lose least.
constexpr uint32_t choose_slab_pages(uint32_t bytes) {
    uint32_t best = 4;
    uint64_t best_loss = UINT64_MAX;
    for (uint32_t pages = 4; pages <= 32; ++pages) {
        const uint64_t total = uint64_t{pages} * kPageBytes;
        if (total / bytes > kMostObjectsPerSlab)
            break;
        const uint64_t loss = (total % bytes) * 4096 / total;
        if (loss < best_loss) {
            best_loss = loss;
            best = pages;
        }
        if (loss * 32 <= 4096 && total / bytes >= 4)
            return pages;
    }
    return best;
}

constexpr std::array<SizeClass, kSizeClassCount> make_classes() {
    std::array<SizeClass, kSizeClassCount> classes{};
    for (uint32_t i = 0; i < kSizeClassCount; ++i) {
        const uint32_t bytes = class_bytes(i);
        const uint32_t pages = choose_slab_pages(bytes);
        const auto total = static_cast<uint32_t>(pages * kPageBytes);
        classes[i] = {bytes, pages, total / bytes,
                      total / (bytes + static_cast<uint32_t>(sizeof(TypeEntry)))};
    }
    return classes;
}

}  // namespace detail

constexpr std::array<SizeClass, kSizeClassCount> kSizeClasses = detail::make_classes();
static_assert(kSizeClasses[0].bytes == kSmallestObject && kSizeClasses[6].bytes == 128);
static_assert(kSizeClasses[2].bytes == 64 && kSizeClasses[2].capacity == 256);
static_assert(kSizeClasses[kSizeClassCount - 1].bytes == kLargestSmallObject);

// REQUIRES: bytes <= kLargestSmallObject. 1 branch, 1 count of leading zeros.
constexpr uint32_t size_class_of(uint64_t bytes) {
    if (bytes <= 128)
        return bytes <= 32 ? 0 : static_cast<uint32_t>((bytes - 17) / 16);
    const auto doubling = static_cast<uint32_t>(std::bit_width(bytes - 1)) - 8;
    return 7 + doubling * 8 + static_cast<uint32_t>(((bytes - 1) >> (doubling + 4)) & 7);
}

constexpr bool size_classes_agree() {
    for (uint64_t bytes = 1; bytes <= kLargestSmallObject; ++bytes) {
        const uint32_t c = size_class_of(bytes);
        if (c >= kSizeClassCount || kSizeClasses[c].bytes < bytes ||
            (c > 0 && kSizeClasses[c - 1].bytes >= bytes))
            return false;
    }
    return true;
}

}  // namespace terrace::persist
