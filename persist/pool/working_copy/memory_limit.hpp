// How much DRAM the private pages of a pool may take: the setting "working_copy.limit", or by default half of
// what this process may use: the machine's memory or, in a container, what its memory cgroup (or one around it)
// allows. Thread safety: any thread.
#pragma once

#include <cstdint>

namespace terrace::persist {

constexpr uint64_t kNoMemoryLimit = UINT64_MAX;
constexpr uint64_t kSmallestMemoryLimit = 4u << 20;

// For pools that are opened from now on. kNoMemoryLimit when there is to be no bound.
uint64_t working_copy_limit();

// What the machine and the memory cgroups of this process allow. `root` stands before /proc and /sys ("" for the
// real ones): tests describe other systems. Not less than kSmallestMemoryLimit.
uint64_t usable_memory(const char* root);

}  // namespace terrace::persist
