// Start-up: configuration to kinds, kinds to a memtier memory. Runs once, in the first allocation after the C
// library has set `environ`, or in our constructor, whichever comes first; so a wrong configuration is
// reported before main. Whatever is called from here may allocate: it is served from MEMKIND_DEFAULT.
#include "tiering/preload/tiers.hpp"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/log.hpp"
#include "tiering/preload/configuration.hpp"
#include "tiering/preload/mappings.hpp"
#include "tiering/preload/node_tiers.hpp"
#include "tiering/preload/static_kinds.hpp"
#include "tiering/preload/tiers_in_use.hpp"

namespace terrace::preload {

constinit std::atomic<memtier_memory*> internal::active{nullptr};
const char* const kLibraryName = "libmemtier";

namespace {

using tiering::TierPolicy;
using tiering::TierSpec;

//   kCold -> kStarting -> kStarted, once; only the thread that made the first step makes the second.
enum class Stage { kCold, kStarting, kStarted };
constinit std::atomic<Stage> stage{Stage::kCold};

constinit TiersInUse in_use = {};
unsigned
    configured_as[tiering::kMostConfiguredTiers];  // of each tier in use, its number in the configuration
char paths[tiering::kMostConfiguredTiers][PATH_MAX];

const char* reason_of(int error) {
    const char* reason = error != 0 ? strerrordesc_np(error) : nullptr;  // strerror may allocate
    return reason != nullptr ? reason : "no file can be made there";
}

// Why a tier cannot be had, for one line.
struct Reason {
    char text[MEMKIND_ERROR_MESSAGE_SIZE + PATH_MAX];
};

memkind_t no_directory(const char* path, int error, Reason* reason) {
    snprintf(reason->text, sizeof reason->text,
             "'%.80s': %s; accepted: an existing directory in which this process may create files, with room "
             "for 16 MiB",
             path, reason_of(error));
    return nullptr;
}

memkind_t make_file_kind(const TierSpec& spec, char* path, Reason* reason) {
    memcpy(path, spec.path.data(), spec.path.size());
    path[spec.path.size()] = '\0';
    // Asked first, so that the one line about it is this one, which can name the column.
    struct stat place;
    if (stat(path, &place) == 0 && !S_ISDIR(place.st_mode))
        return no_directory(path, ENOTDIR, reason);
    if (access(path, W_OK | X_OK) != 0)
        return no_directory(path, errno, reason);
    memkind_t kind = nullptr;
    errno = 0;
    return memkind_create_pmem(path, spec.size_limit, &kind) == MEMKIND_SUCCESS
               ? kind
               : no_directory(path, errno, reason);
}

memkind_t make_nodes_kind(const TierSpec& spec, Reason* reason) {
    char nodes[tiering::kLongestNodeList + 1];
    if (spec.kind == tiering::kCxlTier) {
        if (!list_cxl_nodes(nodes, sizeof nodes)) {
            snprintf(reason->text, sizeof reason->text,
                     "no node has memory and no CPUs, but for high-bandwidth memory");
            return nullptr;
        }
    } else {
        size_t length = 0;
        for (const char c : spec.nodes)
            nodes[length++] = c == '+' ? ',' : c;
        nodes[length] = '\0';
    }
    memkind_t kind = nullptr;
    if (memkind_create_on_nodes(nodes, MEMKIND_PLACEMENT_BIND, nullptr, &kind) == MEMKIND_SUCCESS)
        return kind;
    snprintf(reason->text, sizeof reason->text, "nodes %s: not all of them are there and have memory", nodes);
    return nullptr;
}

memkind_t find_static_kind(const TierSpec& spec, Reason* reason) {
    const memkind_t kind = static_kind(spec.kind);
    const int error = memkind_check_available(kind);
    if (error == MEMKIND_SUCCESS)
        return kind;
    char text[MEMKIND_ERROR_MESSAGE_SIZE];
    memkind_error_message(error, text, sizeof text);
    snprintf(reason->text, sizeof reason->text, "%s; accepted: kinds that memkind_check_available() finds",
             text);
    return nullptr;
}

// nullptr, with the reason, when this machine does not have it.
memkind_t make_kind(const TierSpec& spec, char* path, Reason* reason) {
    if (spec.kind == tiering::kFileTier)
        return make_file_kind(spec, path, reason);
    const memkind_t kind = spec.kind == tiering::kNodesTier || spec.kind == tiering::kCxlTier
                               ? make_nodes_kind(spec, reason)
                               : find_static_kind(spec, reason);
    if (kind != nullptr && spec.size_limit != 0)
        memkind_set_limit(kind, spec.size_limit);
    return kind;
}

// Each tier that can be had, in order. False, after a message, when that does not do.
bool make_tiers(Configuration* configuration) {
    const tiering::TierConfig& wanted = configuration->tiers;
    tiering::ThresholdConfig& thresholds = configuration->thresholds;
    for (unsigned i = 0; i < wanted.count; ++i) {
        const TierSpec& spec = wanted.tiers[i];
        static constinit Reason reason = {};
        char* const path = paths[in_use.count];
        const memkind_t kind = make_kind(spec, path, &reason);
        if (kind != nullptr) {
            configured_as[in_use.count] = i;
            in_use.tiers[in_use.count++] = TierInUse{tiering::name_of(spec.kind), kind, spec.ratio,
                                                     spec.kind == tiering::kFileTier ? path : ""};
            continue;
        }
        log_error("%s: tier %s at column %u cannot be had: %s%s", configured_by(),
                  tiering::name_of(spec.kind), spec.column, reason.text,
                  wanted.strict ? "" : "; the others take its share");
        if (wanted.strict)
            return false;
        // Without the tier there is a threshold less: the one below it, or above the lowest.
        for (unsigned t = in_use.count > 0 ? in_use.count - 1 : 0; t + 1 < thresholds.count; ++t)
            thresholds.thresholds[t] = thresholds.thresholds[t + 1];
        thresholds.count -= thresholds.count > 0 ? 1 : 0;
    }
    if (in_use.count == 0)
        log_error("%s: no tier is left", configured_by());
    return in_use.count > 0;
}

bool set_thresholds(memtier_builder* builder, const tiering::ThresholdConfig& config) {
    for (unsigned i = 0; i < config.count; ++i) {
        const tiering::Threshold& threshold = config.thresholds[i];
        const size_t values[] = {threshold.value, threshold.least, threshold.most};
        const char* const names[] = {"val", "min", "max"};
        for (unsigned k = 0; k < 3; ++k) {
            char name[80];
            snprintf(name, sizeof name, "policy.dynamic_threshold.thresholds[%u].%s", i, names[k]);
            if (memtier_ctl_set(builder, name, &values[k]) != 0)
                return false;
        }
    }
    return true;
}

memtier_policy_t policy_of(TierPolicy policy) {
    if (policy == TierPolicy::kCapacityOrder)
        return MEMTIER_POLICY_CAPACITY_ORDER;
    // Thresholds lie between tiers.
    return policy == TierPolicy::kDynamicThreshold && in_use.count > 1 ? MEMTIER_POLICY_DYNAMIC_THRESHOLD
                                                                       : MEMTIER_POLICY_STATIC_RATIO;
}

memtier_memory* make_memory(const Configuration& configuration) {
    memtier_builder* builder = memtier_builder_new(policy_of(configuration.tiers.policy));
    bool complete = builder != nullptr;
    for (unsigned i = 0; complete && i < in_use.count; ++i)
        complete = memtier_builder_add_tier(builder, in_use.tiers[i].memory, in_use.tiers[i].ratio) == 0;
    const int strict = configuration.tiers.strict;
    complete = complete && set_thresholds(builder, configuration.thresholds) &&
               memtier_ctl_set(builder, "policy.strict", &strict) == 0;
    memtier_memory* const memory = complete ? memtier_builder_construct_memtier_memory(builder) : nullptr;
    memtier_builder_delete(builder);
    if (memory == nullptr)
        log_error("%s: the tiers cannot be made: %s", configured_by(), reason_of(errno));
    return memory;
}

memtier_memory* make_configured_memory() {
    static constinit Configuration configuration = {};
    if (!read_configuration(&configuration) || !make_tiers(&configuration))
        return nullptr;
    memtier_memory* const memory = make_memory(configuration);
    if (memory != nullptr)
        start_tiering_mappings(configuration.tiers, configured_as, &in_use);
    return memory;
}

// After a message about what is wrong. nullptr: MEMKIND_DEFAULT serves.
memtier_memory* go_on_untiered() {
    if (!is_lenient())
        _exit(kConfigurationExitStatus);
    log_error("MEMKIND_MEM_TIERING_LENIENT is 1: the program runs untiered, in DRAM");
    in_use.count = 1;
    in_use.tiers[0] = TierInUse{"DRAM", MEMKIND_DEFAULT, 1, ""};
    return make_memory(plain_dram());
}

__attribute__((constructor)) void before_main() {
    active_memory();
}

}  // namespace

__attribute__((noinline, cold)) memtier_memory* internal::start() {
    if (environ == nullptr)  // the dynamic linker is still at work
        return nullptr;
    Stage expected = Stage::kCold;
    if (!stage.compare_exchange_strong(expected, Stage::kStarting))
        return active.load(std::memory_order_acquire);
    const int saved_errno = errno;
    memtier_memory* memory = make_configured_memory();
    if (memory == nullptr)
        memory = go_on_untiered();
    active.store(memory, std::memory_order_release);
    stage.store(Stage::kStarted, std::memory_order_release);
    errno = saved_errno;
    return memory;
}

const TiersInUse& tiers_in_use() {
    return in_use;
}

memtier_memory* memory_in_use() {
    return internal::active.load(std::memory_order_acquire);
}

}  // namespace terrace::preload
