// What the parsers of the configuration strings share: faults that name their place, separators, numbers.
// Pure: allocates nothing; every result points into the text.
#pragma once

#include <cstdint>
#include <string_view>

namespace terrace::tiering {

// What is wrong, where, and what would be right. `what` is nullptr when nothing is.
struct ConfigFault {
    const char* what = nullptr;      // "unknown kind"
    std::string_view token;          // the offending part of the text; may be empty
    unsigned column = 0;             // where the token begins, counted from 1
    const char* accepted = nullptr;  // what may stand there

    explicit operator bool() const { return what != nullptr; }
};

// The whole of a configuration string, so that every fault can name its column.
class ConfigText {
  public:
    explicit ConfigText(std::string_view whole) : whole_(whole) {}

    // REQUIRES: token is a part of the whole text.
    unsigned column_of(std::string_view token) const {
        return static_cast<unsigned>(token.data() - whole_.data()) + 1;
    }

    ConfigFault fault(const char* what, std::string_view token, const char* accepted) const {
        return ConfigFault{what, token, column_of(token), accepted};
    }

  private:
    std::string_view whole_;
};

// A fault for people's eyes: the text, or the part of it around the fault, and below it a caret under the fault. What a
// terminal could misunderstand is shown as '?'. Both lines end with '\0'.
struct FaultPicture {
    static constexpr unsigned kWidth = 120;
    char text[kWidth + 1];
    char caret[kWidth + 1];
};
FaultPicture picture_of(std::string_view whole, const ConfigFault& fault);

// The part of rest up to the separator, which is dropped; rest becomes what follows.
std::string_view take_until(char separator, std::string_view& rest);

// Digits only, and no overflow.
[[nodiscard]] bool parse_number(std::string_view digits, std::uint64_t& number);

// As parse_number, with K, M or G (powers of 1024) behind the number if wished.
[[nodiscard]] bool parse_bytes(std::string_view text, std::uint64_t& bytes);

}  // namespace terrace::tiering
