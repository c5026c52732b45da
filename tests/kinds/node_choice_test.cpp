// What each static kind takes on machines of all sorts: by hand, and those of tests/data/topologies.
#include "kinds/node_choice.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/temporary_directory.hpp"

using namespace terrace;
using namespace terrace::kinds;
using topology::Facts;

namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

const std::pair<const char*, StaticKind> kNames[] = {
    {"DEFAULT", kDefault},
    {"REGULAR", kRegular},
    {"INTERLEAVE", kInterleave},
    {"HUGETLB", kHugetlb},
    {"GBTLB", kGbtlb},
    {"HBW", kHbw},
    {"HBW_ALL", kHbwAll},
    {"HBW_PREFERRED", kHbwPreferred},
    {"HBW_INTERLEAVE", kHbwInterleave},
    {"HBW_HUGETLB", kHbwHugetlb},
    {"HBW_ALL_HUGETLB", kHbwAllHugetlb},
    {"HBW_PREFERRED_HUGETLB", kHbwPreferredHugetlb},
    {"HBW_GBTLB", kHbwGbtlb},
    {"HBW_PREFERRED_GBTLB", kHbwPreferredGbtlb},
    {"DAX_KMEM", kDaxKmem},
    {"DAX_KMEM_ALL", kDaxKmemAll},
    {"DAX_KMEM_PREFERRED", kDaxKmemPreferred},
    {"DAX_KMEM_INTERLEAVE", kDaxKmemInterleave},
    {"HIGHEST_CAPACITY", kHighestCapacity},
    {"HIGHEST_CAPACITY_PREFERRED", kHighestCapacityPreferred},
    {"HIGHEST_CAPACITY_LOCAL", kHighestCapacityLocal},
    {"HIGHEST_CAPACITY_LOCAL_PREFERRED", kHighestCapacityLocalPreferred},
    {"LOWEST_LATENCY_LOCAL", kLowestLatencyLocal},
    {"LOWEST_LATENCY_LOCAL_PREFERRED", kLowestLatencyLocalPreferred},
    {"HIGHEST_BANDWIDTH_LOCAL", kHighestBandwidthLocal},
    {"HIGHEST_BANDWIDTH_LOCAL_PREFERRED", kHighestBandwidthLocalPreferred},
};
static_assert(std::size(kNames) == kStaticKindCount);

std::string text_of(const NodeSet& nodes) {
    std::string text;
    for (unsigned node = nodes.next(0); node < kMostNodes; node = nodes.next(node + 1))
        text += (text.empty() ? "{" : ",") + std::to_string(node);
    return text.empty() ? "{}" : text + "}";
}

// "bind {0,1}", or where CPUs differ, each in order: "bind {0} {1}"; with huge pages "bind 2M {0}"; "error -20".
std::string describe(const NodeChoice& choice) {
    if (choice.error != 0)
        return "error " + std::to_string(choice.error);
    constexpr const char* kPolicies[] = {"none",           "bind",       "preferred",
                                         "preferred-many", "interleave", "weighted"};
    std::string text = kPolicies[static_cast<unsigned>(choice.policy)];
    if (choice.no_transparent_huge_pages)
        text += " small";
    if (choice.huge_page_size != 0)
        text += choice.huge_page_size == kGiB ? " 1G" : " 2M";
    if (choice.policy != NodePolicy::kNone)
        for (unsigned place = 0; place < choice.place_count; ++place)
            text += " " + text_of(choice.nodes[place]);
    return text;
}

struct Free {
    void operator()(Facts* facts) const { std::free(facts); }
};
using FactsPointer = std::unique_ptr<Facts, Free>;

FactsPointer no_facts() {
    return FactsPointer(static_cast<Facts*>(std::calloc(1, sizeof(Facts))));
}

// A machine written by hand. CPUs: two for each node with CPUs, numbered 10 * node and 10 * node + 1.
class Machine {
  public:
    Machine() : facts_(no_facts()) {}
    Machine& node(unsigned number, std::uint64_t gib, bool cpus) {
        topology::NodeFacts& its = facts_->nodes[number];
        its.exists = its.allowed = true;
        its.capacity = gib * kGiB;
        its.has_cpus = cpus;
        for (unsigned cpu = 10 * number; cpus && cpu < 10 * number + 2; ++cpu)
            facts_->node_of_cpu_plus_one[cpu] = static_cast<std::uint16_t>(number + 1);
        return *this;
    }
    Machine& distance(unsigned from, unsigned to, unsigned value) {
        facts_->relations[from][to].distance = facts_->relations[to][from].distance =
            static_cast<std::uint8_t>(value);
        return *this;
    }
    Machine& speed(unsigned from, unsigned to, unsigned bandwidth, unsigned latency) {
        facts_->relations[from][to].bandwidth = bandwidth;
        facts_->relations[from][to].latency = latency;
        facts_->relations[from][to].local = true;
        return *this;
    }
    Machine& local(unsigned from, unsigned to) {
        facts_->relations[from][to].local = true;
        return *this;
    }
    Facts& facts() { return *facts_; }

    NodeChoice choose(StaticKind kind, const NodeEnvironment& environment = {}) {
        topology::complete_neighbourhoods(facts_.get());
        NodeChoice choice;
        last_complaint = choose_nodes(*facts_, environment, kind, &choice);
        return choice;
    }
    std::string described(StaticKind kind, const NodeEnvironment& environment = {}) {
        return describe(choose(kind, environment));
    }

    Complaint last_complaint;

  private:
    FactsPointer facts_;
};

Machine two_sockets() {
    Machine machine;
    machine.node(0, 64, true).node(1, 64, true).distance(0, 0, 10).distance(1, 1, 10).distance(0, 1, 21);
    return machine;
}

std::string all_of(const Facts& facts) {
    std::string text;
    for (const auto& [name, kind] : kNames) {
        NodeChoice choice;
        choose_nodes(facts, NodeEnvironment{}, kind, &choice);
        text += std::string(name) + ": " + describe(choice) + "\n";
    }
    return text;
}

FactsPointer read_machine(const std::string& name) {
    FactsPointer facts = no_facts();
    setenv("HWLOC_XMLFILE", (std::string(TERRACE_TOPOLOGIES) + "/" + name + ".xml").c_str(), 1);
    if (!topology::read_hwloc(facts.get()))
        facts = nullptr;
    else
        topology::complete_neighbourhoods(facts.get());
    unsetenv("HWLOC_XMLFILE");
    return facts;
}

std::string expected_for(const std::string& name) {
    std::ifstream file(std::string(TERRACE_TOPOLOGIES) + "/" + name + ".choices");
    std::string text;
    for (std::string line; std::getline(file, line);)
        if (line.empty() || line.front() != '#')  // the reasons
            text += line + "\n";
    return text;
}

// What /sys said on a machine, as tests/lab wrote it down, as a tree of files again.
FactsPointer read_saved_sys(const std::string& name) {
    const tests::TemporaryDirectory tree;
    std::ifstream file(std::string(TERRACE_TOPOLOGIES) + "/" + name + ".sys");
    for (std::string line; std::getline(file, line);) {
        const std::size_t tab = line.find('\t');
        const std::filesystem::path path = tree.file(line.substr(0, tab).c_str());
        std::string content = tab == std::string::npos ? "" : line.substr(tab + 1);
        std::filesystem::create_directories(path.parent_path());
        if (content.starts_with("-> ")) {
            std::filesystem::create_symlink(content.substr(3), path);
            continue;
        }
        for (std::size_t at; (at = content.find("\\n")) != std::string::npos;)
            content.replace(at, 2, "\n");
        std::ofstream(path) << content;
    }
    FactsPointer facts = no_facts();
    topology::read_sysfs(tree.path(), "/nowhere", facts.get());
    topology::complete_neighbourhoods(facts.get());
    return facts;
}

// The machines of tests/lab/models, as they were seen from inside, or the others, which make.py describes.
std::vector<std::string> machines(bool of_the_lab) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(TERRACE_TOPOLOGIES))
        if (const std::string name = entry.path().stem();
            entry.path().extension() == ".xml" && name.starts_with("lab_") == of_the_lab)
            names.push_back(name);
    std::sort(names.begin(), names.end());
    return names;
}

class DescribedMachine : public testing::TestWithParam<std::string> {};
class LabMachine : public testing::TestWithParam<std::string> {};

}  // namespace

TEST_P(DescribedMachine, GivesEachKindItsNodes) {
    const FactsPointer facts = read_machine(GetParam());
    if (facts == nullptr)
        GTEST_SKIP() << "libhwloc.so.15 is not installed";
    EXPECT_EQ(all_of(*facts), expected_for(GetParam()));
}
// Where all memory is of one type, nobody calls it high-bandwidth; the user can.
TEST(MachinesOfOneMemory, GiveEachCpuItsOwnHbmWhereTheUserNamesAll) {
    for (const char* name : {"a64fx", "mi300a"}) {
        const FactsPointer facts = read_machine(name);
        if (facts == nullptr)
            GTEST_SKIP() << "libhwloc.so.15 is not installed";
        NodeChoice choice;
        choose_nodes(*facts, {.hbw_nodes = "all"}, kHbw, &choice);
        EXPECT_EQ(describe(choice), "bind {0} {1} {2} {3}") << name;
    }
}
INSTANTIATE_TEST_SUITE_P(NodeChoice, DescribedMachine, testing::ValuesIn(machines(false)),
                         [](const auto& its) { return its.param; });

// The kernel's word alone, where libhwloc is missing.
TEST_P(LabMachine, GivesEachKindItsNodesByTheKernelsWord) {
    EXPECT_EQ(all_of(*read_saved_sys(GetParam())), expected_for(GetParam()));
}
TEST_P(LabMachine, GivesEachKindItsNodesByHwlocsWord) {
    const FactsPointer facts = read_machine(GetParam());
    if (facts == nullptr)
        GTEST_SKIP() << "libhwloc.so.15 is not installed";
    // Huge pages and KMEM devices are in /sys only, and this is not that machine.
    const FactsPointer by_kernel = read_saved_sys(GetParam());
    for (unsigned node = 0; node < kMostNodes; ++node) {
        facts->nodes[node].kmem_dax = by_kernel->nodes[node].kmem_dax;
        std::copy(std::begin(by_kernel->nodes[node].huge_pages), std::end(by_kernel->nodes[node].huge_pages),
                  std::begin(facts->nodes[node].huge_pages));
    }
    std::copy(std::begin(by_kernel->huge_pages), std::end(by_kernel->huge_pages),
              std::begin(facts->huge_pages));
    std::copy(std::begin(by_kernel->huge_pages_extra), std::end(by_kernel->huge_pages_extra),
              std::begin(facts->huge_pages_extra));
    EXPECT_EQ(all_of(*facts), expected_for(GetParam()));
}
INSTANTIATE_TEST_SUITE_P(NodeChoice, LabMachine, testing::ValuesIn(machines(true)),
                         [](const auto& its) { return its.param; });

TEST(NodeChoice, NeedsNoNodesWhereTheKernelNamesNone) {
    const FactsPointer facts = no_facts();
    const std::map<std::string, std::string> expected = {{"REGULAR", "none"},
                                                         {"INTERLEAVE", "none small"},
                                                         {"HIGHEST_CAPACITY", "none"},
                                                         {"HBW", "error -20"},
                                                         {"DAX_KMEM", "error -1"},
                                                         {"HUGETLB", "error -18"},
                                                         {"HIGHEST_CAPACITY_LOCAL", "none"},
                                                         {"LOWEST_LATENCY_LOCAL", "error -20"}};
    for (const auto& [name, kind] : kNames) {
        NodeChoice choice;
        choose_nodes(*facts, NodeEnvironment{}, kind, &choice);
        const auto its = expected.find(name);
        EXPECT_TRUE(its == expected.end() || describe(choice) == its->second)
            << name << ": " << describe(choice);
        EXPECT_GE(choice.place_count, 1U) << name;
    }
}

TEST(NodeChoice, LeavesOutNodesWithoutMemoryAndThoseOfOthersCpusets) {
    Machine machine;
    machine.node(0, 0, true).node(3, 64, true).node(700, 64, true).node(1023, 64, false);
    machine.facts().nodes[700].allowed = false;
    EXPECT_EQ(machine.described(kRegular), "bind {3}");
    EXPECT_EQ(machine.described(kInterleave), "interleave small {3,1023}");
    EXPECT_EQ(machine.described(kHbwAll, {.hbw_nodes = "700"}), "error -20") << "exists, but not for us";
    EXPECT_EQ(machine.described(kDaxKmemAll, {.dax_kmem_nodes = "700"}), "error -1");
    EXPECT_EQ(machine.described(kHbwAll, {.hbw_nodes = "700,1023"}), "bind {1023}");
}

TEST(NodeChoice, GoesOnUnboundWhereTheCpusetHasNoNodeWithCpus) {
    Machine machine = two_sockets();
    machine.node(2, 64, false);
    machine.facts().nodes[0].allowed = machine.facts().nodes[1].allowed = false;
    EXPECT_EQ(machine.described(kRegular), "none");
    EXPECT_EQ(machine.described(kHighestCapacity), "bind {2}");
}

TEST(NodeChoice, PlacesEachCpuByItsNode) {
    Machine machine = two_sockets();
    machine.node(2, 16, false).node(3, 16, false);
    machine.distance(0, 2, 13).distance(0, 3, 28).distance(1, 2, 28).distance(1, 3, 13);
    const NodeChoice choice = machine.choose(kHbw, {.hbw_nodes = "2-3"});
    EXPECT_EQ(describe(choice), "bind {2} {3}");
    EXPECT_EQ(choice.place_of(0), 0U);
    EXPECT_EQ(choice.place_of(10), 1U);
    EXPECT_EQ(choice.place_of(11), 1U);
    for (const int unknown : {-1, 5, 8191, 8192, 1 << 30})
        EXPECT_EQ(choice.place_of(unknown), 0U) << unknown;
}

TEST(NodeChoice, BreaksTiesOfPreferredKindsByTheLowestNumber) {
    Machine machine = two_sockets();
    machine.node(2, 16, false).node(3, 16, false);
    for (const unsigned target : {2U, 3U})
        machine.distance(0, target, 17).distance(1, target, 17);
    EXPECT_EQ(machine.described(kHbwPreferred, {.hbw_nodes = "2,3"}), "preferred {2}");
    EXPECT_EQ(machine.described(kDaxKmemPreferred, {.dax_kmem_nodes = "2,3"}), "preferred {2}");
    EXPECT_EQ(machine.described(kHbw, {.hbw_nodes = "2,3"}), "bind {2,3}");
    EXPECT_EQ(machine.described(kHighestCapacityPreferred), "preferred {0}");
}

TEST(NodeChoice, TellsWhichVariableIsWrong) {
    Machine machine = two_sockets();
    for (const char* bad :
         {"x", "0,", "2", "0-2", "-1", "0 ", "0:1", "same", "1024", "99999999999999999999", "!", "+2"}) {
        EXPECT_EQ(machine.described(kHbw, {.hbw_nodes = bad}), "error -12") << bad;
        EXPECT_STREQ(machine.last_complaint.variable, "MEMKIND_HBW_NODES");
        EXPECT_STREQ(machine.last_complaint.value, bad);
        EXPECT_EQ(machine.described(kDaxKmemInterleave, {.dax_kmem_nodes = bad}), "error -12") << bad;
        EXPECT_STREQ(machine.last_complaint.variable, "MEMKIND_DAX_KMEM_NODES");
    }
    for (const char* bad : {"junk", "-1", "4294967296", "1x", "99999999999999999999999"}) {
        EXPECT_EQ(machine.described(kHbw, {.hbw_threshold = bad}), "error -12") << bad;
        EXPECT_STREQ(machine.last_complaint.variable, "MEMKIND_HBW_THRESHOLD");
    }
    EXPECT_EQ(machine.described(kHbw, {.hbw_nodes = "0", .hbw_threshold = "junk"}), "bind {0}")
        << "is not read";
    EXPECT_EQ(machine.described(kRegular, {.hbw_nodes = "x", .dax_kmem_nodes = "x"}), "bind {0,1}");
}

TEST(NodeChoice, ReadsNodeListsAsPeopleWriteThem) {
    Machine machine = two_sockets();
    machine.node(5, 16, false);
    const std::pair<const char*, const char*> lists[] = {
        {"0-1,5", "bind {0,1,5}"}, {"all", "bind {0,1,5}"}, {"!0", "bind {1,5}"}, {"+2", "bind {5}"},
        {" 1", "bind {1}"},        {"", "error -20"},       {"!all", "error -20"}};
    for (const auto& [list, expected] : lists)
        EXPECT_EQ(machine.described(kHbwAll, {.hbw_nodes = list}), expected) << list;
}

TEST(HighBandwidth, IsWhatReachesTheThreshold) {
    Machine machine;
    machine.node(0, 64, true).node(1, 16, false).speed(0, 0, 90000, 100).speed(0, 1, 150000, 120);
    EXPECT_EQ(machine.described(kHbw), "error -20") << "neither 204,800 MiB/s nor twice the DRAM's";
    EXPECT_EQ(machine.described(kHbw, {.hbw_threshold = "100000"}), "bind {1}");
    EXPECT_EQ(machine.described(kHbwAll, {.hbw_threshold = "90000"}), "bind {0,1}");
    machine.speed(0, 1, 180000, 120);
    EXPECT_EQ(machine.described(kHbw), "bind {1}") << "twice the DRAM's";
    EXPECT_EQ(machine.described(kHbw, {.hbw_threshold = "200000"}), "error -20")
        << "the user's word is exact";
    EXPECT_EQ(machine.described(kHbw, {.hbw_threshold = ""}), "bind {1}") << "as if it were not set";
}

TEST(HighBandwidth, OfOthersIsBetterThanNone) {
    Machine machine = two_sockets();
    machine.node(2, 16, false).node(3, 16, false).distance(0, 2, 13).distance(1, 2, 25).distance(0, 3, 28);
    machine.distance(1, 3, 31).speed(0, 2, 300000, 120).speed(0, 3, 300000, 120);
    EXPECT_EQ(machine.described(kHbw), "bind {2}")
        << "node 1 has no HBW memory of its own, and node 2 is nearest";
}

TEST(HighBandwidth, IsTakenFromTheFirstSourceThatKnowsAny) {
    Machine machine = two_sockets();
    machine.node(2, 16, false).node(3, 16, false);
    machine.facts().knights = true;
    EXPECT_EQ(machine.described(kHbwAll), "bind {2,3}") << "nodes without CPUs of a Knights Landing";
    machine.facts().nodes[3].high_bandwidth = true;
    EXPECT_EQ(machine.described(kHbwAll), "bind {3}") << "the type of the memory";
    machine.speed(0, 2, 300000, 100);
    EXPECT_EQ(machine.described(kHbwAll), "bind {2}") << "its bandwidth";
    EXPECT_EQ(machine.described(kHbwAll, {.hbw_nodes = "0"}), "bind {0}") << "the user";
}

TEST(LocalKinds, UseTheDocumentedTieBreaks) {
    Machine machine;
    machine.node(0, 64, true).node(1, 64, false).node(2, 32, false);
    machine.speed(0, 0, 100, 100).speed(0, 1, 200, 300).speed(0, 2, 200, 100);
    EXPECT_EQ(machine.described(kHighestCapacityLocal), "bind {1}") << "of the largest the slowest";
    EXPECT_EQ(machine.described(kLowestLatencyLocal), "bind {2}") << "of the fastest the smallest";
    EXPECT_EQ(machine.described(kHighestBandwidthLocal), "bind {2}") << "of the broadest the smallest";
    EXPECT_EQ(machine.described(kHighestBandwidthLocalPreferred), "preferred {2}");
}

TEST(LocalKinds, TakeTheNearestOfOthersWhereTheirOwnAreNotRanked) {
    Machine machine = two_sockets();
    machine.speed(0, 0, 1000, 100);
    EXPECT_EQ(machine.described(kLowestLatencyLocal), "bind {0}");
    EXPECT_EQ(machine.described(kHighestBandwidthLocalPreferred), "preferred {0}");
}

TEST(HugePages, AreLookedForAfterTheNodes) {
    Machine machine = two_sockets();
    EXPECT_EQ(machine.described(kHbwHugetlb), "error -20");
    EXPECT_EQ(machine.described(kHbwHugetlb, {.hbw_nodes = "1"}), "error -18");
    machine.facts().huge_pages[topology::k2MiB] = machine.facts().nodes[0].huge_pages[topology::k2MiB] = 4;
    EXPECT_EQ(machine.described(kHbwHugetlb, {.hbw_nodes = "1"}), "error -18")
        << "they are on the other node";
    EXPECT_EQ(machine.described(kHbwPreferredHugetlb, {.hbw_nodes = "1"}), "preferred 2M {1}");
    EXPECT_EQ(machine.described(kHbwAllHugetlb, {.hbw_nodes = "all"}), "bind 2M {0,1}");
    EXPECT_EQ(machine.described(kHugetlb), "none 2M");
    EXPECT_EQ(machine.described(kGbtlb), "error -18");
    machine.facts().huge_pages_extra[topology::k1GiB] = 1;
    EXPECT_EQ(machine.described(kGbtlb), "none 1G");
    EXPECT_EQ(machine.described(kHbwGbtlb, {.hbw_nodes = "1"}), "bind 1G {1}");
    EXPECT_EQ(machine.described(kHbwPreferredGbtlb, {.hbw_nodes = "1"}), "preferred 1G {1}");
}

TEST(NodeChoice, CopesWithMorePlacesThanItHas) {
    Machine machine;
    for (unsigned node = 0; node < 100; ++node)
        machine.node(node, 1 + node, true);
    const NodeChoice choice = machine.choose(kHighestCapacityLocal);
    EXPECT_EQ(choice.place_count, kMostPlaces);
    for (int cpu = 0; cpu < static_cast<int>(kMostCpus); ++cpu)
        ASSERT_LT(choice.place_of(cpu), kMostPlaces);
    EXPECT_EQ(text_of(choice.nodes[choice.place_of(630)]), "{63}");
}

TEST(NodeChoice, AsksForDetailsOnlyWhereTheRulesNeedThem) {
    for (const StaticKind kind : {kDefault, kRegular, kInterleave, kHugetlb, kDaxKmem, kHighestCapacity})
        EXPECT_FALSE(needs_details({}, kind));
    for (const StaticKind kind : {kHbw, kHbwAllHugetlb, kLowestLatencyLocal, kHighestCapacityLocalPreferred})
        EXPECT_TRUE(needs_details({}, kind));
    EXPECT_FALSE(needs_details({.hbw_nodes = "0"}, kHbw));
}
