#include "persist/flush/error_message.hpp"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <atomic>

namespace terrace::persist {
namespace {

constexpr int kLongestMessage = 512;  // a path may be cut; the words before it say what happened
thread_local char message[kLongestMessage];
std::atomic<ErrorListener> error_listener{nullptr};

void finish(int error) {
    errno = error;
    if (const ErrorListener listener = error_listener.load(std::memory_order_acquire))
        listener(message);
}

__attribute__((format(printf, 1, 0))) int format_message(const char* format, va_list arguments) {
    const int length = vsnprintf(message, sizeof message, format, arguments);
    return length < kLongestMessage ? length : kLongestMessage - 1;
}

}  // namespace

void set_error_of_list(int error, const char* format, va_list arguments) {
    format_message(format, arguments);
    finish(error);
}

void set_error(int error, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    set_error_of_list(error, format, arguments);
    va_end(arguments);
}

void set_error_with_reason_of_list(int error, const char* format, va_list arguments) {
    const int length = format_message(format, arguments);
    char reason[128];
    snprintf(message + length, static_cast<size_t>(kLongestMessage - length), ": %s",
             strerror_r(error, reason, sizeof reason));
    finish(error);
}

void set_error_with_reason(int error, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    set_error_with_reason_of_list(error, format, arguments);
    va_end(arguments);
}

const char* last_error_message() {
    return message;
}

void tell_errors_to(ErrorListener listener) {
    error_listener.store(listener, std::memory_order_release);
}

}  // namespace terrace::persist
