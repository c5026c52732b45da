// What the tests inside a guest share: threads on chosen CPUs, the node of each page, and the answers that
// tests/data/topologies/lab_MODEL.choices gives for this machine.
#pragma once

#include <memkind.h>

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace terrace::lab {

inline constexpr std::size_t kKiB = 1024;
inline constexpr std::size_t kMiB = 1024 * kKiB;
inline constexpr std::size_t kGiB = 1024 * kMiB;

using Nodes = std::set<int>;

// How many pages lie on which node. Below 0: the kernel's reason (an errno) why a page has none.
using Pages = std::map<int, std::size_t>;

// Writes to every page of a block, and asks the kernel for the node of each. `page`: the size of its pages.
Pages touch_and_survey(char* block, std::size_t size, std::size_t page = 4 * kKiB);
std::size_t count_of(const Pages& pages);
std::size_t count_outside(const Pages& pages, const Nodes& nodes);
std::string text_of(const Pages& pages);

// Moves the calling thread to a CPU; returns when it runs there.
void run_on_cpu(int cpu);

// The first CPU of each node that has some, in the order of CPU numbers: node, CPU.
std::vector<std::pair<int, int>> nodes_with_cpus();
Nodes nodes_with_memory();
std::size_t free_bytes_of(int node);

// A line of a .choices file: "bind {0} {2}", "preferred 2M {1}", "error -20".
struct Choice {
    int error = 0;
    std::string policy;         // none, bind, preferred, interleave
    bool small_pages = false;   // no transparent huge pages
    std::size_t page_size = 0;  // of huge pages; 0 for ordinary ones
    std::vector<Nodes> nodes;   // one set, or one for each node with CPUs
    // What a thread on the place-th node with CPUs has to get.
    [[nodiscard]] const Nodes& at(std::size_t place) const { return nodes[nodes.size() == 1 ? 0 : place]; }
};

// This machine's answers, by the kind's name without MEMKIND_. Empty: the file is not there.
const std::map<std::string, Choice>& choices();

struct NamedKind {
    const char* name;
    memkind_t* kind;
};
const std::vector<NamedKind>& static_kinds();

}  // namespace terrace::lab
