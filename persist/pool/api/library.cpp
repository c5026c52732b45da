// libpmemobj.h: the library itself: version, messages, logging, the program's allocation functions, and values
// that are initialised anew in each run.
// Thread safety: as the public header says.
#include "persist/pool/api/exported.hpp"

#include <errno.h>

#include <atomic>

#include "persist/pool/api/locks.hpp"
#include "persist/pool/error_message.hpp"
#include "src/log.hpp"

using namespace terrace::persist;

namespace {

std::atomic<pmemobj_log_level> thresholds[PMEMOBJ_LOG_THRESHOLD_MAX] = {PMEMOBJ_LOG_LEVEL_WARNING,
                                                                        PMEMOBJ_LOG_LEVEL_HARK};
std::atomic<pmemobj_log_function*> function_in_use{nullptr};  // nullptr: write_to_stderr

void write_to_stderr(pmemobj_log_level level, const char*, unsigned, const char*, const char* message) {
    if (level != PMEMOBJ_LOG_LEVEL_HARK &&
        level <= thresholds[PMEMOBJ_LOG_THRESHOLD_AUX].load(std::memory_order_relaxed))
        terrace::log_error("libpmemobj: %s", message);
}

void log_message(pmemobj_log_level level, const char* function, const char* message) {
    if (level > thresholds[PMEMOBJ_LOG_THRESHOLD].load(std::memory_order_relaxed))
        return;
    const int saved_errno = errno;
    pmemobj_log_function* const chosen = function_in_use.load(std::memory_order_acquire);
    (chosen != nullptr ? chosen : write_to_stderr)(level, __FILE_NAME__, __LINE__, function, message);
    errno = saved_errno;
}

void log_error_message(const char* message) {
    log_message(PMEMOBJ_LOG_LEVEL_ERROR, "pmemobj_errormsg", message);
}

bool is_threshold(pmemobj_log_threshold threshold) {
    return static_cast<unsigned>(threshold) < PMEMOBJ_LOG_THRESHOLD_MAX;
}

}  // namespace

#pragma GCC visibility push(default)

const char* pmemobj_check_version(unsigned major_required, unsigned minor_required) {
    if (major_required != PMEMOBJ_MAJOR_VERSION)
        return "libpmemobj: a different major version of the interface is required";
    if (minor_required > PMEMOBJ_MINOR_VERSION)
        return "libpmemobj: a newer minor version of the interface is required";
    return nullptr;
}

const char* pmemobj_errormsg(void) {
    return last_error_message();
}

// Programs compiled with PMDK's headers call it from their iteration macros.
extern "C" void _pobj_debug_notice(const char*, const char*, int);
void _pobj_debug_notice(const char*, const char*, int) {}

void pmemobj_set_funcs(void* (*)(size_t size), void (*)(void* ptr), void* (*)(void* ptr, size_t size),
                       char* (*)(const char* s)) {}

void* pmemobj_volatile(PMEMobjpool* pop, struct pmemvlt* vlt, void* ptr, size_t,
                       int (*constr)(void* ptr, void* arg), void* arg) {
    auto& run = *reinterpret_cast<std::atomic<uint64_t>*>(&vlt->runid);
    const int error =
        initialise_once(run, pool_of(pop).run_id, [&] { return constr == nullptr ? 0 : constr(ptr, arg); });
    if (error == 0)
        return ptr;
    fail(ECANCELED, "pmemobj_volatile: the constructor gave up");
    return nullptr;
}

int pmemobj_log_set_function(pmemobj_log_function* log_function) {
    function_in_use.store(log_function, std::memory_order_release);
    tell_errors_to(log_error_message);
    log_message(PMEMOBJ_LOG_LEVEL_HARK, "pmemobj_log_set_function", "libpmemobj of Terrace, interface 2.4");
    return 0;
}

int pmemobj_log_set_threshold(enum pmemobj_log_threshold threshold, enum pmemobj_log_level level) {
    if (!is_threshold(threshold)) {
        fail(EINVAL, "pmemobj_log_set_threshold: there is no threshold %u", static_cast<unsigned>(threshold));
        return -1;
    }
    if (static_cast<unsigned>(level) > PMEMOBJ_LOG_LEVEL_DEBUG) {
        fail(EINVAL, "pmemobj_log_set_threshold: there is no level %u", static_cast<unsigned>(level));
        return -1;
    }
    pmemobj_log_level before = thresholds[threshold].load(std::memory_order_relaxed);
    if (!thresholds[threshold].compare_exchange_strong(before, level, std::memory_order_relaxed)) {
        errno = EAGAIN;
        return -1;
    }
    tell_errors_to(log_error_message);
    return 0;
}

int pmemobj_log_get_threshold(enum pmemobj_log_threshold threshold, enum pmemobj_log_level* level) {
    if (!is_threshold(threshold) || level == nullptr) {
        fail(EINVAL, "pmemobj_log_get_threshold: threshold %u, level at %p", static_cast<unsigned>(threshold),
             static_cast<void*>(level));
        return -1;
    }
    *level = thresholds[threshold].load(std::memory_order_relaxed);
    return 0;
}

#pragma GCC visibility pop
