#include "src/topology.hpp"

#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "src/log.hpp"
#include "src/own_memory.hpp"

namespace terrace::topology {
namespace {

// hwloc reads its environment with getenv: a privileged program must not be shown a machine of the caller's.
bool may_use_hwloc() {
    return getauxval(AT_SECURE) == 0;
}

bool hwloc_describes_another_machine() {
    return secure_getenv("HWLOC_XMLFILE") != nullptr || secure_getenv("HWLOC_SYNTHETIC") != nullptr;
}

// Looked up without a lock, so that a fork or a malloc of hwloc's own that comes back here cannot hang: two
// threads that come first together both look, and the second throws its copy away.
const Facts* look_up(const Facts** known, bool with_hwloc) {
    if (const Facts* facts = __atomic_load_n(known, __ATOMIC_ACQUIRE); facts != nullptr)
        return facts;
    // Only rows of nodes with CPUs become resident: 3 pages for each.
    auto* const fresh = static_cast<Facts*>(map_own_memory(sizeof(Facts)));
    if (fresh == nullptr)
        return nullptr;
    read_sysfs("/sys", "/proc/self/status", fresh);
    if (with_hwloc && may_use_hwloc() && !read_hwloc(fresh))
        log_info("libhwloc.so.15 is not installed or failed; what /sys tells of the nodes must do");
    complete_neighbourhoods(fresh);
    const Facts* expected = nullptr;
    if (__atomic_compare_exchange_n(known, &expected, static_cast<const Facts*>(fresh), false,
                                    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return fresh;
    munmap(fresh, sizeof *fresh);
    return expected;
}

const Facts* known_basics = nullptr;
const Facts* known_details = nullptr;

}  // namespace

const Facts* basic_facts() {
    return hwloc_describes_another_machine() ? detailed_facts() : look_up(&known_basics, false);
}

const Facts* detailed_facts() {
    return look_up(&known_details, true);
}

std::size_t capacity_of(const NodeSet& nodes, std::size_t huge_page_size) {
    const Facts* const facts = basic_facts();
    std::size_t bytes = 0;
    for (unsigned node = nodes.next(0); facts != nullptr && node < kMostNodes; node = nodes.next(node + 1)) {
        const NodeFacts& its = facts->nodes[node];
        bytes += huge_page_size == 0 ? its.capacity
                                     : huge_page_size * its.huge_pages[huge_page_of(huge_page_size)];
    }
    return bytes;
}

void complete_neighbourhoods(Facts* facts) {
    for (unsigned target = 0; target < kMostNodes; ++target) {
        if (!facts->nodes[target].exists)
            continue;
        bool told = false;
        unsigned nearest = ~0U;
        for (unsigned initiator = 0; initiator < kMostNodes; ++initiator) {
            if (!facts->nodes[initiator].has_cpus)
                continue;
            Relation& relation = facts->relations[initiator][target];
            if (initiator == target && !relation.local)
                relation.local = true;
            told = told || relation.local;
            const unsigned distance = facts->distance(initiator, target);
            nearest = distance < nearest ? distance : nearest;
        }
        for (unsigned initiator = 0; !told && initiator < kMostNodes; ++initiator)
            if (facts->nodes[initiator].has_cpus && facts->distance(initiator, target) == nearest)
                facts->relations[initiator][target].local = true;
    }
}

}  // namespace terrace::topology
