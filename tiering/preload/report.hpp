// What is allocated in each tier, for people and programs: at exit and on a signal when MEMKIND_MEM_TIERING_REPORT* ask
// for it, and whenever the program calls malloc_stats(). The formats stand in docs/tiering.md, "The report". Allocates
// nothing; one write(2) per report.
#pragma once

#include <cstddef>

namespace terrace::preload {

// The table, or the same as JSON, cut to `size` bytes; returns its length. Safe in signal handlers.
std::size_t format_report(char* text, std::size_t size);
std::size_t format_json_report(char* text, std::size_t size);

// Writes all of it, whatever the signals; false when the descriptor refuses.
bool write_all(int descriptor, const char* text, std::size_t length);

// With kMostShownOfPath bytes of each of 16 paths.
inline constexpr std::size_t kLongestReport = 24 * 1024;
inline constexpr int kMostShownOfPath = 1000;

}  // namespace terrace::preload
