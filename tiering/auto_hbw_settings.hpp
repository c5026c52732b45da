// The values of libautohbw's variables AUTO_HBW_SIZE, AUTO_HBW_MEM_TYPE and AUTO_HBW_LOG as plain data, and
// the parsers that make them. Pure: text in, settings or one fault out. See docs/autohbw.md.
#pragma once

#include "kinds/static_kind.hpp"
#include "tiering/config_text.hpp"

namespace terrace::tiering {

// Which allocations are meant: those larger than `low` and smaller than `high` bytes.
struct AutoHbwSizes {
    std::uint64_t low = 1u << 20;
    std::uint64_t high = UINT64_MAX;  // no upper limit: nothing is that large

    constexpr bool contain(std::uint64_t size) const { return size > low && size < high; }
};

// How much libautohbw tells on stderr; each level includes those before it.
enum class AutoHbwLog : int {
    kNone = -1,
    kSettings = 0,     // what was chosen at the start
    kAllocations = 1,  // each allocation that is meant for the kind
    kBacktraces = 2,   // who made it
    kEverything = 3,   // each call
};

// "low" or "low:high", in bytes, with K, M or G behind a number if wished. `sizes` is left alone when there
// is a fault.
[[nodiscard]] ConfigFault parse_auto_hbw_sizes(std::string_view text, AutoHbwSizes& sizes);

// A static kind's name with its prefix, in any case of letters: "memkind_hbw_preferred".
[[nodiscard]] ConfigFault parse_auto_hbw_kind(std::string_view text, unsigned& static_kind);

// "-1" to "3".
[[nodiscard]] ConfigFault parse_auto_hbw_log(std::string_view text, AutoHbwLog& log);

}  // namespace terrace::tiering
