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
