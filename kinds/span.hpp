// A span: a run of pages cut into blocks of one size class, with a bit for each block that is free. The bits
// lie outside the blocks' memory, so that freeing touches no cold page, and a program that writes beyond its
// blocks does not damage them. Blocks are handed out from the lowest address up: pages beyond are untouched
// until they are needed. Thread safety: a span's shard has a lock; everything here is under it, except what
// never changes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kinds/size_classes.hpp"

namespace terrace::kinds {

struct Shard;

struct alignas(64) Span {
    // In the list of its shard's spans with free blocks, when it is in one.
    Span* next;
    Span* previous;
    char* base;    // constant
    Shard* shard;  // constant
    std::uint16_t free_count;
    std::uint16_t first_word;   // no bit is set in the words before it
    std::uint8_t class_number;  // constant
    bool listed;
    std::uint64_t free_bits[1];  // as many as the class has blocks, rounded up

    [[nodiscard]] const SizeClass& its_class() const { return size_class(class_number); }
    [[nodiscard]] unsigned word_count() const { return (its_class().blocks + 63U) / 64; }
    [[nodiscard]] bool is_empty() const { return free_count == its_class().blocks; }

    // Marks every block as free.
    void fill();

    // Takes up to `wanted` blocks, and writes them below `end`, the lowest address last in the array, as a
    // stack wants it. Returns how many.
    unsigned take(void** end, unsigned wanted);

    // The number of the block that an address lies in. REQUIRES: the address is in the span.
    [[nodiscard]] unsigned index_of(const void* address) const {
        const auto offset = static_cast<std::uint64_t>(static_cast<const char*>(address) - base);
        return static_cast<unsigned>(offset * its_class().reciprocal >> 32);
    }
    [[nodiscard]] char* block(unsigned index) const { return base + std::size_t{index} * its_class().size; }
    [[nodiscard]] bool is_free(unsigned index) const {
        return (__atomic_load_n(&free_bits[index / 64], __ATOMIC_RELAXED) >> index % 64 & 1) != 0;
    }

    // Makes blocks free again, up to the first that lies elsewhere, or is not the start of a block, or is free already.
    // Returns how many.
    [[nodiscard]] unsigned put(void* const* blocks, unsigned count);

    // free_count agrees with the bits, no bit lies beyond the last block or before first_word.
    [[nodiscard]] bool is_valid() const;
};

// The bytes that the descriptor of a span takes.
constexpr std::size_t span_descriptor_size(unsigned class_number) {
    const std::size_t words = (size_class(class_number).blocks + 63U) / 64;
    return (offsetof(Span, free_bits) + words * sizeof(std::uint64_t) + 63) / 64 * 64;
}

}  // namespace terrace::kinds
