// A hand-written parser: fields end at ',', sections at ';', the last section is the policy.
// A Cursor knows the whole text, so that every fault can name its column.
#include "tiering/tier_config.hpp"

#include <climits>

namespace terrace::tiering {
namespace {

using std::string_view;

constexpr std::uint64_t kSmallestFileTier = 16u << 20;  // what memkind_create_pmem accepts

constexpr const char* kAcceptedKinds = "DRAM, KMEM_DAX, FS_DAX";
constexpr const char* kAcceptedPolicies = "STATIC_RATIO, DYNAMIC_THRESHOLD";
constexpr const char* kAcceptedKeys = "KIND, RATIO, and for FS_DAX also PATH, PMEM_SIZE_LIMIT";
constexpr const char* kAcceptedRatio = "a whole number from 1 to 4294967295";
constexpr const char* kAcceptedLimit =
    "0 for no limit, or bytes from 16M on, with K, M or G behind the number if wished";
constexpr const char* kAcceptedSection = "KIND:<kind>,RATIO:<number> once per tier, then POLICY:<policy>";

class Text {
  public:
    explicit Text(string_view whole) : whole_(whole) {}

    // REQUIRES: token is a part of the whole text.
    unsigned column_of(string_view token) const {
        return static_cast<unsigned>(token.data() - whole_.data()) + 1;
    }

    ConfigFault fault(const char* what, string_view token, const char* accepted) const {
        return ConfigFault{what, token, column_of(token), accepted};
    }

  private:
    string_view whole_;
};

// The part of rest up to the separator, which is dropped; rest becomes what follows.
string_view take_until(char separator, string_view& rest) {
    const size_t end = rest.find(separator);
    if (end == string_view::npos) {
        const string_view all = rest;
        rest.remove_prefix(rest.size());
        return all;
    }
    const string_view part(rest.data(), end);
    rest.remove_prefix(end + 1);
    return part;
}

bool parse_number(string_view digits, std::uint64_t& number) {
    number = 0;
    for (const char c : digits) {
        if (c < '0' || c > '9' || __builtin_mul_overflow(number, std::uint64_t{10}, &number) ||
            __builtin_add_overflow(number, static_cast<std::uint64_t>(c - '0'), &number))
            return false;
    }
    return !digits.empty();
}

bool parse_bytes(string_view text, std::uint64_t& bytes) {
    std::uint64_t unit = 1;
    if (!text.empty()) {
        switch (text.back()) {
            case 'K':
                unit = 1ull << 10;
                break;
            case 'M':
                unit = 1ull << 20;
                break;
            case 'G':
                unit = 1ull << 30;
                break;
            default:
                break;
        }
    }
    if (unit != 1)
        text.remove_suffix(1);
    return parse_number(text, bytes) && !__builtin_mul_overflow(bytes, unit, &bytes);
}

bool parse_kind(string_view name, TierKind& kind) {
    for (const TierKind candidate : {TierKind::kDram, TierKind::kKmemDax, TierKind::kFsDax}) {
        if (name == name_of(candidate)) {
            kind = candidate;
            return true;
        }
    }
    return false;
}

// The fields of one tier, as they were found: whether a field was there matters as much as its value.
struct TierFields {
    string_view kind, path, limit, ratio;  // data() == nullptr while absent

    string_view* find(string_view key) {
        if (key == "KIND")
            return &kind;
        if (key == "PATH")
            return &path;
        if (key == "PMEM_SIZE_LIMIT")
            return &limit;
        return key == "RATIO" ? &ratio : nullptr;
    }
};

ConfigFault split_fields(const Text& text, string_view section, TierFields& fields) {
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

ConfigFault check_file_fields(const Text& text, const TierFields& fields, TierSpec& tier) {
    if (tier.kind != TierKind::kFsDax) {
        if (fields.path.data() != nullptr)
            return text.fault("PATH for a tier that is not FS_DAX:", fields.path,
                              "PATH with KIND:FS_DAX only");
        if (fields.limit.data() != nullptr)
            return text.fault("PMEM_SIZE_LIMIT for a tier that is not FS_DAX:", fields.limit,
                              "PMEM_SIZE_LIMIT with KIND:FS_DAX only");
        return {};
    }
    if (fields.path.data() == nullptr)
        return text.fault("no PATH for", fields.kind, "KIND:FS_DAX,PATH:<directory>,RATIO:<number>");
    if (fields.path.empty() || fields.path.size() >= PATH_MAX - 1)
        return text.fault(fields.path.empty() ? "empty PATH" : "PATH too long", fields.path,
                          "an existing, writable directory");
    tier.path = fields.path;
    if (fields.limit.data() != nullptr && (!parse_bytes(fields.limit, tier.size_limit) ||
                                           (tier.size_limit != 0 && tier.size_limit < kSmallestFileTier)))
        return text.fault("bad PMEM_SIZE_LIMIT", fields.limit, kAcceptedLimit);
    return {};
}

ConfigFault parse_tier(const Text& text, string_view section, TierSpec& tier) {
    TierFields fields;
    if (const ConfigFault fault = split_fields(text, section, fields))
        return fault;
    if (fields.kind.data() == nullptr)
        return text.fault("no KIND in tier", section, kAcceptedSection);
    if (!parse_kind(fields.kind, tier.kind))
        return text.fault("unknown kind", fields.kind, kAcceptedKinds);
    tier.column = text.column_of(fields.kind);
    if (const ConfigFault fault = check_file_fields(text, fields, tier))
        return fault;
    if (fields.ratio.data() == nullptr)
        return text.fault("no RATIO in tier", section, kAcceptedSection);
    std::uint64_t ratio = 0;
    if (!parse_number(fields.ratio, ratio) || ratio == 0 || ratio > UINT_MAX)
        return text.fault("bad RATIO", fields.ratio, kAcceptedRatio);
    tier.ratio = static_cast<unsigned>(ratio);
    return {};
}

ConfigFault parse_policy(const Text& text, string_view section, TierConfig& config) {
    string_view name = section;
    take_until(':', name);
    if (name == "STATIC_RATIO")
        config.policy = TierPolicy::kStaticRatio;
    else if (name == "DYNAMIC_THRESHOLD")
        config.policy = TierPolicy::kDynamicThreshold;
    else
        return text.fault("unknown policy", name, kAcceptedPolicies);
    config.policy_column = text.column_of(name);
    return {};
}

bool is_policy(string_view section) {
    string_view rest = section;
    return take_until(':', rest) == "POLICY" && rest.data() > section.data() + 6;
}

// DRAM and KMEM_DAX are one memory each: naming one twice would make two tiers with one balance.
ConfigFault check_not_repeated(const Text& text, string_view whole, const TierConfig& config,
                               const TierSpec& tier) {
    if (tier.kind == TierKind::kFsDax)
        return {};
    for (unsigned i = 0; i < config.count; ++i) {
        if (config.tiers[i].kind == tier.kind) {
            const string_view name(whole.data() + tier.column - 1, string_view(name_of(tier.kind)).size());
            return text.fault("second tier of kind", name,
                              "one DRAM tier, one KMEM_DAX tier, any number of FS_DAX tiers");
        }
    }
    return {};
}

}  // namespace

const char* name_of(TierKind kind) {
    switch (kind) {
        case TierKind::kDram:
            return "DRAM";
        case TierKind::kKmemDax:
            return "KMEM_DAX";
        case TierKind::kFsDax:
            return "FS_DAX";
    }
    return "?";
}

ConfigFault parse_tier_config(string_view whole, TierConfig& config) {
    const Text text(whole);
    config = TierConfig{};
    string_view rest = whole;
    while (!rest.empty()) {
        const string_view section = take_until(';', rest);
        if (is_policy(section)) {
            if (config.count == 0)
                return text.fault("no tier before", section, kAcceptedSection);
            if (const ConfigFault fault = parse_policy(text, section, config))
                return fault;
            if (!rest.empty())
                return text.fault("text behind the policy:", rest, "POLICY as the last section");
            return {};
        }
        if (section.empty())
            return text.fault("empty section", section, kAcceptedSection);
        if (config.count == kMostConfiguredTiers)
            return text.fault("too many tiers:", section, "at most 16 tiers");
        TierSpec tier;
        if (const ConfigFault fault = parse_tier(text, section, tier))
            return fault;
        if (const ConfigFault fault = check_not_repeated(text, whole, config, tier))
            return fault;
        config.tiers[config.count++] = tier;
    }
    if (whole.empty())
        return text.fault("empty configuration", whole, kAcceptedSection);
    return text.fault("no POLICY at the end", rest,
                      "POLICY:STATIC_RATIO or POLICY:DYNAMIC_THRESHOLD behind ';'");
}

ConfigFault find_unsupported(string_view whole, const TierConfig& config) {
    const auto fault_at = [whole](const char* what, unsigned column, size_t length, const char* accepted) {
        return ConfigFault{what, string_view(whole.data() + column - 1, length), column, accepted};
    };
    for (unsigned i = 0; i < config.count; ++i) {
        const TierSpec& tier = config.tiers[i];
        if (tier.kind == TierKind::kKmemDax)
            return fault_at("not supported yet: kind", tier.column, sizeof "KMEM_DAX" - 1, "DRAM, FS_DAX");
    }
    if (config.policy == TierPolicy::kDynamicThreshold)
        return fault_at("not supported yet: policy", config.policy_column, sizeof "DYNAMIC_THRESHOLD" - 1,
                        "STATIC_RATIO");
    return {};
}

}  // namespace terrace::tiering
