// Builders: tiers are collected, checked, and copied into a memory that never changes again.
// Builders and memories are blocks of MEMKIND_DEFAULT that no count contains.
#include <errno.h>

#include <new>
#include <numeric>
#include <span>
#include <string_view>

#include "include/memkind_memtier.h"
#include "src/log.hpp"
#include "tiering/config_text.hpp"
#include "tiering/lead.hpp"
#include "tiering/memory.hpp"

#define TERRACE_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using terrace::tiering::find_fault;
using terrace::tiering::kMostTiers;
using terrace::tiering::Threshold;
using terrace::tiering::ThresholdFault;
using terrace::tiering::ThresholdOptions;

struct WishedTier {
    memkind_t kind;
    unsigned ratio;
};

template <class Record>
Record* make_record() {
    void* place = terrace::kinds::allocate_aligned(
        MEMKIND_DEFAULT, alignof(Record) < 16 ? 16 : alignof(Record), sizeof(Record));
    return place != nullptr ? new (place) Record : nullptr;
}

}  // namespace

struct memtier_builder {
    memtier_policy_t policy = MEMTIER_POLICY_STATIC_RATIO;
    bool is_strict = false;
    unsigned count = 0;  // INVARIANT: at most kMostTiers; kinds differ; ratios are 1 or more
    WishedTier tiers[kMostTiers] = {};
    // DYNAMIC_THRESHOLD only; the first count - 1 are there.
    Threshold thresholds[kMostTiers - 1] = {};
    ThresholdOptions options;
};

namespace {

std::span<const Threshold> thresholds_of(const memtier_builder* builder) {
    return {builder->thresholds, builder->count - 1};
}

// Whether the builder can construct a memory; says why not.
bool is_complete(const memtier_builder* builder) {
    if (builder == nullptr || builder->count == 0)
        return false;
    if (builder->policy != MEMTIER_POLICY_DYNAMIC_THRESHOLD)
        return true;
    if (builder->count < 2) {
        terrace::log_info("memtier: DYNAMIC_THRESHOLD needs two tiers or more");
        return false;
    }
    const ThresholdFault fault = find_fault(thresholds_of(builder), builder->options);
    if (fault)
        terrace::log_info("memtier: thresholds[%u]: %s", fault.index, fault.what);
    return !fault;
}

bool starts_with(std::string_view& name, std::string_view start) {
    if (name.substr(0, start.size()) != start)
        return false;
    name.remove_prefix(start.size());
    return true;
}

// Sets what the rest of the name means; false when it means nothing.
bool set_threshold(memtier_builder* builder, std::string_view name, const void* value) {
    std::string_view digits = terrace::tiering::take_until(']', name);
    std::uint64_t index = 0;
    if (!terrace::tiering::parse_number(digits, index) || index + 1 >= builder->count)
        return false;
    Threshold& threshold = builder->thresholds[index];
    const size_t bytes = *static_cast<const size_t*>(value);
    if (name == ".val")
        threshold.value = bytes;
    else if (name == ".min")
        threshold.least = bytes;
    else if (name == ".max")
        threshold.most = bytes;
    else
        return false;
    return true;
}

bool set_option(memtier_builder* builder, std::string_view name, const void* value) {
    if (name == "policy.strict") {
        builder->is_strict = *static_cast<const int*>(value) != 0;
        return true;
    }
    if (builder->policy != MEMTIER_POLICY_DYNAMIC_THRESHOLD ||
        !starts_with(name, "policy.dynamic_threshold."))
        return false;
    if (starts_with(name, "thresholds["))
        return set_threshold(builder, name, value);
    if (name == "check_cnt")
        builder->options.check_count = *static_cast<const unsigned*>(value);
    else if (name == "trigger")
        builder->options.trigger = *static_cast<const float*>(value);
    else if (name == "degree")
        builder->options.degree = *static_cast<const float*>(value);
    else
        return false;
    return true;
}

// One tier, the first of tiers in order while it has room, or a few whose bytes, of up to 2^47, can be multiplied by
// each other's shares in 63 bits.
void set_up_shortcut(memtier_memory* memory) {
    using namespace terrace::tiering;
    if (memory->count == 1 || memory->in_order) {
        memory->on_shortcut = 1;
        return;
    }
    if (memory->count > terrace::kinds::kMostOnShortcut || memory->by_threshold)
        return;
    unsigned common = 0;
    for (unsigned i = 0; i < memory->count; ++i)
        common = std::gcd(common, memory->tiers[i].ratio);
    for (unsigned i = 0; i < memory->count; ++i) {
        memory->tiers[i].share = memory->tiers[i].ratio / common;
        if (memory->tiers[i].share > (memory->count == 2 ? kMostWeightOfTwo : kMostWeightOfThree))
            return;
    }
    estimates_are_compared.store(true);
    memory->on_shortcut = memory->count;
}

}  // namespace

TERRACE_EXPORT memtier_builder* memtier_builder_new(memtier_policy_t policy) {
    if (policy != MEMTIER_POLICY_STATIC_RATIO && policy != MEMTIER_POLICY_DYNAMIC_THRESHOLD &&
        policy != MEMTIER_POLICY_CAPACITY_ORDER) {
        terrace::log_error(
            "memtier_builder_new: unknown policy %d; accepted: MEMTIER_POLICY_STATIC_RATIO (0), "
            "MEMTIER_POLICY_DYNAMIC_THRESHOLD (1), MEMTIER_POLICY_CAPACITY_ORDER (16)",
            static_cast<int>(policy));
        errno = EINVAL;
        return nullptr;
    }
    memtier_builder* builder = make_record<memtier_builder>();
    if (builder != nullptr)
        builder->policy = policy;
    return builder;
}

TERRACE_EXPORT void memtier_builder_delete(memtier_builder* builder) {
    if (builder != nullptr)
        terrace::kinds::deallocate(builder);
}

TERRACE_EXPORT int memtier_builder_add_tier(memtier_builder* builder, memkind_t kind, unsigned kind_ratio) {
    const char* fault = nullptr;
    if (builder == nullptr || kind == nullptr)
        fault = builder == nullptr ? "the builder is NULL" : "the kind is NULL";
    else if (kind_ratio == 0)
        fault = "the ratio is 0; accepted: 1 or more";
    else if (builder->count == kMostTiers)
        fault = "32 tiers are the most there can be";
    else
        for (unsigned i = 0; i < builder->count; ++i)
            if (builder->tiers[i].kind == kind)
                fault = "the kind is a tier already";
    if (fault != nullptr) {
        terrace::log_info("memtier_builder_add_tier: %s", fault);
        errno = EINVAL;
        return -1;
    }
    if (builder->count > 0)
        builder->thresholds[builder->count - 1] = terrace::tiering::default_threshold(builder->count - 1);
    builder->tiers[builder->count++] = WishedTier{kind, kind_ratio};
    return 0;
}

TERRACE_EXPORT memtier_memory* memtier_builder_construct_memtier_memory(memtier_builder* builder) {
    if (!is_complete(builder)) {
        errno = EINVAL;
        return nullptr;
    }
    memtier_memory* memory = make_record<memtier_memory>();
    if (memory == nullptr)
        return nullptr;
    memory->count = builder->count;
    memory->is_strict = builder->is_strict;
    memory->in_order = builder->policy == MEMTIER_POLICY_CAPACITY_ORDER;
    unsigned order = 0;
    unsigned default_tier = kMostTiers;
    for (unsigned i = 0; i < builder->count; ++i) {
        terrace::tiering::Tier& tier = memory->tiers[i];
        tier.kind = builder->tiers[i].kind;
        tier.slot = terrace::kinds::slot_of(tier.kind);
        tier.ratio = builder->tiers[i].ratio;
        terrace::tiering::ensure_tenant(tier.slot, tier.kind->serial);
        if (tier.kind == MEMKIND_DEFAULT && !memory->in_order)
            default_tier = i;
        else
            memory->fallback_order[order++] = i;
    }
    if (default_tier != kMostTiers)
        memory->fallback_order[order] = default_tier;
    memory->by_threshold = builder->policy == MEMTIER_POLICY_DYNAMIC_THRESHOLD;
    set_up_shortcut(memory);
    if (memory->by_threshold)
        memory->thresholds.set(thresholds_of(builder), builder->options);
    return memory;
}

TERRACE_EXPORT void memtier_delete_memtier_memory(memtier_memory* memory) {
    if (memory != nullptr)
        terrace::kinds::deallocate(memory);
}

TERRACE_EXPORT int memtier_ctl_set(memtier_builder* builder, const char* name, const void* val) {
    if (builder != nullptr && name != nullptr && val != nullptr && set_option(builder, name, val))
        return 0;
    terrace::log_info("memtier_ctl_set: unknown option '%s' of this builder",
                      name != nullptr ? name : "(null)");
    errno = EINVAL;
    return -1;
}
