// What is known of the machine's memory: its NUMA nodes, their size and speed, which CPUs are near them.
// Plain data, so that rules over it (kinds/node_choice) are pure functions and tests write machines by hand.
// Thread safety: every function may be called from any thread, but not inside a lock that malloc may need:
// hwloc allocates with the process's malloc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "src/numa_policy.hpp"

namespace terrace::topology {

inline constexpr unsigned kMostCpus = 8192;  // the kernel's largest build (CONFIG_NR_CPUS with MAXSMP)
inline constexpr std::uint16_t kNoNode = 0xffff;

enum HugePage : unsigned { k2MiB, k1GiB, kHugePageSizes };
constexpr HugePage huge_page_of(std::size_t size) {
    return size == std::size_t{1} << 30 ? k1GiB : k2MiB;
}

struct NodeFacts {
    std::uint64_t capacity = 0;                  // bytes, huge pages included; 0: a node without memory
    std::uint64_t huge_pages[kHugePageSizes]{};  // configured on this node, used or not
    bool exists = false;
    bool has_cpus = false;
    bool allowed = false;         // by the process's cpuset
    bool high_bandwidth = false;  // somebody says so: hwloc's subtype or tier is HBM or MCDRAM
    bool kmem_dax = false;  // a DAX device whose memory the kernel hands out as this node's (driver kmem)
};

// How a node with CPUs (the initiator) sees a node with memory (the target). 0 where nobody knows.
struct Relation {
    std::uint32_t bandwidth = 0;  // MiB/s, the mean of reading and writing
    std::uint32_t latency = 0;    // ns, the mean of reading and writing
    std::uint8_t distance = 0;    // the firmware's relative latency (SLIT); 10 is the node itself
    bool local = false;           // the target belongs to this initiator's neighbourhood
};

// 12 MiB of addresses, of which only the rows of nodes with CPUs are ever touched. Zeroed memory is a valid,
// empty machine; node_of_cpu holds node + 1.
struct Facts {
    NodeFacts nodes[kMostNodes];
    std::uint16_t node_of_cpu_plus_one[kMostCpus];
    std::uint64_t huge_pages[kHugePageSizes];        // of the whole machine
    std::uint64_t huge_pages_extra[kHugePageSizes];  // may be made on demand (nr_overcommit_hugepages)
    bool knights;  // Xeon Phi KNL or KNM: its CPU-less nodes are MCDRAM, whatever the firmware leaves unsaid
    Relation relations[kMostNodes][kMostNodes];  // [initiator][target]

    [[nodiscard]] std::uint16_t node_of_cpu(unsigned cpu) const {
        return cpu < kMostCpus ? static_cast<std::uint16_t>(node_of_cpu_plus_one[cpu] - 1) : kNoNode;
    }
    // A node that the process may have memory of.
    [[nodiscard]] bool usable(unsigned node) const {
        return nodes[node].exists && nodes[node].allowed && nodes[node].capacity > 0;
    }
    // The known distance, or a guess in the same order: itself, its neighbourhood, the rest.
    [[nodiscard]] unsigned distance(unsigned initiator, unsigned target) const {
        const Relation& relation = relations[initiator][target];
        if (relation.distance != 0)
            return relation.distance;
        return initiator == target ? 10 : relation.local ? 15 : 20;
    }
};

// The facts of this machine, looked up once and kept; nullptr when there is no memory to write them down.
//   basic_facts     /sys and /proc only: sizes, CPUs, distances, KMEM DAX
//   detailed_facts  hwloc's memory attributes and subtypes too, where libhwloc is installed
// Both describe hwloc's machine instead of this one where HWLOC_XMLFILE or HWLOC_SYNTHETIC names one.
const Facts* basic_facts();
const Facts* detailed_facts();

// Bytes of all memory of these nodes, or of their huge pages of 2 MiB or 1 GiB, used or not; 0 for `huge_page_size` means all.
// By basic_facts.
std::size_t capacity_of(const NodeSet& nodes, std::size_t huge_page_size);

// The parts of the above, for tests. REQUIRES: `facts` is zeroed (hwloc: or filled by read_sysfs).

// Fills `facts` from a tree like /sys, and the cpuset from a file like /proc/self/status. Missing files leave
// their facts out; without the node folder there are no nodes.
void read_sysfs(const char* sys, const char* proc_status, Facts* facts);

// Adds what hwloc knows of the memory's speed and type. When hwloc describes another machine than this one,
// everything is replaced by its account. False: libhwloc is not there or failed; nothing was changed.
[[nodiscard]] bool read_hwloc(Facts* facts);

// Marks for each initiator the targets of its neighbourhood that nobody has told yet: each node with CPUs
// itself, and a node without CPUs from the nodes that reach it fastest.
void complete_neighbourhoods(Facts* facts);

}  // namespace terrace::topology
