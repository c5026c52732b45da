// Which nodes a static kind's memory comes from: a pure function from what is known of the machine
// (src/topology) and what the user set in the environment to a choice, and the choices of this process.
// docs/placement.md has the rules in words. Thread safety: every function may be called from any thread, but
// choose_nodes(kind) not inside a lock that malloc may need, since hwloc allocates.
#pragma once

#include <cstddef>

#include "kinds/static_kind.hpp"
#include "src/numa_policy.hpp"
#include "src/topology.hpp"

namespace terrace::kinds {

inline constexpr unsigned kMostPlaces = 64;
inline constexpr unsigned kMostCpus = topology::kMostCpus;

// Zeroed memory is a valid choice: memory that no policy binds. 16 KiB, of which a machine with one place
// touches 4.
struct NodeChoice {
    int error = 0;  // 0, or the documented MEMKIND_ERROR_* number; the rest is void then
    NodePolicy policy = NodePolicy::kNone;
    std::size_t huge_page_size = 0;          // 0, 2 MiB or 1 GiB
    bool no_transparent_huge_pages = false;  // interleaved page by page
    // CPUs that take memory of the same nodes share a place. 1 where all do.
    unsigned place_count = 1;
    NodeSet nodes[kMostPlaces];  // what the memory of each place is made of
    unsigned char place_of_cpu[kMostCpus] = {};

    // The place for a thread that runs on this CPU; 0 for CPUs that nobody knows.
    [[nodiscard]] unsigned place_of(int cpu) const {
        return cpu >= 0 && static_cast<unsigned>(cpu) < kMostCpus ? place_of_cpu[cpu] : 0;
    }
};

// The choice of this process for this kind: made when it is first asked for, and kept. Nothing is read (no
// environment variable, no /sys) for kinds that nobody asks for; MEMKIND_DEFAULT never reads anything.
const NodeChoice& choose_nodes(StaticKind kind);

// What the user set; nullptr where a variable is not set.
struct NodeEnvironment {
    const char* hbw_nodes = nullptr;       // MEMKIND_HBW_NODES
    const char* hbw_threshold = nullptr;   // MEMKIND_HBW_THRESHOLD
    const char* dax_kmem_nodes = nullptr;  // MEMKIND_DAX_KMEM_NODES
};

// What is wrong with a variable, where that is the reason for an error.
struct Complaint {
    const char* variable = nullptr;
    const char* value = nullptr;
    const char* accepted = nullptr;
};

// The pure function. REQUIRES: *choice is as constructed or zeroed.
Complaint choose_nodes(const topology::Facts& facts, const NodeEnvironment& environment, StaticKind kind,
                       NodeChoice* choice);

// Whether the rules for this kind look at the memory's speed or type, which costs more to find out than the
// rest. True for HBW without MEMKIND_HBW_NODES, LOWEST_LATENCY*, HIGHEST_BANDWIDTH* and *_LOCAL.
bool needs_details(const NodeEnvironment& environment, StaticKind kind);

// Reads a list of nodes as people write it: "0-1,4", "all", "!0" (all but 0), "+0" (counted among the nodes
// that this process may use). False when it is none, or when it names a node that the machine does not have
// or that has no memory.
[[nodiscard]] bool parse_machine_nodes(const topology::Facts& facts, const char* text, NodeSet* nodes);

}  // namespace terrace::kinds
