// What is read of a machine: from trees like /sys that the tests write, and from hwloc.
#include "src/topology.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "tests/support/temporary_directory.hpp"

using namespace terrace;
using namespace terrace::topology;

namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

struct Free {
    void operator()(Facts* facts) const { std::free(facts); }
};
using FactsPointer = std::unique_ptr<Facts, Free>;

FactsPointer no_facts() {
    return FactsPointer(static_cast<Facts*>(std::calloc(1, sizeof(Facts))));
}

// A tree like /sys, and a file like /proc/self/status.
class Tree {
  public:
    void write(const std::string& path, const std::string& text) {
        const std::filesystem::path full = directory_.file(path.c_str());
        std::filesystem::create_directories(full.parent_path());
        std::ofstream(full) << text << "\n";
    }
    void node(unsigned number, std::uint64_t gib, const std::string& cpus, const std::string& distances) {
        const std::string folder = "devices/system/node/node" + std::to_string(number) + "/";
        const std::string name = "Node " + std::to_string(number);
        write(folder + "meminfo", name + " MemTotal:       " + std::to_string(gib << 20) + " kB\n" + name +
                                      " MemFree:        1024 kB");
        write(folder + "cpulist", cpus);
        write(folder + "distance", distances);
    }
    void speed(unsigned number, const std::string& access, const std::string& initiator, unsigned read,
               unsigned write_, unsigned latency) {
        const std::string folder =
            "devices/system/node/node" + std::to_string(number) + "/" + access + "/initiators/";
        write(folder + "read_bandwidth", std::to_string(read));
        write(folder + "write_bandwidth", std::to_string(write_));
        write(folder + "read_latency", std::to_string(latency));
        write(folder + "write_latency", std::to_string(latency));
        write(folder + initiator + "/exists", "");
    }
    void dax(const std::string& device, const std::string& node, const std::string& driver) {
        write("bus/dax/devices/" + device + "/target_node", node);
        std::filesystem::create_symlink("../../../bus/dax/drivers/" + driver,
                                        directory_.file(("bus/dax/devices/" + device + "/driver").c_str()));
    }
    FactsPointer read() {
        FactsPointer facts = no_facts();
        read_sysfs(directory_.path(), directory_.file("status").c_str(), facts.get());
        complete_neighbourhoods(facts.get());
        return facts;
    }

  private:
    tests::TemporaryDirectory directory_;
};

// Two sockets (CPU 4 is offline) with a CXL node each, and numbers with gaps.
void two_sockets(Tree* tree) {
    tree->write("devices/system/node/online", "0-1,8,1000");
    tree->node(0, 64, "0-3", "10 21 24 38");
    tree->node(1, 32, "5-7,8191", "21 10 38 24");
    tree->node(8, 128, "", "24 38 10 50");
    tree->node(1000, 128, "", "38 24 50 10");
}

}  // namespace

TEST(Sysfs, TellsNodesWithGapsInTheirNumbers) {
    Tree tree;
    two_sockets(&tree);
    const FactsPointer facts = tree.read();
    EXPECT_TRUE(facts->nodes[0].exists && facts->nodes[1000].exists);
    EXPECT_FALSE(facts->nodes[2].exists);
    EXPECT_EQ(facts->nodes[1].capacity, 32 * kGiB);
    EXPECT_TRUE(facts->nodes[1].has_cpus);
    EXPECT_FALSE(facts->nodes[8].has_cpus);
    EXPECT_EQ(facts->node_of_cpu(3), 0);
    EXPECT_EQ(facts->node_of_cpu(4), kNoNode) << "offline";
    EXPECT_EQ(facts->node_of_cpu(8191), 1);
    EXPECT_EQ(facts->node_of_cpu(8192), kNoNode);
    EXPECT_EQ(facts->distance(0, 1000), 38U);
    EXPECT_EQ(facts->distance(1, 1000), 24U);
}

TEST(Sysfs, GivesNodesWithoutCpusToTheNearestNeighbourhood) {
    Tree tree;
    two_sockets(&tree);
    const FactsPointer facts = tree.read();
    EXPECT_TRUE(facts->relations[0][0].local && facts->relations[0][8].local);
    EXPECT_TRUE(facts->relations[1][1].local && facts->relations[1][1000].local);
    EXPECT_FALSE(facts->relations[0][1].local || facts->relations[0][1000].local ||
                 facts->relations[1][8].local);
}

TEST(Sysfs, TellsSpeedsAsCpusSeeThem) {
    Tree tree;
    two_sockets(&tree);
    tree.speed(8, "access0", "node0", 9, 9, 9);  // as another device sees it
    tree.speed(8, "access1", "node0", 3000, 1000, 200);
    tree.speed(1, "access0", "node1", 5000, 0, 90);  // an older kernel
    const FactsPointer facts = tree.read();
    EXPECT_EQ(facts->relations[0][8].bandwidth, 2000U);
    EXPECT_EQ(facts->relations[0][8].latency, 200U);
    EXPECT_EQ(facts->relations[1][1].bandwidth, 5000U);
    EXPECT_EQ(facts->relations[1][8].bandwidth, 0U) << "the firmware tells only the nearest";
}

TEST(Sysfs, FindsNodesOfDaxDevicesOnlyUnderTheKmemDriver) {
    Tree tree;
    two_sockets(&tree);
    tree.dax("dax0.0", "8", "kmem");
    tree.dax("dax1.0", "1000", "device_dax");
    tree.dax("dax2.0", "-1", "kmem");
    tree.dax("dax3.0", "70000", "kmem");
    const FactsPointer facts = tree.read();
    EXPECT_TRUE(facts->nodes[8].kmem_dax);
    EXPECT_FALSE(facts->nodes[1000].kmem_dax);
}

TEST(Sysfs, TellsTheCpuset) {
    Tree tree;
    two_sockets(&tree);
    tree.write("status",
               "Name:\tx\nMems_allowed:\t00000000,00000102\nMems_allowed_list:\t1,8\nVmPeak:\t1 kB");
    const FactsPointer facts = tree.read();
    EXPECT_FALSE(facts->nodes[0].allowed || facts->nodes[1000].allowed);
    EXPECT_TRUE(facts->nodes[1].allowed && facts->nodes[8].allowed);
    EXPECT_TRUE(facts->usable(8));
    EXPECT_FALSE(facts->usable(0) || facts->usable(5));
}

TEST(Sysfs, CountsHugePages) {
    Tree tree;
    two_sockets(&tree);
    tree.write("kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "7");
    tree.write("kernel/mm/hugepages/hugepages-1048576kB/nr_overcommit_hugepages", "2");
    tree.write("devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages", "5");
    const FactsPointer facts = tree.read();
    EXPECT_EQ(facts->huge_pages[k2MiB], 7U);
    EXPECT_EQ(facts->huge_pages_extra[k1GiB], 2U);
    EXPECT_EQ(facts->nodes[1].huge_pages[k2MiB], 5U);
    EXPECT_EQ(facts->nodes[0].huge_pages[k2MiB], 0U);
}

TEST(Sysfs, CopesWithWhatIsNotThereOrIsRubbish) {
    Tree tree;
    EXPECT_FALSE(tree.read()->nodes[0].exists) << "a kernel without NUMA";
    tree.write("devices/system/node/online", "0,3-1,5000,7-,x,2-99999999999999999999999");
    tree.node(0, 1, "99999999999,3-", "");
    const FactsPointer facts = tree.read();
    EXPECT_EQ(facts->nodes[0].capacity, kGiB);
    EXPECT_TRUE(facts->nodes[0].allowed) << "no cpuset is told";
    EXPECT_EQ(facts->distance(0, 0), 10U);
}

TEST(Sysfs, ReadsListsLongerThanAnyBuffer) {
    Tree tree;
    tree.write("devices/system/node/online", "0");
    std::string cpus;
    for (unsigned cpu = 0; cpu < kMostCpus; cpu += 2)
        cpus += (cpu == 0 ? "" : ",") + std::to_string(cpu);
    tree.node(0, 1, cpus, "10");
    const FactsPointer facts = tree.read();
    for (unsigned cpu = 0; cpu < kMostCpus; ++cpu)
        ASSERT_EQ(facts->node_of_cpu(cpu), cpu % 2 == 0 ? 0 : kNoNode) << cpu;
}

TEST(Hwloc, ReplacesTheMachineByTheOneItDescribes) {
    FactsPointer facts = no_facts();
    facts->nodes[5].exists = facts->nodes[5].has_cpus = true;
    facts->relations[5][5].bandwidth = 7;
    setenv("HWLOC_SYNTHETIC", "pack:2 [numa(memory=2147483648)] core:2 pu:1", 1);
    const bool read = read_hwloc(facts.get());
    unsetenv("HWLOC_SYNTHETIC");
    if (!read)
        GTEST_SKIP() << "libhwloc.so.15 is not installed";
    EXPECT_FALSE(facts->nodes[5].exists);
    EXPECT_EQ(facts->relations[5][5].bandwidth, 0U);
    EXPECT_EQ(facts->nodes[1].capacity, 2 * kGiB);
    EXPECT_EQ(facts->node_of_cpu(1), 0);
    EXPECT_EQ(facts->node_of_cpu(2), 1);
    EXPECT_TRUE(facts->relations[0][0].local);
    EXPECT_FALSE(facts->relations[0][1].local);
}

TEST(Hwloc, AgreesWithSysfsOnThisMachine) {
    const Facts* const basic = basic_facts();
    const Facts* const detailed = detailed_facts();
    ASSERT_NE(basic, nullptr);
    ASSERT_NE(detailed, nullptr);
    EXPECT_EQ(basic_facts(), basic) << "looked up once";
    for (unsigned node = 0; node < kMostNodes; ++node) {
        EXPECT_EQ(basic->nodes[node].exists, detailed->nodes[node].exists);
        EXPECT_EQ(basic->nodes[node].capacity, detailed->nodes[node].capacity);
        EXPECT_TRUE(!basic->nodes[node].has_cpus || detailed->relations[node][node].local) << node;
    }
}
