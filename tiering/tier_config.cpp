// A hand-written parser: fields end at ',', sections at ';', the last section is the policy.
#include "tiering/tier_config.hpp"

#include <climits>

#include "tiering/static_kind_names.hpp"

namespace terrace::tiering {
namespace {

using std::string_view;

constexpr std::uint64_t kSmallestFileTier = 16u << 20;  // what memkind_create_pmem accepts

constexpr const char* kAcceptedKinds =
    "DRAM, KMEM_DAX, FS_DAX, HBW, CXL, NODES:<list>, REGULAR, HUGETLB, or another static kind's name without "
    "MEMKIND_";
constexpr const char* kAcceptedPolicies = "STATIC_RATIO, DYNAMIC_THRESHOLD, CAPACITY_ORDER";
constexpr const char* kAcceptedKeys = "KIND, RATIO, SIZE_LIMIT, and for FS_DAX also PATH, PMEM_SIZE_LIMIT";
constexpr const char* kAcceptedNodes = "numbers and ranges of nodes with '+' between them, as NODES:0-1+4";
constexpr const char* kAcceptedRatio = "a whole number from 1 to 4294967295";
constexpr const char* kAcceptedLimit =
    "0 for no limit, or bytes with K, M or G behind the number if wished; from 16M on for FS_DAX";
constexpr const char* kAcceptedSection = "KIND:<kind>,RATIO:<number> once per tier, then POLICY:<policy>";

// The words for tiers that are not just the static kinds' names.
struct TierName {
    const char* name;
    TierKind kind;
};
constexpr TierName kTierNames[] = {
    {"DRAM", kDramTier}, {"KMEM_DAX", kKmemDaxTier}, {"FS_DAX", kFileTier}, {"CXL", kCxlTier}};

bool parse_kind(string_view name, TierKind& kind) {
    for (const TierName& candidate : kTierNames) {
        if (name == candidate.name) {
            kind = candidate.kind;
            return true;
        }
    }
    kind = static_kind_called(name, false);
    return kind != kinds::kStaticKindCount;
}

// The fields of one tier, as they were found: whether a field was there matters as much as its value.
struct TierFields {
    string_view kind, path, limit, pmem_limit, ratio;  // data() == nullptr while absent

    string_view* find(string_view key) {
        if (key == "KIND")
            return &kind;
        if (key == "PATH")
            return &path;
        if (key == "SIZE_LIMIT")
            return &limit;
        if (key == "PMEM_SIZE_LIMIT")
            return &pmem_limit;
        return key == "RATIO" ? &ratio : nullptr;
    }
};

ConfigFault split_fields(const ConfigText& text, string_view section, TierFields& fields) {
    string_view rest = section;
    while (!rest.empty()) {
        string_view field = take_until(',', rest);
        const string_view whole_field = field;
        const string_view key = take_until(':', field);
        string_view* value = fields.find(key);
        if (whole_field.empty())
            return text.fault("empty field", whole_field, kAcceptedKeys);
        if (key.size() == whole_field.size())
            return text.fault("no ':' behind", key, "KEY:value");
        if (key == "POLICY")
            return text.fault("inside a tier:", key, "POLICY behind ';', as the last section");
        if (value == nullptr)
            return text.fault("unknown key", key, kAcceptedKeys);
        if (value->data() != nullptr)
            return text.fault("second", key, "each key once per tier");
        *value = field;
    }
    return {};
}

ConfigFault check_file_fields(const ConfigText& text, const TierFields& fields, TierSpec& tier) {
    if (tier.kind != kFileTier) {
        if (fields.path.data() != nullptr)
            return text.fault("PATH for a tier that is not FS_DAX:", fields.path,
                              "PATH with KIND:FS_DAX only");
        if (fields.pmem_limit.data() != nullptr)
            return text.fault("PMEM_SIZE_LIMIT for a tier that is not FS_DAX:", fields.pmem_limit,
                              "PMEM_SIZE_LIMIT with KIND:FS_DAX only, SIZE_LIMIT with every kind");
        return {};
    }
    if (fields.pmem_limit.data() != nullptr && fields.limit.data() != nullptr)
        return text.fault("both SIZE_LIMIT and PMEM_SIZE_LIMIT:", fields.pmem_limit, "one of them");
    if (fields.path.data() == nullptr)
        return text.fault("no PATH for", fields.kind, "KIND:FS_DAX,PATH:<directory>,RATIO:<number>");
    if (fields.path.empty() || fields.path.size() >= PATH_MAX - 1)
        return text.fault(fields.path.empty() ? "empty PATH" : "PATH too long", fields.path,
                          "an existing, writable directory");
    tier.path = fields.path;
    return {};
}

ConfigFault parse_limit(const ConfigText& text, const TierFields& fields, TierSpec& tier) {
    const bool is_memkinds = fields.pmem_limit.data() != nullptr;
    const string_view limit = is_memkinds ? fields.pmem_limit : fields.limit;
    if (limit.data() == nullptr)
        return {};
    const bool is_number = parse_bytes(limit, tier.size_limit);
    if (!is_number || (tier.kind == kFileTier && tier.size_limit != 0 && tier.size_limit < kSmallestFileTier))
        return text.fault(is_memkinds ? "bad PMEM_SIZE_LIMIT" : "bad SIZE_LIMIT", limit, kAcceptedLimit);
    return {};
}

bool is_node_list(string_view list) {
    do {
        string_view range = take_until('+', list);
        const bool ends_with_separator =
            list.empty() && !range.empty() && list.data() == range.data() + range.size() + 1;
        std::uint64_t first = 0;
        std::uint64_t last = 0;
        const string_view whole_range = range;
        const string_view low = take_until('-', range);
        if (!parse_number(low, first) || ends_with_separator)
            return false;
        if (low.size() != whole_range.size() && (!parse_number(range, last) || last < first))
            return false;
    } while (!list.empty());
    return true;
}

ConfigFault parse_tier(const ConfigText& text, string_view section, TierSpec& tier) {
    TierFields fields;
    if (const ConfigFault fault = split_fields(text, section, fields))
        return fault;
    if (fields.kind.data() == nullptr)
        return text.fault("no KIND in tier", section, kAcceptedSection);
    string_view nodes = fields.kind;
    if (take_until(':', nodes) == "NODES") {
        if (nodes.size() > kLongestNodeList || !is_node_list(nodes))
            return text.fault("bad list of nodes", nodes, kAcceptedNodes);
        tier.kind = kNodesTier;
        tier.nodes = nodes;
    } else if (!parse_kind(fields.kind, tier.kind)) {
        return text.fault("unknown kind", fields.kind, kAcceptedKinds);
    }
    tier.name = fields.kind;
    tier.column = text.column_of(fields.kind);
    if (const ConfigFault fault = check_file_fields(text, fields, tier))
        return fault;
    if (const ConfigFault fault = parse_limit(text, fields, tier))
        return fault;
    // What a policy without ratios needs none of is checked when the policy is known.
    tier.ratio = 0;
    if (fields.ratio.data() == nullptr)
        return {};
    std::uint64_t ratio = 0;
    if (!parse_number(fields.ratio, ratio) || ratio == 0 || ratio > UINT_MAX)
        return text.fault("bad RATIO", fields.ratio, kAcceptedRatio);
    tier.ratio = static_cast<unsigned>(ratio);
    return {};
}

ConfigFault parse_policy(const ConfigText& text, string_view section, TierConfig& config) {
    string_view options = section;
    take_until(':', options);
    const string_view words = options;
    const string_view name = take_until(',', options);
    if (name == "STATIC_RATIO")
        config.policy = TierPolicy::kStaticRatio;
    else if (name == "DYNAMIC_THRESHOLD")
        config.policy = TierPolicy::kDynamicThreshold;
    else if (name == "CAPACITY_ORDER")
        config.policy = TierPolicy::kCapacityOrder;
    else
        return text.fault("unknown policy", name, kAcceptedPolicies);
    config.policy_column = text.column_of(name);
    config.strict = options == "STRICT";
    if (name.size() != words.size() && !config.strict)
        return text.fault("unknown word", options, "STRICT, or nothing, behind the policy");
    for (unsigned i = 0; i < config.count; ++i) {
        TierSpec& tier = config.tiers[i];
        if (tier.ratio == 0 && config.policy != TierPolicy::kCapacityOrder)
            return ConfigFault{"no RATIO in tier", tier.name, tier.column, kAcceptedSection};
        if (tier.ratio == 0)
            tier.ratio = 1;
    }
    if (config.policy == TierPolicy::kDynamicThreshold && config.count < 2)
        return text.fault("too few tiers for", name, "two tiers or more with DYNAMIC_THRESHOLD");
    return {};
}

// From the separator on.
string_view text_behind(string_view whole, string_view section) {
    // Not substr(), which may throw.
    whole.remove_prefix(static_cast<size_t>(section.data() - whole.data()) + section.size());
    return whole;
}

bool is_policy(string_view section) {
    string_view rest = section;
    return take_until(':', rest) == "POLICY" && rest.data() > section.data() + 6;
}

// A kind is one memory: naming it twice would make two tiers with one balance.
ConfigFault check_not_repeated(const ConfigText& text, const TierConfig& config, const TierSpec& tier,
                               string_view section) {
    if (tier.kind == kFileTier || tier.kind == kNodesTier)
        return {};
    for (unsigned i = 0; i < config.count; ++i) {
        if (config.tiers[i].kind == tier.kind) {
            string_view rest = section;
            rest.remove_prefix(tier.column - text.column_of(section));
            const string_view name = take_until(',', rest);
            return text.fault("second tier of kind", name,
                              "each kind once, but any number of FS_DAX and NODES tiers");
        }
    }
    return {};
}

}  // namespace

const char* name_of(TierKind kind) {
    for (const TierName& candidate : kTierNames) {
        if (kind == candidate.kind)
            return candidate.name;
    }
    if (kind == kNodesTier)
        return "NODES";
    return kind < kinds::kStaticKindCount ? kStaticKindNames[kind] : "?";
}

ConfigFault parse_tier_config(string_view whole, TierConfig& config) {
    const ConfigText text(whole);
    config = TierConfig{};
    string_view rest = whole;
    while (!rest.empty()) {
        const string_view section = take_until(';', rest);
        if (is_policy(section)) {
            if (config.count == 0)
                return text.fault("no tier before", section, kAcceptedSection);
            if (const ConfigFault fault = parse_policy(text, section, config))
                return fault;
            const bool is_last = section.data() + section.size() == whole.data() + whole.size();
            return is_last ? ConfigFault{}
                           : text.fault("text behind the policy:", text_behind(whole, section),
                                        "POLICY as the last section, without ';' behind it");
        }
        if (section.empty())
            return text.fault("empty section", section, kAcceptedSection);
        if (config.count == kMostConfiguredTiers)
            return text.fault("too many tiers:", section, "at most 16 tiers");
        TierSpec tier;
        if (const ConfigFault fault = parse_tier(text, section, tier))
            return fault;
        if (const ConfigFault fault = check_not_repeated(text, config, tier, section))
            return fault;
        config.tiers[config.count++] = tier;
    }
    if (whole.empty())
        return text.fault("empty configuration", whole, kAcceptedSection);
    return text.fault("no POLICY at the end", rest,
                      "POLICY:STATIC_RATIO, POLICY:DYNAMIC_THRESHOLD or POLICY:CAPACITY_ORDER behind ';'");
}

}  // namespace terrace::tiering
