// How much memory nodes have left for what is bound to them. The kernel answers a bound page on a full node
// with the OOM killer; so memory is granted before it is mapped, and what was granted but not touched yet
// counts as used. Shared by all kinds of the process, because they share nodes. Other processes are seen
// through the kernel's count of free memory. Thread safety: every function may be called from any thread;
// they lock, below the growth locks of kinds, and never allocate.
#pragma once

#include <cstddef>

#include "src/numa_policy.hpp"

namespace terrace::kinds::node_budget {

enum class Grant : unsigned char {
    kNo,
    kLazily,  // there is plenty: the kernel may bring the pages when they are touched
    kAtOnce,  // it is getting tight: populate the range now, then nobody else takes the pages
};

// What a source remembers between its requests: how much it may take before the kernel is asked again. Its
// address stands for the source.
struct Credit {
    std::size_t bytes = 0;
    long until = 0;  // in ms of the coarse monotonic clock
};

// Asks for the pages of [address, address + size) from `nodes`. `address` need not be usable yet.
[[nodiscard]] Grant ask(const NodeSet& nodes, Credit* credit, const char* address, std::size_t size);

// The pages of the range went back to the kernel, or never came.
void give_back(const char* address, std::size_t size);

// The source is gone, with all its memory.
void forget(const Credit* source);

// So many bytes were populated after a grant to take them at once.
void populated(std::size_t size);

// For tests: another file than /proc/meminfo to tell the memory of the whole machine, which is what counts
// where the nodes are all there are.
void read_machine_from(const char* path);

}  // namespace terrace::kinds::node_budget
