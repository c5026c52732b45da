#include "environment.hpp"

#include <limits.h>
#include <memkind.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tiering/config_file.hpp"
#include "tiering/threshold_config.hpp"

namespace terrace::memtier {
namespace {

using tiering::ConfigFault;

constexpr const char* kLibrary = "libmemtier.so.0";

// Says what is wrong with `text`, which came from `where`; `file` is what it was read from, nullptr for an argument. True when
// something is.
bool report_fault(const char* where, std::string_view text, const ConfigFault& fault,
                  const tiering::ConfigFile* file = nullptr) {
    if (!fault)
        return false;
    std::fprintf(stderr, "memtier: %s: %s\n", where, tiering::words_of(fault, file).text);
    if (fault.column != 0) {
        const tiering::FaultPicture picture = tiering::picture_of(text, fault);
        std::fprintf(stderr, "    %s\n    %s\n", picture.text, picture.caret);
    }
    return true;
}

// The library beside this program, so that a build tree or an odd prefix needs no setting; otherwise its
// name, which the loader looks for.
std::string find_library() {
    char path[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0)
        return kLibrary;
    std::string directory(path, static_cast<size_t>(length));
    directory.erase(directory.rfind('/'));
    for (const char* libraries : {MEMTIER_LIBRARIES, "../lib"}) {
        const std::string candidate = directory + "/" + libraries + "/" + kLibrary;
        char real[PATH_MAX];
        if (realpath(candidate.c_str(), real) == nullptr || access(real, R_OK) != 0)
            continue;
        // Spaces and colons separate the libraries in LD_PRELOAD; nothing quotes them.
        if (std::string(real).find_first_of(" :\t") == std::string::npos)
            return real;
        std::fprintf(
            stderr,
            "memtier: '%s' cannot be preloaded by this path, which has a space or a colon in it; the "
            "loader looks for %s\n",
            real, kLibrary);
    }
    return kLibrary;
}

struct Ratio {
    std::uint64_t dram, kmem_dax;
};

bool parse_ratio(const std::string& text, Ratio& ratio) {
    const tiering::ConfigText whole(text);
    constexpr const char* kAccepted = "<DRAM>:<KMEM_DAX>, whole numbers up to 4294967295, not both 0";
    std::string_view rest = text;
    const std::string_view dram = tiering::take_until(':', rest);
    if (dram.size() == text.size())
        return !report_fault("--ratio", text, whole.fault("no ':' in", text, kAccepted));
    for (const auto& [part, number] : {std::pair{dram, &ratio.dram}, std::pair{rest, &ratio.kmem_dax}}) {
        if (!tiering::parse_number(part, *number) || *number > UINT_MAX)
            return !report_fault("--ratio", text, whole.fault("bad number", part, kAccepted));
    }
    if (ratio.dram == 0 && ratio.kmem_dax == 0)
        return !report_fault("--ratio", text, whole.fault("no tier in", text, kAccepted));
    return true;
}

// What the machine has of both; false, with a line, when it has no KMEM_DAX memory.
bool ratio_of_capacities(Ratio& ratio) {
    const ssize_t dram = memkind_get_capacity(MEMKIND_REGULAR);
    const ssize_t kmem_dax = memkind_get_capacity(MEMKIND_DAX_KMEM);
    if (memkind_check_available(MEMKIND_DAX_KMEM) != MEMKIND_SUCCESS || kmem_dax <= 0) {
        std::fprintf(
            stderr,
            "memtier: there appears to be no KMEM_DAX devices (MEMKIND_DAX_KMEM_NODES names nodes by "
            "hand; -r and --tiers choose tiers)\n");
        return false;
    }
    // In MiB, so that a ratio's 32 bits hold any machine.
    ratio.dram = dram > 0 ? std::max<std::uint64_t>(static_cast<std::uint64_t>(dram) >> 20, 1) : 1;
    ratio.kmem_dax = std::max<std::uint64_t>(static_cast<std::uint64_t>(kmem_dax) >> 20, 1);
    return true;
}

bool tiers_of_ratio(const Wishes& wishes, std::string& tiers) {
    Ratio ratio{};
    if (!(wishes.has_ratio ? parse_ratio(wishes.ratio, ratio) : ratio_of_capacities(ratio)))
        return false;
    if (ratio.dram != 0)
        tiers += "KIND:DRAM,RATIO:" + std::to_string(ratio.dram) + ";";
    if (ratio.kmem_dax != 0)
        tiers += "KIND:KMEM_DAX,RATIO:" + std::to_string(ratio.kmem_dax) + ";";
    tiers += wishes.has_thresholds ? "POLICY:DYNAMIC_THRESHOLD" : "POLICY:STATIC_RATIO";
    return true;
}

bool check(const Wishes& wishes, const std::string& tiers) {
    tiering::TierConfig config;
    if (report_fault(wishes.has_tiers ? "--tiers" : "tiers", tiers, parse_tier_config(tiers, config)))
        return false;
    if (!wishes.has_thresholds)
        return true;
    if (config.policy != tiering::TierPolicy::kDynamicThreshold) {
        std::fprintf(stderr, "memtier: --thresholds go with POLICY:DYNAMIC_THRESHOLD in --tiers only\n");
        return false;
    }
    tiering::ThresholdConfig thresholds;
    return !report_fault("--thresholds", wishes.thresholds,
                         parse_threshold_config(wishes.thresholds, config.count, thresholds));
}

bool check_file(const std::string& path) {
    std::ifstream stream(path);
    const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    if (!stream) {
        std::fprintf(stderr, "memtier: '%s' cannot be read\n", path.c_str());
        return false;
    }
    tiering::ConfigFile file;
    tiering::TierConfig tiers;
    if (report_fault(path.c_str(), {}, file.read(text), &file) ||
        report_fault(path.c_str(), file.tiers(), parse_tier_config(file.tiers(), tiers), &file))
        return false;
    if (file.thresholds().data() == nullptr)
        return true;
    if (tiers.policy != tiering::TierPolicy::kDynamicThreshold) {
        std::fprintf(stderr, "memtier: %s: THRESHOLDS go with POLICY:DYNAMIC_THRESHOLD only\n", path.c_str());
        return false;
    }
    tiering::ThresholdConfig thresholds;
    return !report_fault(path.c_str(), file.thresholds(),
                         parse_threshold_config(file.thresholds(), tiers.count, thresholds), &file);
}

}  // namespace

bool make_environment(const Wishes& wishes, Environment& environment) {
    std::string tiers = wishes.tiers;
    const bool from_file = !wishes.config.empty();
    if (from_file ? !check_file(wishes.config)
                  : (!wishes.has_tiers && !tiers_of_ratio(wishes, tiers)) || !check(wishes, tiers))
        return false;
    // Before what is preloaded already: the first malloc counts.
    const char* const others = std::getenv("LD_PRELOAD");
    std::string preload = find_library();
    if (others != nullptr && *others != '\0')
        preload += std::string(":") + others;
    environment.emplace_back("LD_PRELOAD", preload);
    if (from_file)
        environment.emplace_back("MEMKIND_MEM_TIERING_CONFIG", wishes.config);
    else
        environment.emplace_back("MEMKIND_MEM_TIERS", tiers);
    if (wishes.has_thresholds)
        environment.emplace_back("MEMKIND_MEM_THRESHOLDS", wishes.thresholds);
    if (!wishes.report.empty())
        environment.emplace_back("MEMKIND_MEM_TIERING_REPORT", wishes.report == "-" ? "1" : wishes.report);
    if (wishes.verbose)
        environment.emplace_back("MEMKIND_DEBUG", "1");
    return true;
}

}  // namespace terrace::memtier
