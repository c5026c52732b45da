#include "kinds/span.hpp"

#include "src/check.hpp"

namespace terrace::kinds {

void Span::fill() {
    const unsigned blocks = its_class().blocks;
    for (unsigned word = 0; word < word_count(); ++word) {
        const unsigned rest = blocks - word * 64;
        free_bits[word] = rest >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << rest) - 1;
    }
    free_count = static_cast<std::uint16_t>(blocks);
    first_word = 0;
}

unsigned Span::take(void** end, unsigned wanted) {
    const std::size_t size = its_class().size;
    const unsigned most = wanted < free_count ? wanted : free_count;
    unsigned taken = 0;
    unsigned word = first_word;
    while (taken < most) {
        std::uint64_t bits = free_bits[word];
        char* const first = base + std::size_t{word} * 64 * size;
        for (; bits != 0 && taken < most; bits &= bits - 1) {
            *--end = first + static_cast<unsigned>(__builtin_ctzl(bits)) * size;
            ++taken;
        }
        __atomic_store_n(&free_bits[word], bits, __ATOMIC_RELAXED);
        if (bits == 0 && taken < most)
            ++word;
    }
    first_word = static_cast<std::uint16_t>(word);
    free_count = static_cast<std::uint16_t>(free_count - taken);
    return taken;
}

unsigned Span::put(void* const* blocks, unsigned count) {
    const SizeClass its = its_class();
    unsigned put = 0;
    unsigned lowest = first_word;
    // The bits of one word at a time: blocks that come together were mostly taken together.
    unsigned word = 0;
    std::uint64_t bits = free_bits[0];
    for (; put < count; ++put) {
        const auto offset = static_cast<std::size_t>(static_cast<const char*>(blocks[put]) - base);
        if (offset >= its.span_size)
            break;
        const unsigned index = index_of(blocks[put]);
        if (index / 64 != word) {
            __atomic_store_n(&free_bits[word], bits, __ATOMIC_RELAXED);
            word = index / 64;
            bits = free_bits[word];
        }
        const std::uint64_t bit = std::uint64_t{1} << index % 64;
        if (std::size_t{index} * its.size != offset || (bits & bit) != 0)
            break;
        bits |= bit;
        lowest = word < lowest ? word : lowest;
    }
    __atomic_store_n(&free_bits[word], bits, __ATOMIC_RELAXED);
    free_count = static_cast<std::uint16_t>(free_count + put);
    first_word = static_cast<std::uint16_t>(lowest);
    return put;
}

bool Span::is_valid() const {
    unsigned count = 0;
    for (unsigned word = 0; word < word_count(); ++word) {
        if (word < first_word && free_bits[word] != 0)
            return false;
        count += static_cast<unsigned>(__builtin_popcountl(free_bits[word]));
    }
    const unsigned rest = its_class().blocks % 64;
    return count == free_count && (rest == 0 || free_bits[word_count() - 1] >> rest == 0);
}

}  // namespace terrace::kinds
