// The private jemalloc's documented interface (jemalloc(3), "non-standard API"), under our prefix.
// These are the only names of it that exist outside its object file; see README.md in this folder.
// Thread safety: all functions may be called by any thread; none calls a function that a preload library replaces.
#pragma once

#include <stdbool.h>
#include <stddef.h>

namespace terrace::jemalloc {

extern "C" {
void* terrace_je_mallocx(size_t size, int flags);
void* terrace_je_rallocx(void* pointer, size_t size, int flags);
size_t terrace_je_xallocx(void* pointer, size_t size, size_t extra, int flags);
size_t terrace_je_sallocx(const void* pointer, int flags);
void terrace_je_dallocx(void* pointer, int flags);
size_t terrace_je_nallocx(size_t size, int flags);
void terrace_je_malloc_stats_print(void (*write)(void* opaque, const char* piece), void* opaque,
                                   const char* options);
int terrace_je_mallctl(const char* name, void* old_value, size_t* old_length, void* new_value,
                       size_t new_length);
int terrace_je_mallctlnametomib(const char* name, size_t* mib, size_t* mib_length);
int terrace_je_mallctlbymib(const size_t* mib, size_t mib_length, void* old_value, size_t* old_length,
                            void* new_value, size_t new_length);
}

inline constexpr int kZero = 0x40;
inline constexpr int kTcacheNone = 1 << 8;

constexpr int align_flag(size_t alignment) {
    return __builtin_ctzl(alignment);
}
constexpr int tcache_flag(unsigned tcache) {
    return static_cast<int>((tcache + 2) << 8);
}
constexpr int arena_flag(unsigned arena) {
    return static_cast<int>((arena + 1) << 20);
}

// The flags have six bits for the alignment and twelve each for the tcache and the arena.
inline constexpr unsigned kMostArenas = 4094;
inline constexpr unsigned kMostTcaches = 4093;

// The extent hooks, field for field as jemalloc(3) documents them. Every bool-returning hook returns true for
// "did not do it".
struct ExtentHooks {
    void* (*allocate)(ExtentHooks*, void* new_address, size_t size, size_t alignment, bool* zero,
                      bool* commit, unsigned arena);
    bool (*deallocate)(ExtentHooks*, void* address, size_t size, bool committed, unsigned arena);
    void (*destroy)(ExtentHooks*, void* address, size_t size, bool committed, unsigned arena);
    bool (*commit)(ExtentHooks*, void* address, size_t size, size_t offset, size_t length, unsigned arena);
    bool (*decommit)(ExtentHooks*, void* address, size_t size, size_t offset, size_t length, unsigned arena);
    bool (*purge_lazy)(ExtentHooks*, void* address, size_t size, size_t offset, size_t length,
                       unsigned arena);
    bool (*purge_forced)(ExtentHooks*, void* address, size_t size, size_t offset, size_t length,
                         unsigned arena);
    bool (*split)(ExtentHooks*, void* address, size_t size, size_t size_a, size_t size_b, bool committed,
                  unsigned arena);
    bool (*merge)(ExtentHooks*, void* address_a, size_t size_a, void* address_b, size_t size_b,
                  bool committed, unsigned arena);
};

// mallctl with typed values. Each returns 0 or jemalloc's errno value.
template <typename Value>
[[nodiscard]] int read_value(const char* name, Value* value) {
    size_t length = sizeof *value;
    return terrace_je_mallctl(name, value, &length, nullptr, 0);
}

template <typename Value>
[[nodiscard]] int write_value(const char* name, Value value) {
    return terrace_je_mallctl(name, nullptr, nullptr, &value, sizeof value);
}

template <typename Out, typename In>
[[nodiscard]] int exchange_value(const char* name, Out* out, In in) {
    size_t length = sizeof *out;
    return terrace_je_mallctl(name, out, &length, &in, sizeof in);
}

}  // namespace terrace::jemalloc
