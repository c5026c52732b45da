// Start-up: environment to settings. Runs once, in the first allocation after the C library has set
// `environ`, or in our constructor, whichever comes first. Whatever is called from here may allocate: it is
// served from MEMKIND_DEFAULT. A bad value gives one line and the default: a program must run whatever these
// variables say.
#include "tiering/preload/auto_hbw.hpp"

#include <errno.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "include/autohbw_api.h"
#include "src/log.hpp"
#include "tiering/preload/static_kinds.hpp"
#include "tiering/preload/tiers_in_use.hpp"
#include "tiering/static_kind_names.hpp"

namespace terrace::preload {

constinit std::atomic<const AutoHbw*> internal::auto_hbw{nullptr};
constinit std::atomic<bool> internal::auto_hbw_enabled{true};
const char* const kLibraryName = "libautohbw";

namespace {

using tiering::ConfigFault;

constexpr const char* kSizeVariable = "AUTO_HBW_SIZE";
constexpr const char* kKindVariable = "AUTO_HBW_MEM_TYPE";
constexpr const char* kLogVariable = "AUTO_HBW_LOG";

constinit std::atomic<bool> started{false};
constinit AutoHbw settings;
constinit TiersInUse in_use = {};

// "memkind_hbw_preferred", written when the settings are found.
constexpr std::size_t kLongestName = 48;
char names[2][kLongestName];

const char* lower_case_name(char* text, unsigned static_kind) {
    std::size_t length = 0;
    for (const char* part : {"MEMKIND_", tiering::kStaticKindNames[static_kind]}) {
        for (; *part != '\0' && length + 1 < kLongestName; ++part)
            text[length++] = *part >= 'A' && *part <= 'Z' ? static_cast<char>(*part + ('a' - 'A')) : *part;
    }
    text[length] = '\0';
    return text;
}

void report_fault(const char* variable, const ConfigFault& fault, const char* instead) {
    constexpr std::size_t kLongestToken = 80;
    const std::size_t length = fault.token.size() < kLongestToken ? fault.token.size() : kLongestToken;
    if (settings.log != AutoHbwLog::kNone)
        log_error("%s: %s '%.*s' at column %u; accepted: %s; using %s", variable, fault.what,
                  static_cast<int>(length), fault.token.data(), fault.column, fault.accepted, instead);
}

void read_sizes_and_log() {
    if (const char* value = getenv(kLogVariable)) {
        if (const ConfigFault fault = tiering::parse_auto_hbw_log(value, settings.log))
            report_fault(kLogVariable, fault, "1");
    }
    if (const char* value = getenv(kSizeVariable)) {
        if (const ConfigFault fault = tiering::parse_auto_hbw_sizes(value, settings.sizes))
            report_fault(kSizeVariable, fault, "1M");
    }
}

// The kind that was asked for, or else the default; MEMKIND_DEFAULT when that cannot be had.
unsigned choose_kind(bool trusted) {
    unsigned wished = kinds::kHbwPreferred;
    bool asked_for = false;
    const char* value = trusted ? getenv(kKindVariable) : nullptr;
    if (value != nullptr) {
        const ConfigFault fault = tiering::parse_auto_hbw_kind(value, wished);
        if (fault)
            report_fault(kKindVariable, fault, "memkind_hbw_preferred");
        asked_for = !fault;
    }
    const int error = memkind_check_available(static_kind(wished));
    if (error == MEMKIND_SUCCESS)
        return wished;
    if (settings.log != AutoHbwLog::kNone) {
        char reason[MEMKIND_ERROR_MESSAGE_SIZE];
        char name[kLongestName];
        memkind_error_message(error, reason, sizeof reason);
        if (asked_for)
            log_error("%s: %s cannot be had: %s; using memkind_default", kKindVariable,
                      lower_case_name(name, wished), reason);
        else
            log_error("libautohbw: %s cannot be had: %s; using memkind_default",
                      lower_case_name(name, wished), reason);
    }
    return kinds::kDefault;
}

void find_settings() {
    // A program with more rights than its caller must not be steered by the caller's environment.
    const bool trusted = getauxval(AT_SECURE) == 0;
    if (trusted)
        read_sizes_and_log();
    else
        settings.log = AutoHbwLog::kNone;
    const unsigned kind = choose_kind(trusted);
    settings.kind = static_kind(kind);
    in_use.tiers[0] = {lower_case_name(names[0], kinds::kDefault), MEMKIND_DEFAULT, 0, ""};
    in_use.count = 1;
    if (kind != kinds::kDefault) {
        in_use.tiers[1] = {lower_case_name(names[1], kind), settings.kind, 0, ""};
        in_use.count = 2;
    }
    if (settings.log >= AutoHbwLog::kSettings) {
        const char* const name = in_use.tiers[in_use.count - 1].name;
        const auto low = static_cast<unsigned long long>(settings.sizes.low);
        if (settings.sizes.high == UINT64_MAX)
            log_error("libautohbw: allocations larger than %llu bytes go to %s", low, name);
        else
            log_error("libautohbw: allocations larger than %llu and smaller than %llu bytes go to %s", low,
                      static_cast<unsigned long long>(settings.sizes.high), name);
    }
}

__attribute__((constructor)) void before_main() {
    (void)kind_for(0);
}

}  // namespace

__attribute__((noinline, cold)) const AutoHbw* internal::start_auto_hbw() {
    if (environ == nullptr)  // the dynamic linker is still at work
        return nullptr;
    if (started.exchange(true))
        return auto_hbw.load(std::memory_order_acquire);  // another thread, or this one further up, is at it
    const int saved_errno = errno;
    find_settings();
    auto_hbw.store(&settings, std::memory_order_release);
    errno = saved_errno;
    return &settings;
}

const TiersInUse& tiers_in_use() {
    return in_use;
}

memtier_memory* memory_in_use() {
    return nullptr;
}

}  // namespace terrace::preload

extern "C" __attribute__((visibility("default"))) void enableAutoHBW(void) {
    terrace::preload::internal::auto_hbw_enabled.store(true, std::memory_order_relaxed);
}

extern "C" __attribute__((visibility("default"))) void disableAutoHBW(void) {
    terrace::preload::internal::auto_hbw_enabled.store(false, std::memory_order_relaxed);
}
