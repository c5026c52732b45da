// Start-up: environment to configuration, configuration to kinds, kinds to a memtier memory. Runs once, in
// the first allocation after the C library has set `environ`, or in our constructor, whichever comes first;
// so a wrong configuration is reported before main. Whatever is called from here may allocate: it is served
// from MEMKIND_DEFAULT.
#include "tiering/preload/tiers.hpp"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/log.hpp"
#include "tiering/preload/static_kinds.hpp"
#include "tiering/preload/tiers_in_use.hpp"
#include "tiering/threshold_config.hpp"
#include "tiering/tier_config.hpp"

namespace terrace::preload {

constinit std::atomic<memtier_memory*> internal::active{nullptr};
const char* const kLibraryName = "libmemtier";

namespace {

using tiering::ConfigFault;
using tiering::ThresholdConfig;
using tiering::TierConfig;
using tiering::TierPolicy;
using tiering::TierSpec;

constexpr const char* kVariable = "MEMKIND_MEM_TIERS";
constexpr const char* kThresholdVariable = "MEMKIND_MEM_THRESHOLDS";
constexpr const char* kExample = "KIND:DRAM,RATIO:1;KIND:FS_DAX,PATH:/mnt/pmem,RATIO:4;POLICY:STATIC_RATIO";

//   kCold -> kStarting -> kStarted, once; only the thread that made the first step makes the second.
enum class Stage { kCold, kStarting, kStarted };
constinit std::atomic<Stage> stage{Stage::kCold};

constinit TiersInUse in_use = {};
char paths[tiering::kMostConfiguredTiers][PATH_MAX];

[[noreturn]] void refuse_to_start() {
    _exit(kConfigurationExitStatus);
}

int printed_length(std::string_view token) {
    constexpr size_t kLongestToken = 80;
    return static_cast<int>(token.size() < kLongestToken ? token.size() : kLongestToken);
}

void refuse_if(const char* variable, const ConfigFault& fault) {
    if (!fault)
        return;
    log_error("%s: %s '%.*s' at column %u; accepted: %s", variable, fault.what, printed_length(fault.token),
              fault.token.data(), fault.column, fault.accepted);
    refuse_to_start();
}

[[noreturn]] void refuse_tier(const TierSpec& spec, const char* path, const char* reason) {
    log_error(
        "%s: tier FS_DAX at column %u cannot use '%.*s': %s; accepted: an existing directory in which this "
        "process "
        "may create files, with room for 16 MiB",
        kVariable, spec.column, printed_length(path), path, reason);
    refuse_to_start();
}

const char* reason_of(int error) {
    const char* reason = error != 0 ? strerrordesc_np(error) : nullptr;  // strerror may allocate
    return reason != nullptr ? reason : "no file can be made there";
}

memkind_t make_file_kind(const TierSpec& spec, char* path) {
    memcpy(path, spec.path.data(), spec.path.size());
    path[spec.path.size()] = '\0';
    // Asked first, so that the one line about it is this one, which can name the column.
    struct stat place;
    if (stat(path, &place) == 0 && !S_ISDIR(place.st_mode))
        refuse_tier(spec, path, reason_of(ENOTDIR));
    if (access(path, W_OK | X_OK) != 0)
        refuse_tier(spec, path, reason_of(errno));
    memkind_t kind = nullptr;
    errno = 0;
    if (memkind_create_pmem(path, spec.size_limit, &kind) != MEMKIND_SUCCESS)
        refuse_tier(spec, path, reason_of(errno));
    return kind;
}

memkind_t find_static_kind(const TierSpec& spec) {
    const memkind_t kind = static_kind(spec.kind);
    const int error = memkind_check_available(kind);
    if (error == MEMKIND_SUCCESS)
        return kind;
    char reason[MEMKIND_ERROR_MESSAGE_SIZE];
    memkind_error_message(error, reason, sizeof reason);
    log_error(
        "%s: tier %s at column %u cannot be had: %s; accepted: kinds that memkind_check_available() finds",
        kVariable, tiering::name_of(spec.kind), spec.column, reason);
    refuse_to_start();
}

// A program with more rights than its caller must not be steered by the caller's environment.
bool environment_is_untrusted() {
    return getauxval(AT_SECURE) != 0;
}

TierConfig plain_dram() {
    TierConfig config;
    config.count = 1;
    config.tiers[0].ratio = 1;
    return config;
}

TierConfig read_configuration() {
    if (environment_is_untrusted())
        return plain_dram();
    const char* value = getenv(kVariable);
    if (value == nullptr) {
        log_error("%s is not set, and libmemtier needs it; for example: %s", kVariable, kExample);
        refuse_to_start();
    }
    TierConfig config;
    refuse_if(kVariable, parse_tier_config(value, config));
    return config;
}

// REQUIRES: the configuration is the environment's, or STATIC_RATIO.
ThresholdConfig read_thresholds(const TierConfig& config) {
    const char* value = environment_is_untrusted() ? nullptr : getenv(kThresholdVariable);
    ThresholdConfig thresholds;
    if (config.policy != TierPolicy::kDynamicThreshold) {
        if (value != nullptr) {
            log_error("%s is set, and the policy is not DYNAMIC_THRESHOLD; accepted: only with it",
                      kThresholdVariable);
            refuse_to_start();
        }
        return thresholds;
    }
    if (value == nullptr)
        return tiering::default_thresholds(config.count);
    refuse_if(kThresholdVariable, parse_threshold_config(value, config.count, thresholds));
    return thresholds;
}

bool set_thresholds(memtier_builder* builder, const ThresholdConfig& config) {
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

memtier_memory* make_memory(const TierConfig& config, const ThresholdConfig& thresholds) {
    memtier_builder* builder =
        memtier_builder_new(config.policy == TierPolicy::kDynamicThreshold ? MEMTIER_POLICY_DYNAMIC_THRESHOLD
                                                                           : MEMTIER_POLICY_STATIC_RATIO);
    for (unsigned i = 0; builder != nullptr && i < config.count; ++i) {
        const TierSpec& spec = config.tiers[i];
        const memkind_t kind =
            spec.kind == tiering::kFileTier ? make_file_kind(spec, paths[i]) : find_static_kind(spec);
        if (memtier_builder_add_tier(builder, kind, spec.ratio) != 0)
            break;
        in_use.tiers[i] = TierInUse{tiering::name_of(spec.kind), kind, spec.ratio, paths[i]};
        in_use.count = i + 1;
    }
    memtier_memory* memory = in_use.count == config.count && set_thresholds(builder, thresholds)
                                 ? memtier_builder_construct_memtier_memory(builder)
                                 : nullptr;
    memtier_builder_delete(builder);
    if (memory == nullptr) {
        log_error("%s: the tiers cannot be made: %s", kVariable, reason_of(errno));
        refuse_to_start();
    }
    return memory;
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
    const TierConfig config = read_configuration();
    memtier_memory* memory = make_memory(config, read_thresholds(config));
    active.store(memory, std::memory_order_release);
    stage.store(Stage::kStarted, std::memory_order_release);
    errno = saved_errno;
    return memory;
}

const TiersInUse& tiers_in_use() {
    return in_use;
}

}  // namespace terrace::preload
