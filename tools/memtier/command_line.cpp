#include "command_line.hpp"

#include <getopt.h>

#include <cstdio>
#include <string_view>

namespace terrace::memtier {

const char* const kUsage =
    "memtier [OPTION...] COMMAND [ARGUMENT...]\n"
    "\n"
    "Runs COMMAND with its memory on several tiers (libmemtier.so.0).\n"
    "\n"
    "  -r, --ratio A:B         A bytes in DRAM for each B in KMEM_DAX memory; either may be 0, for one "
    "tier.\n"
    "                          Without it: the capacities of the two\n"
    "  -t, --thresholds TEXT   place by size, with thresholds that move (DYNAMIC_THRESHOLD); TEXT is the "
    "value of\n"
    "                          MEMKIND_MEM_THRESHOLDS, such as INIT_VAL:64,MIN_VAL:1,MAX_VAL:10000\n"
    "  -v, --verbose           show the environment on stderr, and what libmemkind chooses\n"
    "  -h, --help              show this\n"
    "      --tiers TEXT        any tiers: the value of MEMKIND_MEM_TIERS, such as\n"
    "                          KIND:DRAM,RATIO:1;KIND:FS_DAX,PATH:/mnt/pmem,RATIO:4;POLICY:STATIC_RATIO\n"
    "      --config FILE       the tiers stand in FILE, one to a line (MEMKIND_MEM_TIERING_CONFIG)\n"
    "      --report FILE       at its end each process writes its bytes per tier to FILE, in which %p is the "
    "process\n"
    "                          id; - is stderr; NAME.json is written as JSON\n"
    "      --dry-run           check the options and show the environment on stdout; run nothing\n"
    "\n"
    "Exit status: COMMAND's; 1 when memtier cannot do what was asked; 126 and 127 when COMMAND cannot be run "
    "or found;\n"
    "78 when libmemtier cannot have the tiers.";

bool parse_command_line(int count, char** arguments, Wishes& wishes) {
    enum LongOption { kTiers = 256, kConfig, kReport, kDryRun };
    static const option kOptions[] = {
        {"ratio", required_argument, nullptr, 'r'},
        {"thresholds", required_argument, nullptr, 't'},
        {"verbose", no_argument, nullptr, 'v'},
        {"help", no_argument, nullptr, 'h'},
        {"tiers", required_argument, nullptr, kTiers},
        {"report", required_argument, nullptr, kReport},
        {"dry-run", no_argument, nullptr, kDryRun},
        {"config", required_argument, nullptr, kConfig},
        {nullptr, 0, nullptr, 0},
    };
    int option;
    // '+': the first argument that is no option is the command.
    while ((option = getopt_long(count, arguments, "+r:t:vh", kOptions, nullptr)) != -1) {
        switch (option) {
            case 'r':
                wishes.ratio = optarg;
                wishes.has_ratio = true;
                break;
            case 't':
                wishes.thresholds = optarg;
                wishes.has_thresholds = true;
                break;
            case 'v':
                wishes.verbose = true;
                break;
            case 'h':
                wishes.help = true;
                break;
            case kTiers:
                wishes.tiers = optarg;
                wishes.has_tiers = true;
                break;
            case kConfig:
                wishes.config = optarg;
                break;
            case kReport:
                // "--report -- program" would take the "--" for the file's name.
                if (std::string_view(optarg) == "--") {
                    std::fprintf(stderr, "memtier: --report needs a file, or - for stderr\n");
                    return false;
                }
                wishes.report = optarg;
                break;
            case kDryRun:
                wishes.dry_run = true;
                break;
            default:  // getopt_long has said what is wrong
                std::fprintf(stderr, "memtier: see memtier --help\n");
                return false;
        }
    }
    wishes.command = arguments + optind;
    if (wishes.help)
        return true;
    if (wishes.has_tiers && wishes.has_ratio) {
        std::fprintf(stderr,
                     "memtier: --ratio and --tiers exclude each other: the tiers have ratios of their own\n");
        return false;
    }
    if (!wishes.config.empty() && (wishes.has_tiers || wishes.has_ratio || wishes.has_thresholds)) {
        std::fprintf(stderr,
                     "memtier: --config excludes --ratio, --tiers and --thresholds: the file has them\n");
        return false;
    }
    if (*wishes.command == nullptr && !wishes.dry_run) {
        std::fprintf(stderr, "memtier: no command; see memtier --help\n");
        return false;
    }
    return true;
}

}  // namespace terrace::memtier
