// Making stores durable on memory that is durable: write cache lines back, copy around the caches, fence.
// Which instructions do it is chosen once per process, from the CPU and the PMEM_* environment; see
// README.md. Thread safety: any thread, any time, signal handlers too. Cost: one load and one indirect call.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace terrace::persist {

inline constexpr std::size_t kCacheLine = 64;

// How to do it on this machine. This table is the one seam between durable memory and the hardware:
// everything that the engine makes durable goes through it, so a test can put its own table in front and see
// each event.
struct FlushMethods {
    const char* name;         // for the log: "clwb, avx512 streams"
    std::size_t stream_from;  // bytes from which a copy goes around the caches; SIZE_MAX: only when asked
    bool caches_are_durable;  // flush-on-fail hardware: write_back has nothing to do

    // Starts to write back each line that the range touches. Durable after the next fence of this thread.
    void (*write_back)(const void* address, std::size_t size);
    // Copies and fills whole lines around the caches. REQUIRES: `to` lies on a line. Each line is read whole before
    // it is stored, the first one first, so `from` may overlap if it lies above `to`, or if there is one line.
    // Durable after the next fence of this thread. nullptr where there is no such instruction.
    void (*stream_lines)(void* to, const void* from, std::size_t lines);
    void (*stream_fill)(void* to, unsigned char value, std::size_t lines);
    // Waits until everything this thread wrote back or streamed is durable.
    void (*fence)();

    // write_back and fence at once, where that is another thing than one after the other; nullptr: it is not.
    void (*persist)(const void* address, std::size_t size) = nullptr;
    // stream_lines with the last line first: `from` may overlap below `to`. nullptr: such copies are cached.
    void (*stream_lines_down)(void* to, const void* from, std::size_t lines) = nullptr;
    // The same for words of 8 bytes, less than a line of them; REQUIRES: `to` lies on a word. nullptr: by the caches.
    void (*stream_words)(void* to, const void* from, std::size_t words) = nullptr;
    void (*stream_fill_words)(void* to, unsigned char value, std::size_t words) = nullptr;
    // As stream_from, for a range of whole words, of which nothing has to be written back.
    std::size_t stream_words_from = SIZE_MAX;
    // A copy whose source is close by, or overlaps, is not streamed below so many bytes whatever the two bounds above say.
    std::size_t stream_near_from = 0;
};

enum class CopyHint {
    kBySize,    // what is fastest for this many bytes
    kCached,    // the bytes are read again soon
    kStreamed,  // they are not
};

// Called once the table is chosen, by libraries that define it: libpmem looks for open pools then.
[[gnu::weak]] void methods_were_chosen();

namespace detail {
extern std::atomic<const FlushMethods*> methods_in_use;
const FlushMethods& choose_flush_methods();
}  // namespace detail

inline const FlushMethods& flush_methods() {
    const FlushMethods* const methods = detail::methods_in_use.load(std::memory_order_acquire);
    return methods != nullptr ? *methods : detail::choose_flush_methods();
}

// Starts to write the range back to durable memory; fence() waits for it.
inline void write_back(const void* address, std::size_t size) {
    flush_methods().write_back(address, size);
}

inline void fence() {
    flush_methods().fence();
}

inline void write_back_and_fence(const void* address, std::size_t size) {
    const FlushMethods& methods = flush_methods();
    if (methods.persist != nullptr) [[unlikely]] {
        methods.persist(address, size);
        return;
    }
    methods.write_back(address, size);
    methods.fence();
}

// As memmove and memset, and starts to write the range back. Aligned 8 bytes are stored at once, never torn.
void copy_and_write_back(void* to, const void* from, std::size_t size, CopyHint hint = CopyHint::kBySize);
void fill_and_write_back(void* to, unsigned char value, std::size_t size, CopyHint hint = CopyHint::kBySize);

// As memmove and memset, with the same promise about 8 bytes, and nothing written back.
void copy_cached(void* to, const void* from, std::size_t size);
void fill_cached(void* to, unsigned char value, std::size_t size);

// Writes the range back even where the environment says that this is not needed.
void write_back_always(const void* address, std::size_t size);

// Puts another table in place (nullptr: choose again, reading the environment anew) and returns the one
// before. For tests. REQUIRES: no other thread is making anything durable.
const FlushMethods* use_flush_methods(const FlushMethods* methods);

}  // namespace terrace::persist
