#include "tiering/threshold_config.hpp"

namespace terrace::tiering {
namespace {

using std::string_view;

constexpr const char* kAcceptedKeys = "INIT_VAL, MIN_VAL, MAX_VAL";
constexpr const char* kAcceptedValue = "bytes, with K, M or G behind the number if wished";
constexpr const char* kAcceptedSection =
    "INIT_VAL:<bytes>,MIN_VAL:<bytes>,MAX_VAL:<bytes>, each if wished, once per threshold, with ';' between "
    "them";

// Which number of the threshold a key means; nullptr for no key.
std::uint64_t* find(Threshold& threshold, string_view key) {
    if (key == "INIT_VAL")
        return &threshold.value;
    if (key == "MIN_VAL")
        return &threshold.least;
    return key == "MAX_VAL" ? &threshold.most : nullptr;
}

ConfigFault parse_section(const ConfigText& text, string_view section, Threshold& threshold) {
    const std::uint64_t* given[3] = {};
    unsigned given_count = 0;
    string_view rest = section;
    while (!rest.empty()) {
        string_view field = take_until(',', rest);
        const string_view whole_field = field;
        const string_view key = take_until(':', field);
        std::uint64_t* const number = find(threshold, key);
        if (whole_field.empty())
            return text.fault("empty field", whole_field, kAcceptedKeys);
        if (key.size() == whole_field.size())
            return text.fault("no ':' behind", key, "KEY:value");
        if (number == nullptr)
            return text.fault("unknown key", key, kAcceptedKeys);
        for (unsigned i = 0; i < given_count; ++i) {
            if (given[i] == number)
                return text.fault("second", key, "each key once per threshold");
        }
        if (!parse_bytes(field, *number))
            return text.fault("bad value", field, kAcceptedValue);
        given[given_count++] = number;
    }
    return {};
}

}  // namespace

ThresholdConfig default_thresholds(unsigned tier_count) {
    ThresholdConfig config;
    for (config.count = 0; config.count + 1 < tier_count; ++config.count)
        config.thresholds[config.count] = default_threshold(config.count);
    return config;
}

ConfigFault parse_threshold_config(string_view whole, unsigned tier_count, ThresholdConfig& config) {
    const ConfigText text(whole);
    config = default_thresholds(tier_count);
    string_view sections[kMostConfiguredTiers];
    unsigned section_count = 0;
    string_view rest = whole;
    for (bool more = true; more; ++section_count) {
        const string_view section = take_until(';', rest);
        more = section.data() + section.size() != whole.data() + whole.size();
        if (section.empty())
            return text.fault("empty section", section, kAcceptedSection);
        if (section_count + 1 >= tier_count)
            return text.fault("too many thresholds:", section, "one less than there are tiers");
        if (const ConfigFault fault = parse_section(text, section, config.thresholds[section_count]))
            return fault;
        sections[section_count] = section;
    }
    const ThresholdFault fault = find_fault({config.thresholds, config.count}, ThresholdOptions{});
    if (!fault)
        return {};
    // A threshold that keeps its defaults can only be in the way of the last one that was given.
    const unsigned named = fault.index < section_count ? fault.index : section_count - 1;
    return text.fault(fault.what, sections[named],
                      "MIN_VAL <= INIT_VAL <= MAX_VAL, and MIN_VAL above the MAX_VAL before; without a value "
                      "the n-th threshold has INIT_VAL n*1024, MIN_VAL n*1024-512, MAX_VAL n*1024+511");
}

}  // namespace terrace::tiering
