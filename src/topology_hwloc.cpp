// What hwloc adds to /sys: memory attributes where vendors tell them by other ways than the HMAT, the type of
// each node's memory (HBM, MCDRAM), and machines described in a file (HWLOC_XMLFILE).
//
// libhwloc is loaded when it is first needed and never linked: with libudev and libm behind it, its load at
// start-up would cost every program 0.3 ms and 640 KiB, and few use a kind that asks it. Looking at a small
// machine takes 1.3 ms and 400 KiB more while it lasts.
#include <dlfcn.h>
#include <hwloc.h>
#include <hwloc/distances.h>
#include <hwloc/memattrs.h>
#include <stdlib.h>
#include <string.h>

#include "src/topology.hpp"

namespace terrace::topology {
namespace {

// The functions used, by the types of hwloc's own header. hwloc's inline functions are no use here: they call
// its exported ones by name.
#define TERRACE_HWLOC_FUNCTIONS(FUNCTION)   \
    FUNCTION(topology_init)                 \
    FUNCTION(topology_destroy)              \
    FUNCTION(topology_set_flags)            \
    FUNCTION(topology_set_all_types_filter) \
    FUNCTION(topology_set_type_filter)      \
    FUNCTION(topology_load)                 \
    FUNCTION(topology_is_thissystem)        \
    FUNCTION(topology_get_allowed_nodeset)  \
    FUNCTION(get_type_depth)                \
    FUNCTION(get_obj_by_depth)              \
    FUNCTION(memattr_get_value)             \
    FUNCTION(distances_get_by_type)         \
    FUNCTION(distances_release)             \
    FUNCTION(bitmap_next)                   \
    FUNCTION(bitmap_isset)                  \
    FUNCTION(bitmap_iszero)                 \
    FUNCTION(bitmap_isincluded)             \
    FUNCTION(bitmap_weight)

struct Hwloc {
#define TERRACE_DECLARE(name) decltype(&hwloc_##name) name = nullptr;
    TERRACE_HWLOC_FUNCTIONS(TERRACE_DECLARE)
#undef TERRACE_DECLARE

    // Never unloaded: another thread may be inside, and the program may use hwloc itself.
    bool load() {
        void* const library = dlopen("libhwloc.so.15", RTLD_NOW | RTLD_LOCAL);
        if (library == nullptr)
            return false;
#define TERRACE_FIND(name)                                                   \
    name = reinterpret_cast<decltype(name)>(dlsym(library, "hwloc_" #name)); \
    if (name == nullptr)                                                     \
        return false;
        TERRACE_HWLOC_FUNCTIONS(TERRACE_FIND)
#undef TERRACE_FIND
        return true;
    }
};

const char* info_of(const hwloc_obj* object, const char* name) {
    for (unsigned i = 0; i < object->infos_count; ++i)
        if (strcmp(object->infos[i].name, name) == 0)
            return object->infos[i].value;
    return nullptr;
}

bool is_one_of(const char* text, const char* a, const char* b) {
    return text != nullptr && (strcmp(text, a) == 0 || strcmp(text, b) == 0);
}

class Reader {
  public:
    Reader(const Hwloc& hwloc, hwloc_topology_t topology, Facts* facts)
        : hwloc_(hwloc), topology_(topology), facts_(facts) {
        for (unsigned i = 0;; ++i) {
            hwloc_obj_t const node = hwloc.get_obj_by_depth(topology, HWLOC_TYPE_DEPTH_NUMANODE, i);
            if (node == nullptr)
                break;
            if (node->os_index < kMostNodes)
                objects_[node->os_index] = node;
        }
    }

    void read() {
        if (hwloc_.topology_is_thissystem(topology_) == 0)
            replace_machine();
        for (unsigned target = 0; target < kMostNodes; ++target) {
            const hwloc_obj* const object = objects_[target];
            if (object == nullptr || !facts_->nodes[target].exists)
                continue;
            const char* const tier = info_of(object, "MemoryTier");
            if (is_one_of(object->subtype, "HBM", "MCDRAM") || is_one_of(tier, "HBM", "MCDRAM"))
                facts_->nodes[target].high_bandwidth = true;
            for (unsigned initiator = 0; initiator < kMostNodes; ++initiator)
                if (facts_->nodes[initiator].has_cpus && objects_[initiator] != nullptr)
                    relate(initiator, target);
        }
    }

  private:
    void relate(unsigned initiator, unsigned target) {
        Relation& relation = facts_->relations[initiator][target];
        const hwloc_const_cpuset_t near = objects_[initiator]->cpuset;
        const hwloc_const_cpuset_t reached = objects_[target]->cpuset;
        if (near == nullptr || reached == nullptr || hwloc_.bitmap_iszero(near) != 0)
            return;
        // A neighbourhood is larger or smaller than the initiator, or the same.
        if (hwloc_.bitmap_iszero(reached) == 0 &&
            (hwloc_.bitmap_isincluded(near, reached) != 0 || hwloc_.bitmap_isincluded(reached, near) != 0))
            relation.local = true;
        if (const std::uint32_t bandwidth = attribute(HWLOC_MEMATTR_ID_BANDWIDTH, initiator, target);
            bandwidth != 0)
            relation.bandwidth = bandwidth;
        if (const std::uint32_t latency = attribute(HWLOC_MEMATTR_ID_LATENCY, initiator, target);
            latency != 0)
            relation.latency = latency;
    }

    std::uint32_t attribute(hwloc_memattr_id_e which, unsigned initiator, unsigned target) const {
        hwloc_location from;
        from.type = HWLOC_LOCATION_TYPE_CPUSET;
        from.location.cpuset = objects_[initiator]->cpuset;
        hwloc_uint64_t value = 0;
        if (hwloc_.memattr_get_value(topology_, which, objects_[target], &from, 0, &value) != 0)
            return 0;
        return static_cast<std::uint32_t>(value < UINT32_MAX ? value : UINT32_MAX);
    }

    // Everything from hwloc: the machine it describes is not this one.
    void replace_machine() {
        for (unsigned node = 0; node < kMostNodes; ++node) {
            if (facts_->nodes[node].has_cpus)
                for (Relation& relation : facts_->relations[node])
                    relation = Relation{};
            facts_->nodes[node] = NodeFacts{};
        }
        memset(facts_->node_of_cpu_plus_one, 0, sizeof facts_->node_of_cpu_plus_one);
        memset(facts_->huge_pages, 0, sizeof facts_->huge_pages);
        memset(facts_->huge_pages_extra, 0, sizeof facts_->huge_pages_extra);
        const hwloc_const_nodeset_t allowed = hwloc_.topology_get_allowed_nodeset(topology_);
        for (unsigned node = 0; node < kMostNodes; ++node)
            if (objects_[node] != nullptr)
                add_node(node, allowed == nullptr || hwloc_.bitmap_isset(allowed, node) != 0);
        give_cpus_to_nodes();
        read_distances();
        facts_->knights = describes_knights();
    }

    void add_node(unsigned node, bool allowed) {
        const hwloc_obj* const object = objects_[node];
        NodeFacts& its = facts_->nodes[node];
        its.exists = true;
        its.allowed = allowed;
        its.kmem_dax = info_of(object, "DAXDevice") != nullptr;
        const auto& memory = object->attr->numanode;
        its.capacity = memory.local_memory;
        for (unsigned i = 0; i < memory.page_types_len; ++i) {
            const hwloc_uint64_t size = memory.page_types[i].size;
            if (size == 2U << 20 || size == 1U << 30) {
                const HugePage which = size == 2U << 20 ? k2MiB : k1GiB;
                its.huge_pages[which] = memory.page_types[i].count;
                facts_->huge_pages[which] += memory.page_types[i].count;
            }
        }
    }

    // hwloc shows a CPU in the neighbourhood of several nodes; the kernel gives it to one. That is the node
    // with the smallest neighbourhood, and of equals the first: firmware numbers the DRAM that boots first.
    void give_cpus_to_nodes() {
        for (unsigned node = 0; node < kMostNodes; ++node) {
            if (objects_[node] == nullptr || objects_[node]->cpuset == nullptr)
                continue;
            const int weight = hwloc_.bitmap_weight(objects_[node]->cpuset);
            for (int cpu = hwloc_.bitmap_next(objects_[node]->cpuset, -1);
                 cpu >= 0 && cpu < static_cast<int>(kMostCpus);
                 cpu = hwloc_.bitmap_next(objects_[node]->cpuset, cpu)) {
                std::uint16_t& owner = facts_->node_of_cpu_plus_one[cpu];
                if (owner == 0 || weight < hwloc_.bitmap_weight(objects_[owner - 1]->cpuset))
                    owner = static_cast<std::uint16_t>(node + 1);
            }
        }
        for (const std::uint16_t owner : facts_->node_of_cpu_plus_one)
            if (owner != 0)
                facts_->nodes[owner - 1].has_cpus = true;
    }

    void read_distances() {
        hwloc_distances_s* distances = nullptr;
        unsigned count = 1;
        if (hwloc_.distances_get_by_type(topology_, HWLOC_OBJ_NUMANODE, &count, &distances,
                                         HWLOC_DISTANCES_KIND_MEANS_LATENCY, 0) != 0 ||
            count == 0)
            return;
        for (unsigned i = 0; i < distances->nbobjs; ++i) {
            for (unsigned j = 0; j < distances->nbobjs; ++j) {
                const unsigned from = distances->objs[i]->os_index;
                const unsigned to = distances->objs[j]->os_index;
                if (from >= kMostNodes || to >= kMostNodes || !facts_->nodes[from].has_cpus)
                    continue;
                const hwloc_uint64_t value = distances->values[i * distances->nbobjs + j];
                facts_->relations[from][to].distance = static_cast<std::uint8_t>(value < 255 ? value : 255);
            }
        }
        hwloc_.distances_release(topology_, distances);
    }

    bool describes_knights() const {
        const int depth = hwloc_.get_type_depth(topology_, HWLOC_OBJ_PACKAGE);
        const hwloc_obj* const package = depth < 0 ? nullptr : hwloc_.get_obj_by_depth(topology_, depth, 0);
        return package != nullptr &&
               is_one_of(info_of(package, "CPUVendor"), "GenuineIntel", "GenuineIntel") &&
               is_one_of(info_of(package, "CPUFamilyNumber"), "6", "6") &&
               is_one_of(info_of(package, "CPUModelNumber"), "87", "133");
    }

    const Hwloc& hwloc_;
    hwloc_topology_t topology_;
    Facts* facts_;
    hwloc_obj_t objects_[kMostNodes] = {};
};

}  // namespace

bool read_hwloc(Facts* facts) {
    Hwloc hwloc;
    hwloc_topology_t topology = nullptr;
    if (!hwloc.load() || hwloc.topology_init(&topology) != 0)
        return false;
    // Nodes and CPUs are always kept; packages tell the processor, groups the neighbourhoods of nodes that are
    // less than a package. Devices, caches and cores would only cost time. A libhwloc that does not know a
    // filter or flag looks at more than is needed.
    // A file is read whole: without the cache that a node hangs on, hwloc 2.9 would give the node all CPUs of
    // the package.
    [[maybe_unused]] int ignored = 0;
    if (getenv("HWLOC_XMLFILE") == nullptr) {
        ignored = hwloc.topology_set_all_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE);
        ignored = hwloc.topology_set_type_filter(topology, HWLOC_OBJ_PACKAGE, HWLOC_TYPE_FILTER_KEEP_ALL);
        ignored = hwloc.topology_set_type_filter(topology, HWLOC_OBJ_GROUP, HWLOC_TYPE_FILTER_KEEP_STRUCTURE);
    }
    ignored = hwloc.topology_set_flags(topology, HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS);
    const bool loaded = hwloc.topology_load(topology) == 0;
    if (loaded)
        Reader(hwloc, topology, facts).read();
    hwloc.topology_destroy(topology);
    return loaded;
}

}  // namespace terrace::topology
