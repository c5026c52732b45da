// Builders: tiers are collected, checked, and copied into a memory that never changes again.
// Builders and memories are blocks of MEMKIND_DEFAULT that no count contains.
#include <errno.h>

#include <new>

#include "include/memkind_memtier.h"
#include "src/log.hpp"
#include "tiering/memory.hpp"

#define TERRACE_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using terrace::tiering::kMostTiers;

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
    unsigned count = 0;  // INVARIANT: at most kMostTiers; kinds differ; ratios are 1 or more
    WishedTier tiers[kMostTiers] = {};
};

TERRACE_EXPORT memtier_builder* memtier_builder_new(memtier_policy_t policy) {
    switch (policy) {
        case MEMTIER_POLICY_STATIC_RATIO:
            return make_record<memtier_builder>();
        case MEMTIER_POLICY_DYNAMIC_THRESHOLD:
            terrace::log_error(
                "memtier_builder_new: policy DYNAMIC_THRESHOLD is not supported yet; "
                "supported: STATIC_RATIO");
            errno = ENOTSUP;
            return nullptr;
        case MEMTIER_POLICY_MAX_VALUE:
            break;
    }
    terrace::log_error("memtier_builder_new: unknown policy %d; accepted: MEMTIER_POLICY_STATIC_RATIO (0)",
                       static_cast<int>(policy));
    errno = EINVAL;
    return nullptr;
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
    builder->tiers[builder->count++] = WishedTier{kind, kind_ratio};
    return 0;
}

TERRACE_EXPORT memtier_memory* memtier_builder_construct_memtier_memory(memtier_builder* builder) {
    if (builder == nullptr || builder->count == 0) {
        errno = EINVAL;
        return nullptr;
    }
    memtier_memory* memory = make_record<memtier_memory>();
    if (memory == nullptr)
        return nullptr;
    memory->count = builder->count;
    unsigned order = 0;
    unsigned default_tier = kMostTiers;
    for (unsigned i = 0; i < builder->count; ++i) {
        terrace::tiering::Tier& tier = memory->tiers[i];
        tier.kind = builder->tiers[i].kind;
        tier.slot = terrace::kinds::slot_of(tier.kind);
        tier.ratio = builder->tiers[i].ratio;
        terrace::tiering::ensure_tenant(tier.slot, tier.kind->serial);
        if (tier.kind == MEMKIND_DEFAULT)
            default_tier = i;
        else
            memory->fallback_order[order++] = i;
    }
    if (default_tier != kMostTiers)
        memory->fallback_order[order] = default_tier;
    return memory;
}

TERRACE_EXPORT void memtier_delete_memtier_memory(memtier_memory* memory) {
    if (memory != nullptr)
        terrace::kinds::deallocate(memory);
}

TERRACE_EXPORT int memtier_ctl_set(memtier_builder*, const char* name, const void*) {
    terrace::log_error("memtier_ctl_set: unknown option '%s'; policy STATIC_RATIO has no options",
                       name != nullptr ? name : "(null)");
    errno = EINVAL;
    return -1;
}
