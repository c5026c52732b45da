// The rules. Each kind is a set of candidates, a way to pick among them for each initiator (a node with CPUs)
// and a policy; the table below is the whole of it.
#include "kinds/node_choice.hpp"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "include/memkind.h"
#include "src/check.hpp"

namespace terrace::kinds {

using topology::Facts;
using topology::HugePage;
using topology::Relation;

namespace {

enum class Candidates : unsigned char { kNone, kNodesWithCpus, kAll, kHbw, kDaxKmem };

enum class Pick : unsigned char {
    kAll,
    kNearest,
    kLargest,
    kLargestLocal,
    kFastestLocal,   // by latency
    kBroadestLocal,  // by bandwidth
};

enum class Pages : unsigned char { kUsual, kNeverHuge, k2MiB, k1GiB };

struct Rule {
    StaticKind kind;
    Candidates candidates;
    Pick pick;
    NodePolicy policy;
    Pages pages = Pages::kUsual;
};

constexpr Rule kRules[kStaticKindCount] = {
    {kDefault, Candidates::kNone, Pick::kAll, NodePolicy::kNone},
    {kHbw, Candidates::kHbw, Pick::kNearest, NodePolicy::kBind},
    {kHbwHugetlb, Candidates::kHbw, Pick::kNearest, NodePolicy::kBind, Pages::k2MiB},
    {kHbwPreferred, Candidates::kHbw, Pick::kNearest, NodePolicy::kPreferred},
    {kHbwPreferredHugetlb, Candidates::kHbw, Pick::kNearest, NodePolicy::kPreferred, Pages::k2MiB},
    {kHugetlb, Candidates::kNone, Pick::kAll, NodePolicy::kNone, Pages::k2MiB},
    {kHbwGbtlb, Candidates::kHbw, Pick::kNearest, NodePolicy::kBind, Pages::k1GiB},
    {kHbwPreferredGbtlb, Candidates::kHbw, Pick::kNearest, NodePolicy::kPreferred, Pages::k1GiB},
    {kGbtlb, Candidates::kNone, Pick::kAll, NodePolicy::kNone, Pages::k1GiB},
    {kHbwInterleave, Candidates::kHbw, Pick::kAll, NodePolicy::kInterleave, Pages::kNeverHuge},
    {kInterleave, Candidates::kAll, Pick::kAll, NodePolicy::kInterleave, Pages::kNeverHuge},
    {kRegular, Candidates::kNodesWithCpus, Pick::kAll, NodePolicy::kBind},
    {kHbwAll, Candidates::kHbw, Pick::kAll, NodePolicy::kBind},
    {kHbwAllHugetlb, Candidates::kHbw, Pick::kAll, NodePolicy::kBind, Pages::k2MiB},
    {kDaxKmem, Candidates::kDaxKmem, Pick::kNearest, NodePolicy::kBind},
    {kDaxKmemAll, Candidates::kDaxKmem, Pick::kAll, NodePolicy::kBind},
    {kDaxKmemPreferred, Candidates::kDaxKmem, Pick::kNearest, NodePolicy::kPreferred},
    {kDaxKmemInterleave, Candidates::kDaxKmem, Pick::kAll, NodePolicy::kInterleave},
    {kHighestCapacity, Candidates::kAll, Pick::kLargest, NodePolicy::kBind},
    {kHighestCapacityPreferred, Candidates::kAll, Pick::kLargest, NodePolicy::kPreferred},
    {kHighestCapacityLocal, Candidates::kAll, Pick::kLargestLocal, NodePolicy::kBind},
    {kHighestCapacityLocalPreferred, Candidates::kAll, Pick::kLargestLocal, NodePolicy::kPreferred},
    {kLowestLatencyLocal, Candidates::kAll, Pick::kFastestLocal, NodePolicy::kBind},
    {kLowestLatencyLocalPreferred, Candidates::kAll, Pick::kFastestLocal, NodePolicy::kPreferred},
    {kHighestBandwidthLocal, Candidates::kAll, Pick::kBroadestLocal, NodePolicy::kBind},
    {kHighestBandwidthLocalPreferred, Candidates::kAll, Pick::kBroadestLocal, NodePolicy::kPreferred},
};

constexpr bool rules_stand_in_order() {
    for (unsigned kind = 0; kind < kStaticKindCount; ++kind)
        if (kRules[kind].kind != kind)
            return false;
    return true;
}
static_assert(rules_stand_in_order());

constexpr const char* kAcceptedNodes =
    "a list of nodes of this machine that have memory, such as 0-1,4, or all, or !0 for all but node 0";
constexpr const char* kAcceptedThreshold = "a number of MiB/s up to 4294967295";
constexpr unsigned kDefaultThreshold = 204800;  // MiB/s; memkind's

template <typename Test>
NodeSet usable_nodes(const Facts& facts, Test test) {
    NodeSet nodes;
    for (unsigned node = 0; node < kMostNodes; ++node)
        if (facts.usable(node) && test(node))
            nodes.add(NodeId{node});
    return nodes;
}

template <typename Each>
void for_each_initiator(const Facts& facts, Each each) {
    for (unsigned node = 0; node < kMostNodes; ++node)
        if (facts.nodes[node].exists && facts.nodes[node].has_cpus)
            each(node);
}

template <typename Each>
void for_each_node(const NodeSet& nodes, Each each) {
    for (unsigned node = nodes.next(0); node < kMostNodes; node = nodes.next(node + 1))
        each(node);
}

// Digits only, below the limit.
bool parse_number(const char** at, unsigned long limit, unsigned long* number) {
    if (**at < '0' || **at > '9')
        return false;
    *number = 0;
    for (; **at >= '0' && **at <= '9'; ++*at) {
        *number = *number * 10 + static_cast<unsigned long>(**at - '0');
        if (*number >= limit)
            return false;
    }
    return true;
}

bool parse_threshold(const char* text, std::uint32_t* threshold) {
    unsigned long number = 0;
    if (!parse_number(&text, ULONG_MAX / 16, &number) || *text != '\0' || number > UINT_MAX)
        return false;
    *threshold = static_cast<std::uint32_t>(number);
    return true;
}

// Nodes broad enough for somebody. Without a threshold of the user's, so is a node twice as broad as the DRAM
// that its initiator has: what is called high-bandwidth is a matter of what is next to it.
NodeSet broad_nodes(const Facts& facts, std::uint32_t threshold, bool also_relative) {
    NodeSet broad;
    for_each_initiator(facts, [&](unsigned initiator) {
        const std::uint32_t own = facts.relations[initiator][initiator].bandwidth;
        for (unsigned target = 0; target < kMostNodes; ++target) {
            if (!facts.usable(target))
                continue;
            const std::uint32_t bandwidth = facts.relations[initiator][target].bandwidth;
            const bool twice = also_relative && own != 0 && bandwidth / 2 >= own;
            if (bandwidth != 0 && (bandwidth >= threshold || twice))
                broad.add(NodeId{target});
        }
    });
    return broad;
}

// Each way to find them is tried only when those before it found none.
Complaint find_hbw(const Facts& facts, const NodeEnvironment& environment, NodeSet* nodes, int* error) {
    *error = 0;
    if (environment.hbw_nodes != nullptr) {
        if (!parse_machine_nodes(facts, environment.hbw_nodes, nodes)) {
            *error = MEMKIND_ERROR_ENVIRON;
            return {"MEMKIND_HBW_NODES", environment.hbw_nodes, kAcceptedNodes};
        }
        const NodeSet named = *nodes;
        *nodes = usable_nodes(facts, [&](unsigned node) { return named.has(NodeId{node}); });
    } else {
        std::uint32_t threshold = kDefaultThreshold;
        const bool set = environment.hbw_threshold != nullptr && *environment.hbw_threshold != '\0';
        if (set && !parse_threshold(environment.hbw_threshold, &threshold)) {
            *error = MEMKIND_ERROR_ENVIRON;
            return {"MEMKIND_HBW_THRESHOLD", environment.hbw_threshold, kAcceptedThreshold};
        }
        *nodes = broad_nodes(facts, threshold, !set);
        if (nodes->empty())
            *nodes = usable_nodes(facts, [&](unsigned node) { return facts.nodes[node].high_bandwidth; });
        if (nodes->empty() && facts.knights)
            *nodes = usable_nodes(facts, [&](unsigned node) { return !facts.nodes[node].has_cpus; });
    }
    if (nodes->empty())
        *error = MEMKIND_ERROR_MEMTYPE_NOT_AVAILABLE;
    return {};
}

Complaint find_dax_kmem(const Facts& facts, const NodeEnvironment& environment, NodeSet* nodes, int* error) {
    *error = 0;
    NodeSet named;
    const bool set = environment.dax_kmem_nodes != nullptr;
    if (set && !parse_machine_nodes(facts, environment.dax_kmem_nodes, &named)) {
        *error = MEMKIND_ERROR_ENVIRON;
        return {"MEMKIND_DAX_KMEM_NODES", environment.dax_kmem_nodes, kAcceptedNodes};
    }
    *nodes = usable_nodes(
        facts, [&](unsigned node) { return set ? named.has(NodeId{node}) : facts.nodes[node].kmem_dax; });
    if (nodes->empty())
        *error = MEMKIND_ERROR_UNAVAILABLE;
    return {};
}

// Those of `nodes` that `value` ranks highest; those it ranks 0 are not in the running.
template <typename Value>
NodeSet best_of(const NodeSet& nodes, Value value) {
    NodeSet best;
    std::uint64_t highest = 1;
    for_each_node(nodes, [&](unsigned node) {
        const std::uint64_t rank = value(node);
        if (rank > highest)
            best = NodeSet{};
        if (rank >= highest) {
            highest = rank;
            best.add(NodeId{node});
        }
    });
    return best;
}

// The smaller, the better; 0 is unknown.
std::uint64_t inverse(std::uint64_t value) {
    return value == 0 ? 0 : UINT64_MAX - value;
}

NodeSet nearest_of(const Facts& facts, unsigned initiator, const NodeSet& nodes) {
    return best_of(nodes, [&](unsigned node) { return inverse(facts.distance(initiator, node)); });
}

// Which of the candidates are this initiator's. Empty where nothing is known that could rank them.
NodeSet pick(const Facts& facts, Pick how, unsigned initiator, const NodeSet& candidates) {
    const auto capacity = [&](unsigned node) { return facts.nodes[node].capacity; };
    const Relation* const seen = facts.relations[initiator];
    NodeSet local;
    for_each_node(candidates, [&](unsigned node) {
        if (seen[node].local)
            local.add(NodeId{node});
    });
    switch (how) {
        case Pick::kAll:
            return candidates;
        case Pick::kNearest:
            return nearest_of(facts, initiator, candidates);
        case Pick::kLargest:
            return best_of(candidates, capacity);
        case Pick::kLargestLocal: {
            // Of equals the slower one, as memkind documents: its capacity is cheaper.
            const NodeSet largest = best_of(local, capacity);
            const NodeSet slowest = best_of(largest, [&](unsigned node) { return seen[node].latency; });
            return slowest.empty()
                       ? best_of(largest, [&](unsigned node) { return facts.distance(initiator, node); })
                       : slowest;
        }
        case Pick::kFastestLocal: {
            // Of equals the smaller one, as memkind documents; so below.
            const NodeSet fastest =
                best_of(local, [&](unsigned node) { return inverse(seen[node].latency); });
            return best_of(fastest, [&](unsigned node) { return inverse(capacity(node)); });
        }
        case Pick::kBroadestLocal: {
            const NodeSet broadest = best_of(local, [&](unsigned node) { return seen[node].bandwidth; });
            return best_of(broadest, [&](unsigned node) { return inverse(capacity(node)); });
        }
    }
    return {};
}

// What is left of ties where the policy can name one node only: the nearest, of those the lowest.
NodeSet one_of(const Facts& facts, unsigned initiator, const NodeSet& nodes) {
    const NodeSet nearest = nearest_of(facts, initiator, nodes);
    NodeSet one;
    one.add(NodeId{nearest.next(0)});
    return one;
}

// The place with these nodes, added if need be. Beyond the most places the first one must do.
unsigned place_with(NodeChoice* choice, const NodeSet& nodes) {
    for (unsigned place = 0; place < choice->place_count; ++place)
        if (choice->nodes[place] == nodes)
            return place;
    if (choice->place_count == kMostPlaces)
        return 0;
    choice->nodes[choice->place_count] = nodes;
    return choice->place_count++;
}

void one_place(NodeChoice* choice, const NodeSet& nodes) {
    choice->nodes[0] = nodes;
    choice->place_count = 1;
}

// Fills the places. False when nothing ranks the candidates for any initiator.
bool place_initiators(const Facts& facts, const Rule& rule, const NodeSet& candidates, NodeChoice* choice) {
    const bool single = rule.policy == NodePolicy::kPreferred;
    NodeSet chosen;  // by anybody
    for_each_initiator(
        facts, [&](unsigned initiator) { chosen.add_all(pick(facts, rule.pick, initiator, candidates)); });
    if (chosen.empty())
        return false;
    choice->place_count = 0;
    unsigned place_of_node[kMostNodes] = {};
    for_each_initiator(facts, [&](unsigned initiator) {
        NodeSet its = pick(facts, rule.pick, initiator, candidates);
        if (its.empty())  // the nearest of what suits others is better than nothing
            its = nearest_of(facts, initiator, chosen);
        place_of_node[initiator] = place_with(choice, single ? one_of(facts, initiator, its) : its);
    });
    for (unsigned cpu = 0; cpu < kMostCpus; ++cpu)
        if (const std::uint16_t node = facts.node_of_cpu(cpu); node != topology::kNoNode)
            if (const unsigned place = place_of_node[node]; place != 0)
                choice->place_of_cpu[cpu] = static_cast<unsigned char>(place);
    return true;
}

bool is_the_same_for_all_cpus(Pick how) {
    return how == Pick::kAll || how == Pick::kLargest;
}

// Whether pages of this size are configured: anywhere, or for a bound kind on one of its nodes. Pages that
// the kernel may make on demand count.
bool has_huge_pages(const Facts& facts, HugePage size, const Rule& rule, const NodeSet& candidates) {
    if (facts.huge_pages_extra[size] > 0)
        return true;
    if (rule.policy != NodePolicy::kBind)
        return facts.huge_pages[size] > 0;
    std::uint64_t pages = 0;
    for_each_node(candidates, [&](unsigned node) { pages += facts.nodes[node].huge_pages[size]; });
    return pages > 0;
}

}  // namespace

bool parse_machine_nodes(const Facts& facts, const char* text, NodeSet* nodes) {
    const NodeSet usable = usable_nodes(facts, [](unsigned) { return true; });
    *nodes = NodeSet{};
    while (*text == ' ')
        ++text;
    const bool all_but = *text == '!';
    const bool relative = !all_but && *text == '+';
    if (all_but || relative)
        ++text;
    NodeSet named;
    if (strcmp(text, "all") == 0) {
        named = usable;
    } else if (*text == '\n' || (*text == '\0' && (all_but || relative)) || !parse_node_list(text, &named)) {
        return false;
    }
    if (all_but) {
        *nodes = usable_nodes(facts, [&](unsigned node) { return !named.has(NodeId{node}); });
        return true;
    }
    if (relative) {  // the nth of the usable nodes
        unsigned position = 0;
        for_each_node(usable, [&](unsigned node) {
            if (named.has(NodeId{position++}))
                nodes->add(NodeId{node});
        });
        return nodes->count() == named.count();
    }
    *nodes = named;
    bool all_there = true;
    for_each_node(named, [&](unsigned node) {
        all_there = all_there && facts.nodes[node].exists && facts.nodes[node].capacity > 0;
    });
    return all_there;
}

bool needs_details(const NodeEnvironment& environment, StaticKind kind) {
    REQUIRES(kind < kStaticKindCount);
    const Rule& rule = kRules[kind];
    const bool local = rule.pick == Pick::kLargestLocal || rule.pick == Pick::kFastestLocal ||
                       rule.pick == Pick::kBroadestLocal;
    return local || (rule.candidates == Candidates::kHbw && environment.hbw_nodes == nullptr);
}

Complaint choose_nodes(const Facts& facts, const NodeEnvironment& environment, StaticKind kind,
                       NodeChoice* choice) {
    REQUIRES(kind < kStaticKindCount);
    const Rule& rule = kRules[kind];
    choice->error = 0;
    choice->policy = rule.policy;
    choice->place_count = 1;
    choice->no_transparent_huge_pages = rule.pages == Pages::kNeverHuge;

    NodeSet candidates;
    switch (rule.candidates) {
        case Candidates::kNone:
            break;
        case Candidates::kNodesWithCpus:
            candidates = usable_nodes(facts, [&](unsigned node) { return facts.nodes[node].has_cpus; });
            break;
        case Candidates::kAll:
            candidates = usable_nodes(facts, [](unsigned) { return true; });
            break;
        case Candidates::kHbw:
            if (const Complaint complaint = find_hbw(facts, environment, &candidates, &choice->error);
                choice->error != 0)
                return complaint;
            break;
        case Candidates::kDaxKmem:
            if (const Complaint complaint = find_dax_kmem(facts, environment, &candidates, &choice->error);
                choice->error != 0)
                return complaint;
            break;
    }

    if (rule.pages == Pages::k2MiB || rule.pages == Pages::k1GiB) {
        const HugePage size = rule.pages == Pages::k2MiB ? topology::k2MiB : topology::k1GiB;
        choice->huge_page_size = size == topology::k2MiB ? std::size_t{2} << 20 : std::size_t{1} << 30;
        if (!has_huge_pages(facts, size, rule, candidates)) {
            choice->error = MEMKIND_ERROR_HUGETLB;
            return {};
        }
    }
    if (candidates.empty()) {
        // A kernel that names no nodes has one, and ranks nothing.
        choice->policy = NodePolicy::kNone;
        if (rule.pick == Pick::kFastestLocal || rule.pick == Pick::kBroadestLocal)
            choice->error = MEMKIND_ERROR_MEMTYPE_NOT_AVAILABLE;
        return {};
    }
    if (is_the_same_for_all_cpus(rule.pick)) {
        NodeSet nodes = pick(facts, rule.pick, 0, candidates);
        if (rule.policy == NodePolicy::kPreferred) {
            NodeSet lowest;
            lowest.add(NodeId{nodes.next(0)});
            nodes = lowest;
        }
        one_place(choice, nodes);
    } else if (!place_initiators(facts, rule, candidates, choice)) {
        if (rule.pick == Pick::kFastestLocal || rule.pick == Pick::kBroadestLocal)
            choice->error = MEMKIND_ERROR_MEMTYPE_NOT_AVAILABLE;
        else
            one_place(choice, candidates);  // no CPU has a known node
    }
    return {};
}

}  // namespace terrace::kinds
