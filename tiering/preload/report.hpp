// What is allocated in each tier, for people: at exit when MEMKIND_MEM_TIERING_REPORT asks for it, and
// whenever the program calls malloc_stats(). The format stands in docs/tiering.md, "The report". Allocates
// nothing; one write(2) per report.
#pragma once

#include <cstddef>

namespace terrace::preload {

// The table, cut to `size` bytes; returns its length.
std::size_t format_report(char* text, std::size_t size);

// Writes all of it, whatever the signals; false when the descriptor refuses.
bool write_all(int descriptor, const char* text, std::size_t length);

inline constexpr std::size_t kLongestReport = 16 * 1024;

}  // namespace terrace::preload
