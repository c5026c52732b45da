#include "tiering/preload/configuration.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "src/log.hpp"
#include "tiering/config_file.hpp"

namespace terrace::preload {
namespace {

using std::string_view;
using tiering::ConfigFault;
using tiering::ConfigFile;
using tiering::TierPolicy;

constexpr const char* kVariable = "MEMKIND_MEM_TIERS";
constexpr const char* kThresholdVariable = "MEMKIND_MEM_THRESHOLDS";
constexpr const char* kFileVariable = "MEMKIND_MEM_TIERING_CONFIG";
constexpr const char* kLenientVariable = "MEMKIND_MEM_TIERING_LENIENT";
constexpr const char* kExample = "KIND:DRAM,RATIO:1;KIND:FS_DAX,PATH:/mnt/pmem,RATIO:4;POLICY:STATIC_RATIO";

// The configuration points into it.
constinit ConfigFile file = {};
constinit const char* source = kVariable;

// A program with more rights than its caller must not be steered by the caller's environment.
bool environment_is_untrusted() {
    return getauxval(AT_SECURE) != 0;
}

// Says what is wrong with `text`, which came from `where`; true when something is.
bool complain(const char* where, bool is_file, string_view text, const ConfigFault& fault) {
    if (!fault)
        return false;
    log_error("%s: %s", where, tiering::words_of(fault, is_file ? &file : nullptr).text);
    if (fault.column == 0)
        return true;
    const tiering::FaultPicture picture = tiering::picture_of(text, fault);
    log_error("    %s", picture.text);
    log_error("    %s", picture.caret);
    return true;
}

// False, after a message, when it cannot be read.
bool read_file(const char* path) {
    // Read in one piece and taken apart at once: only the sections are kept.
    static constinit char text[2 * ConfigFile::kMostText] = {};
    size_t length = 0;
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t part = descriptor < 0 ? -1 : 1;
    while (part > 0 && length < sizeof text) {
        part = read(descriptor, text + length, sizeof text - length);
        if (part > 0)
            length += static_cast<size_t>(part);
    }
    const int error = errno;
    if (descriptor >= 0)
        close(descriptor);
    if (part < 0) {
        const char* const reason = strerrordesc_np(error);  // strerror may allocate
        log_error("%s: '%s' cannot be read: %s", kFileVariable, path, reason != nullptr ? reason : "?");
        return false;
    }
    if (length == sizeof text) {
        log_error("%s: '%s' is too long; accepted: up to 32 KiB", kFileVariable, path);
        return false;
    }
    return !complain(path, false, {}, file.read({text, length}));
}

bool read_thresholds(string_view text, const char* where, bool is_file, Configuration* configuration) {
    const tiering::TierConfig& tiers = configuration->tiers;
    if (tiers.policy != TierPolicy::kDynamicThreshold) {
        if (text.data() != nullptr)
            log_error("%s is set, and the policy is not DYNAMIC_THRESHOLD; accepted: only with it",
                      is_file ? "THRESHOLDS" : where);
        return text.data() == nullptr;
    }
    if (text.data() == nullptr) {
        configuration->thresholds = tiering::default_thresholds(tiers.count);
        return true;
    }
    return !complain(where, is_file, text,
                     parse_threshold_config(text, tiers.count, configuration->thresholds));
}

}  // namespace

Configuration plain_dram() {
    Configuration configuration;
    configuration.tiers.count = 1;
    return configuration;
}

bool is_lenient() {
    const char* const value = secure_getenv(kLenientVariable);
    return value != nullptr && strcmp(value, "1") == 0;
}

const char* configured_by() {
    return source;
}

bool read_configuration(Configuration* configuration) {
    *configuration = plain_dram();
    if (environment_is_untrusted())
        return true;
    const char* const value = getenv(kVariable);
    const char* const path = getenv(kFileVariable);
    const bool is_file = value == nullptr && path != nullptr;
    if (value == nullptr && path == nullptr) {
        log_error("%s is not set, and libmemtier needs it; for example: %s", kVariable, kExample);
        return false;
    }
    source = is_file ? path : kVariable;
    if (is_file && !read_file(path))
        return false;
    const string_view tiers = is_file ? file.tiers() : string_view(value);
    if (complain(source, is_file, tiers, parse_tier_config(tiers, configuration->tiers)))
        return false;
    const char* const variable = getenv(kThresholdVariable);
    if (variable != nullptr)
        return read_thresholds(variable, kThresholdVariable, false, configuration);
    return read_thresholds(file.thresholds(), source, is_file, configuration);
}

}  // namespace terrace::preload
