#include "tiering/auto_hbw_settings.hpp"

#include "tiering/static_kind_names.hpp"

namespace terrace::tiering {

using std::string_view;

ConfigFault parse_auto_hbw_sizes(string_view whole, AutoHbwSizes& sizes) {
    constexpr const char* kAccepted =
        "<low> or <low>:<high>, in bytes, with K, M or G behind a number if wished, and low below high";
    const ConfigText text(whole);
    string_view high_text = whole;
    const string_view low_text = take_until(':', high_text);
    const bool has_high = low_text.size() < whole.size();
    AutoHbwSizes parsed;
    if (!parse_bytes(low_text, parsed.low))
        return text.fault("bad lower limit", low_text, kAccepted);
    if (has_high && !parse_bytes(high_text, parsed.high))
        return text.fault("bad upper limit", high_text, kAccepted);
    if (parsed.low >= parsed.high)
        return text.fault("no size lies between", whole, kAccepted);
    sizes = parsed;
    return {};
}

ConfigFault parse_auto_hbw_kind(string_view whole, unsigned& static_kind) {
    constexpr string_view kPrefix = "MEMKIND_";
    const ConfigText text(whole);
    unsigned number = kinds::kStaticKindCount;
    bool prefixed = whole.size() > kPrefix.size();
    for (std::size_t i = 0; prefixed && i < kPrefix.size(); ++i)
        prefixed = whole[i] == kPrefix[i] || (kPrefix[i] != '_' && whole[i] == kPrefix[i] + ('a' - 'A'));
    if (prefixed)
        number = static_kind_called(whole.substr(kPrefix.size()), true);
    if (number == kinds::kStaticKindCount)
        return text.fault("unknown kind", whole,
                          "memkind_hbw_preferred, memkind_hbw, memkind_hbw_interleave, memkind_default, or "
                          "another static kind's name");
    static_kind = number;
    return {};
}

ConfigFault parse_auto_hbw_log(string_view whole, AutoHbwLog& log) {
    const ConfigText text(whole);
    const bool negative = whole == "-1";
    const bool positive = whole.size() == 1 && whole[0] >= '0' && whole[0] <= '3';
    if (!negative && !positive)
        return text.fault("unknown level", whole, "-1, 0, 1, 2, 3");
    log = negative ? AutoHbwLog::kNone : static_cast<AutoHbwLog>(whole[0] - '0');
    return {};
}

}  // namespace terrace::tiering
