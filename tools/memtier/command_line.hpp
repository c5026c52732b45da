// The arguments of memtier as wishes: memkind's options, and our long ones.
#pragma once

#include <string>
#include <vector>

namespace terrace::memtier {

struct Wishes {
    std::string ratio;       // "a:b"; empty: the capacities'
    std::string tiers;       // a whole MEMKIND_MEM_TIERS; empty: made of the ratio
    std::string config;      // a file: MEMKIND_MEM_TIERING_CONFIG
    std::string thresholds;  // MEMKIND_MEM_THRESHOLDS
    std::string report;      // a path, or "-" for stderr
    bool has_ratio = false, has_tiers = false, has_thresholds = false;
    bool verbose = false, dry_run = false, help = false;
    char** command = nullptr;  // ends with nullptr; empty only with dry_run or help
};

// Options end where the command begins: what follows is the command's. False when the arguments are wrong; a
// line on stderr says what is.
bool parse_command_line(int count, char** arguments, Wishes& wishes);

extern const char* const kUsage;

}  // namespace terrace::memtier
