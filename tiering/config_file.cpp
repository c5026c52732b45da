#include "tiering/config_file.hpp"

#include <cstdio>
#include <cstring>

namespace terrace::tiering {
namespace {

using std::string_view;

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

string_view without_blanks(string_view text) {
    while (!text.empty() && is_blank(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back()))
        text.remove_suffix(1);
    return text;
}

constexpr string_view kThresholds = "THRESHOLDS:";

}  // namespace

bool ConfigFile::add(string_view section, Line line) {
    if (line_count_ == kMostLines || length_ + section.size() + 1 > kMostText)
        return false;
    line.start = text_ + length_;
    memcpy(text_ + length_, section.data(), section.size());
    length_ += static_cast<unsigned>(section.size());
    lines_[line_count_++] = line;
    return true;
}

ConfigFault ConfigFile::read(string_view file) {
    constexpr ConfigFault kTooLong = {
        "too long", {}, 0, "64 lines and 16 KiB, comments and blanks not counted"};
    // The thresholds come behind the tiers in text_, wherever they stand in the file.
    string_view thresholds;
    Line thresholds_line = {};
    unsigned number = 0;
    for (string_view rest = file; !rest.empty();) {
        const string_view line = take_until('\n', rest);
        const string_view section = without_blanks(line);
        ++number;
        if (section.empty() || section.front() == '#')
            continue;
        const Line its = {nullptr, number, static_cast<unsigned>(section.data() - line.data()) + 1};
        if (section.substr(0, kThresholds.size()) == kThresholds) {
            if (thresholds.data() != nullptr)
                return {"second THRESHOLDS", {}, 0, "one line of THRESHOLDS"};
            thresholds = section;
            thresholds_line = its;
            continue;
        }
        if (length_ > 0)
            text_[length_++] = ';';
        if (!add(section, its))
            return kTooLong;
    }
    tiers_length_ = length_;
    if (thresholds.data() == nullptr)
        return {};
    const unsigned at = length_;
    if (!add(thresholds, thresholds_line))
        return kTooLong;
    thresholds_ = string_view(text_ + at, thresholds.size());
    thresholds_.remove_prefix(kThresholds.size());
    return {};
}

ConfigFile::Place ConfigFile::place_of(const ConfigFault& fault) const {
    Place place = {1, 1};
    for (unsigned i = 0; i < line_count_ && lines_[i].start <= fault.token.data(); ++i)
        place = {lines_[i].number,
                 lines_[i].column + static_cast<unsigned>(fault.token.data() - lines_[i].start)};
    return place;
}

FaultWords words_of(const ConfigFault& fault, const ConfigFile* file) {
    FaultWords words;
    if (fault.column == 0) {
        snprintf(words.text, sizeof words.text, "%s; accepted: %s", fault.what, fault.accepted);
        return words;
    }
    char line[32] = "";
    unsigned column = fault.column;
    if (file != nullptr) {
        const ConfigFile::Place place = file->place_of(fault);
        snprintf(line, sizeof line, "line %u, ", place.line);
        column = place.column;
    }
    constexpr std::size_t kLongestToken = 80;
    const int length =
        static_cast<int>(fault.token.size() < kLongestToken ? fault.token.size() : kLongestToken);
    snprintf(words.text, sizeof words.text, "%s '%.*s' at %scolumn %u; accepted: %s", fault.what, length,
             fault.token.data(), line, column, fault.accepted);
    return words;
}

}  // namespace terrace::tiering
