// A configuration file: the sections of MEMKIND_MEM_TIERS, one to a line, with blank lines and comments between them,
// made into the one string that the parsers read. Pure: allocates nothing. The user's view is docs/tiering.md.
#pragma once

#include <string_view>

#include "tiering/config_text.hpp"

namespace terrace::tiering {

class ConfigFile {
  public:
    // The largest file, without its comments and blanks.
    static constexpr unsigned kMostText = 16384;
    static constexpr unsigned kMostLines = 64;

    // Takes the file's text. A fault here is of the whole: too long, too many lines, a second THRESHOLDS.
    [[nodiscard]] ConfigFault read(std::string_view file);

    // The tiers and the policy as MEMKIND_MEM_TIERS has them.
    std::string_view tiers() const { return {text_, tiers_length_}; }
    // What stands behind THRESHOLDS:, as in MEMKIND_MEM_THRESHOLDS; data() == nullptr without such a line.
    std::string_view thresholds() const { return thresholds_; }

    // Where a fault that a parser found in tiers() or thresholds() stands in the file, lines and columns from 1.
    struct Place {
        unsigned line;
        unsigned column;
    };
    Place place_of(const ConfigFault& fault) const;

  private:
    struct Line {
        const char* start;  // in text_
        unsigned number;
        unsigned column;  // of its first character
    };

    bool add(std::string_view section, Line line);

    char text_[kMostText] = {};
    unsigned length_ = 0;
    unsigned tiers_length_ = 0;
    Line lines_[kMostLines] = {};
    unsigned line_count_ = 0;
    std::string_view thresholds_;
};

// A fault in words: "unknown kind 'DARM' at column 6; accepted: …", or at the line and column of `file`; nullptr when the text is
// not a file's. A long token is cut.
struct FaultWords {
    char text[768];
};
FaultWords words_of(const ConfigFault& fault, const ConfigFile* file);

}  // namespace terrace::tiering
