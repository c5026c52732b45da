// From wishes to the variables that libmemtier reads. Every fault gives one line on stderr, in the words that
// the library would use.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "command_line.hpp"

namespace terrace::memtier {

using Environment = std::vector<std::pair<std::string, std::string>>;

// False when the wishes cannot be had.
bool make_environment(const Wishes& wishes, Environment& environment);

}  // namespace terrace::memtier
