// The log functions of libpmem.h: who gets the library's messages, and which.
// The messages are those that pmem_errormsg keeps; nothing is said while all goes well.
// Thread safety: any thread. A message takes three loads, no lock.
#pragma GCC visibility push(default)
#include <libpmem.h>
#pragma GCC visibility pop

#include <errno.h>

#include <atomic>

#include "persist/flush/error_message.hpp"
#include "src/log.hpp"

namespace {

std::atomic<pmem_log_level> thresholds[PMEM_LOG_THRESHOLD_MAX] = {PMEM_LOG_LEVEL_WARNING,
                                                                  PMEM_LOG_LEVEL_HARK};
std::atomic<pmem_log_function*> function_in_use{nullptr};  // nullptr: write_to_stderr

void write_to_stderr(pmem_log_level level, const char*, unsigned, const char*, const char* message) {
    if (level != PMEM_LOG_LEVEL_HARK &&
        level <= thresholds[PMEM_LOG_THRESHOLD_AUX].load(std::memory_order_relaxed))
        terrace::log_error("libpmem: %s", message);
}

void log_message(pmem_log_level level, const char* function, const char* message) {
    if (level > thresholds[PMEM_LOG_THRESHOLD].load(std::memory_order_relaxed))
        return;
    const int saved_errno = errno;
    pmem_log_function* const chosen = function_in_use.load(std::memory_order_acquire);
    (chosen != nullptr ? chosen : write_to_stderr)(level, __FILE_NAME__, __LINE__, function, message);
    errno = saved_errno;
}

void log_error_message(const char* message) {
    log_message(PMEM_LOG_LEVEL_ERROR, "pmem_errormsg", message);
}

bool is_threshold(pmem_log_threshold threshold) {
    return static_cast<unsigned>(threshold) < PMEM_LOG_THRESHOLD_MAX;
}

}  // namespace

int pmem_log_set_function(pmem_log_function* log_function) {
    function_in_use.store(log_function, std::memory_order_release);
    terrace::persist::tell_errors_to(log_error_message);
    log_message(PMEM_LOG_LEVEL_HARK, "pmem_log_set_function", "libpmem of Terrace, interface 1.1");
    return 0;
}

int pmem_log_set_threshold(pmem_log_threshold threshold, pmem_log_level level) {
    if (!is_threshold(threshold)) {
        terrace::persist::set_error(EINVAL, "pmem_log_set_threshold: there is no threshold %u",
                                    static_cast<unsigned>(threshold));
        return -1;
    }
    if (static_cast<unsigned>(level) > PMEM_LOG_LEVEL_DEBUG) {
        terrace::persist::set_error(EINVAL, "pmem_log_set_threshold: there is no level %u",
                                    static_cast<unsigned>(level));
        return -1;
    }
    pmem_log_level before = thresholds[threshold].load(std::memory_order_relaxed);
    if (!thresholds[threshold].compare_exchange_strong(before, level, std::memory_order_relaxed)) {
        errno = EAGAIN;
        return -1;
    }
    terrace::persist::tell_errors_to(log_error_message);
    return 0;
}

int pmem_log_get_threshold(pmem_log_threshold threshold, pmem_log_level* level) {
    if (!is_threshold(threshold) || level == nullptr) {
        terrace::persist::set_error(EINVAL, "pmem_log_get_threshold: threshold %u, level at %p",
                                    static_cast<unsigned>(threshold), static_cast<void*>(level));
        return -1;
    }
    *level = thresholds[threshold].load(std::memory_order_relaxed);
    return 0;
}
