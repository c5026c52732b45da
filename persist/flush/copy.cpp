// Copying and filling durable memory. Small and overlapping ranges go through the caches and are written
// back; large ones are streamed line by line, and only the bytes before the first and after the last whole
// line are cached. Every aligned 8 bytes of a range that is aligned to 8 bytes are one store: programs build
// on that.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "persist/flush/flush.hpp"

namespace terrace::persist {
namespace {

using Word = std::uint64_t;

// Keeps the compiler from turning a loop of words into a call of memcpy, which may store single bytes.
[[gnu::always_inline]] inline void keep_words() {
    asm volatile("" ::: "memory");
}

[[gnu::always_inline]] inline void copy_word(char* to, const char* from) {
    Word word;
    std::memcpy(&word, from, sizeof word);
    std::memcpy(to, &word, sizeof word);
    keep_words();
}

void copy_forward(char* to, const char* from, std::size_t size) {
    for (; size >= sizeof(Word); size -= sizeof(Word), to += sizeof(Word), from += sizeof(Word))
        copy_word(to, from);
    for (; size != 0; --size) {
        *to++ = *from++;
        keep_words();
    }
}

void copy_backward(char* to, const char* from, std::size_t size) {
    for (; size % sizeof(Word) != 0; --size) {
        to[size - 1] = from[size - 1];
        keep_words();
    }
    for (; size != 0; size -= sizeof(Word))
        copy_word(to + size - sizeof(Word), from + size - sizeof(Word));
}

bool overlap(const void* a, const void* b, std::size_t size) {
    const std::uintptr_t x = reinterpret_cast<std::uintptr_t>(a);
    const std::uintptr_t y = reinterpret_cast<std::uintptr_t>(b);
    return x < y ? y - x < size : x - y < size;
}

bool should_stream(const FlushMethods& methods, std::size_t size, CopyHint hint) {
    if (methods.stream_lines == nullptr || hint == CopyHint::kCached)
        return false;
    return hint == CopyHint::kStreamed || size >= methods.stream_from;
}

// A range as the bytes before its first whole line, the whole lines, and the bytes after them.
struct Split {
    std::size_t head;
    std::size_t lines;
    std::size_t tail;

    Split(const void* address, std::size_t size) {
        const std::uintptr_t in_line = reinterpret_cast<std::uintptr_t>(address) % kCacheLine;
        head = std::min(size, (kCacheLine - in_line) % kCacheLine);
        lines = (size - head) / kCacheLine;
        tail = (size - head) % kCacheLine;
    }
};

}  // namespace

void copy_cached(void* to, const void* from, std::size_t size) {
    char* const destination = static_cast<char*>(to);
    const char* const source = static_cast<const char*>(from);
    if (destination > source && overlap(to, from, size))
        copy_backward(destination, source, size);
    else
        copy_forward(destination, source, size);
}

void fill_cached(void* to, unsigned char value, std::size_t size) {
    char* at = static_cast<char*>(to);
    const Word word = value * UINT64_C(0x0101010101010101);
    for (; size >= sizeof word; size -= sizeof word, at += sizeof word)
        copy_word(at, reinterpret_cast<const char*>(&word));
    for (; size != 0; --size) {
        *at++ = static_cast<char>(value);
        keep_words();
    }
}

void copy_and_write_back(void* to, const void* from, std::size_t size, CopyHint hint) {
    const FlushMethods& methods = flush_methods();
    if (!should_stream(methods, size, hint) || overlap(to, from, size)) {
        copy_cached(to, from, size);
        methods.write_back(to, size);
        return;
    }
    const Split split(to, size);
    char* destination = static_cast<char*>(to);
    const char* source = static_cast<const char*>(from);
    copy_forward(destination, source, split.head);
    methods.write_back(destination, split.head);
    destination += split.head;
    source += split.head;
    methods.stream_lines(destination, source, split.lines);
    destination += split.lines * kCacheLine;
    source += split.lines * kCacheLine;
    copy_forward(destination, source, split.tail);
    methods.write_back(destination, split.tail);
}

void fill_and_write_back(void* to, unsigned char value, std::size_t size, CopyHint hint) {
    const FlushMethods& methods = flush_methods();
    if (!should_stream(methods, size, hint)) {
        fill_cached(to, value, size);
        methods.write_back(to, size);
        return;
    }
    const Split split(to, size);
    char* destination = static_cast<char*>(to);
    fill_cached(destination, value, split.head);
    methods.write_back(destination, split.head);
    destination += split.head;
    methods.stream_fill(destination, value, split.lines);
    destination += split.lines * kCacheLine;
    fill_cached(destination, value, split.tail);
    methods.write_back(destination, split.tail);
}

}  // namespace terrace::persist
