// memkind.h: the functions that make kinds of files and of named nodes, and those that find a static kind.
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "include/memkind.h"
#include "kinds/file_source.hpp"
#include "kinds/node_choice.hpp"
#include "kinds/node_source.hpp"
#include "kinds/places.hpp"
#include "kinds/registry.hpp"
#include "kinds/static_kinds.hpp"
#include "src/topology.hpp"

using namespace terrace;
using namespace terrace::kinds;

// What memkind_config_* remember; judged when the kind is made.
struct memkind_config {
    const char* directory;
    size_t max_size;  // bytes; 0: no limit
    memkind_mem_usage_policy policy;
};

namespace {

constexpr std::size_t kFileLimitUnit = std::size_t{2} << 20;

// Each shard keeps some free extents; a small file is not to be spread over many.
unsigned shards_for_limit(std::size_t limit) {
    constexpr std::size_t kBytesPerShard = std::size_t{64} << 20;
    constexpr unsigned kMostFileShards = 4;
    const std::size_t affordable = limit / kBytesPerShard + 1;
    unsigned shards = default_shard_count();
    if (shards > kMostFileShards)
        shards = kMostFileShards;
    return shards > affordable ? static_cast<unsigned>(affordable) : shards;
}

int refuse_argument() {
    errno = EINVAL;
    return MEMKIND_ERROR_INVALID;
}

int create_file_kind(const memkind_config& wanted, memkind_t* kind) {
    if (wanted.directory == nullptr || kind == nullptr ||
        (wanted.max_size != 0 && wanted.max_size < MEMKIND_PMEM_MIN_SIZE))
        return refuse_argument();
    if (wanted.policy != MEMKIND_MEM_USAGE_POLICY_DEFAULT &&
        wanted.policy != MEMKIND_MEM_USAGE_POLICY_CONSERVATIVE)
        return refuse_argument();
    if (const int error = check_shard_count_variable(); error != MEMKIND_SUCCESS)
        return error;
    // SIZE_MAX and its neighbours mean "no limit" too, as they did when memkind rounded them up to 0.
    const bool unlimited = wanted.max_size == 0 || wanted.max_size > SIZE_MAX - kFileLimitUnit;
    const std::size_t limit =
        unlimited ? SIZE_MAX : (wanted.max_size + kFileLimitUnit - 1) / kFileLimitUnit * kFileLimitUnit;
    initialise();
    FileSource* const source = FileSource::create(wanted.directory, limit);
    if (source == nullptr)
        return errno == ENOMEM ? MEMKIND_ERROR_MALLOC : MEMKIND_ERROR_INVALID;
    const int result =
        add_kind({.name = "memkind_pmem",
                  .source = source,
                  .foreign_heap = nullptr,
                  .foreign_state = nullptr,
                  .shard_count = shards_for_limit(limit),
                  .first_window = kSmallestFirstWindow,
                  .gives_back_at_once = wanted.policy == MEMKIND_MEM_USAGE_POLICY_CONSERVATIVE},
                 kind);
    if (result != MEMKIND_SUCCESS)
        source->dispose();
    return result;
}

// One row of memkind_create_kind()'s table: what is wanted, and the static kind that is it.
struct StaticChoice {
    unsigned memtypes;
    memkind_policy_t policy;
    unsigned flags;
    StaticKind kind;
};

constexpr unsigned kOrdinary = MEMKIND_MEMTYPE_DEFAULT;
constexpr unsigned kHighBandwidth = MEMKIND_MEMTYPE_HIGH_BANDWIDTH;
constexpr unsigned k2MiBPages = MEMKIND_MASK_PAGE_SIZE_2MB;
constexpr StaticChoice kStaticChoices[] = {
    {kHighBandwidth, MEMKIND_POLICY_BIND_LOCAL, 0, kHbw},
    {kHighBandwidth, MEMKIND_POLICY_BIND_LOCAL, k2MiBPages, kHbwHugetlb},
    {kHighBandwidth, MEMKIND_POLICY_BIND_ALL, 0, kHbwAll},
    {kHighBandwidth, MEMKIND_POLICY_BIND_ALL, k2MiBPages, kHbwAllHugetlb},
    {kHighBandwidth, MEMKIND_POLICY_PREFERRED_LOCAL, 0, kHbwPreferred},
    {kHighBandwidth, MEMKIND_POLICY_PREFERRED_LOCAL, k2MiBPages, kHbwPreferredHugetlb},
    {kHighBandwidth, MEMKIND_POLICY_INTERLEAVE_ALL, 0, kHbwInterleave},
    {kOrdinary, MEMKIND_POLICY_PREFERRED_LOCAL, 0, kDefault},
    {kOrdinary, MEMKIND_POLICY_PREFERRED_LOCAL, k2MiBPages, kHugetlb},
    {kOrdinary | kHighBandwidth, MEMKIND_POLICY_INTERLEAVE_ALL, 0, kInterleave},
};

// False when there is no such placement.
bool policy_of(memkind_placement_t placement, NodePolicy* policy) {
    switch (placement) {
        case MEMKIND_PLACEMENT_BIND:
            *policy = NodePolicy::kBind;
            return true;
        case MEMKIND_PLACEMENT_PREFERRED:
            *policy = NodePolicy::kPreferred;
            return true;
        case MEMKIND_PLACEMENT_PREFERRED_MANY:
            *policy = NodePolicy::kPreferredMany;
            return true;
        case MEMKIND_PLACEMENT_INTERLEAVE:
            *policy = NodePolicy::kInterleave;
            return true;
        case MEMKIND_PLACEMENT_WEIGHTED_INTERLEAVE:
            *policy = NodePolicy::kWeightedInterleave;
            return true;
    }
    return false;
}

bool are_weights(const unsigned* weights, unsigned count) {
    constexpr unsigned kLargestWeight = 255;  // as in /sys/kernel/mm/mempolicy/weighted_interleave
    for (unsigned i = 0; i < count; ++i)
        if (weights[i] == 0 || weights[i] > kLargestWeight)
            return false;
    return true;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

int memkind_create_pmem(const char* dir, size_t max_size, memkind_t* kind) {
    return create_file_kind({dir, max_size, MEMKIND_MEM_USAGE_POLICY_DEFAULT}, kind);
}

struct memkind_config* memkind_config_new(void) {
    return static_cast<memkind_config*>(calloc(1, sizeof(memkind_config)));
}

void memkind_config_delete(struct memkind_config* cfg) {
    free(cfg);
}

void memkind_config_set_path(struct memkind_config* cfg, const char* pmem_dir) {
    if (cfg != nullptr)
        cfg->directory = pmem_dir;
}

void memkind_config_set_size(struct memkind_config* cfg, size_t pmem_size) {
    if (cfg != nullptr)
        cfg->max_size = pmem_size;
}

void memkind_config_set_memory_usage_policy(struct memkind_config* cfg, memkind_mem_usage_policy policy) {
    if (cfg != nullptr)
        cfg->policy = policy;
}

int memkind_create_pmem_with_config(struct memkind_config* cfg, memkind_t* kind) {
    return cfg == nullptr ? refuse_argument() : create_file_kind(*cfg, kind);
}

int memkind_create_kind(memkind_memtype_t memtype_flags, memkind_policy_t policy, memkind_bits_t flags,
                        memkind_t* kind) {
    if (kind == nullptr)
        return MEMKIND_ERROR_INVALID;
    for (const StaticChoice& choice : kStaticChoices) {
        if (choice.memtypes != static_cast<unsigned>(memtype_flags) || choice.policy != policy ||
            choice.flags != static_cast<unsigned>(flags))
            continue;
        memkind_t const wanted = &static_kinds[choice.kind];
        if (availability(wanted) == MEMKIND_SUCCESS)
            *kind = wanted;
        else if (policy == MEMKIND_POLICY_PREFERRED_LOCAL)
            *kind = &static_kinds[kDefault];
        else
            return MEMKIND_ERROR_MEMTYPE_NOT_AVAILABLE;
        return MEMKIND_SUCCESS;
    }
    return MEMKIND_ERROR_INVALID;
}

int memkind_get_kind_by_partition(int partition, memkind_t* kind) {
    if (kind == nullptr)
        return MEMKIND_ERROR_INVALID;
    memkind_t const found = partition >= 0 && static_cast<unsigned>(partition) < kMaxKinds
                                ? kind_in_slot(static_cast<unsigned>(partition))
                                : nullptr;
    // Places of a kind have slots too, but are nobody's business.
    *kind = found != nullptr && found->shown_as == found ? found : nullptr;
    return *kind == nullptr ? MEMKIND_ERROR_UNAVAILABLE : MEMKIND_SUCCESS;
}

int memkind_create_on_nodes(const char* nodes, memkind_placement_t placement, const unsigned* weights,
                            memkind_t* kind) {
    NodePolicy policy{};
    if (nodes == nullptr || kind == nullptr || !policy_of(placement, &policy) ||
        (policy == NodePolicy::kWeightedInterleave) != (weights != nullptr))
        return refuse_argument();
    const topology::Facts* const facts = topology::basic_facts();
    if (facts == nullptr)
        return MEMKIND_ERROR_MALLOC;
    NodeSet set;
    if (!parse_machine_nodes(*facts, nodes, &set) || set.empty() ||
        (weights != nullptr && !are_weights(weights, set.count())))
        return refuse_argument();
    if (const int error = check_shard_count_variable(); error != MEMKIND_SUCCESS)
        return error;
    initialise();
    NodeSource* const source = NodeSource::create(policy, set, weights, false);
    if (source == nullptr)
        return MEMKIND_ERROR_MALLOC;
    const int result = add_kind({.name = "memkind_on_nodes",
                                 .source = source,
                                 .foreign_heap = nullptr,
                                 .foreign_state = nullptr,
                                 .shard_count = 0,
                                 .first_window = kSmallestFirstWindow},
                                kind);
    if (result != MEMKIND_SUCCESS)
        source->dispose();
    return result;
}

}  // extern "C"
#pragma GCC visibility pop
