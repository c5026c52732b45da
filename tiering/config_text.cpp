#include "tiering/config_text.hpp"

namespace terrace::tiering {

using std::string_view;

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

FaultPicture picture_of(string_view whole, const ConfigFault& fault) {
    FaultPicture picture{};
    constexpr unsigned kBefore = FaultPicture::kWidth / 2;
    const size_t at = fault.column == 0 ? 0 : fault.column - 1;
    const size_t first = whole.size() <= FaultPicture::kWidth || at < kBefore ? 0 : at - kBefore;
    for (size_t i = 0; i < FaultPicture::kWidth && first + i < whole.size(); ++i) {
        const char c = whole[first + i];
        picture.text[i] = c >= ' ' && c != 0x7f ? c : '?';
    }
    const size_t length = fault.token.empty() ? 1 : fault.token.size();
    for (size_t i = 0; i < FaultPicture::kWidth && i < at - first + length; ++i)
        picture.caret[i] = i < at - first ? ' ' : i == at - first ? '^' : '~';
    return picture;
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

}  // namespace terrace::tiering
