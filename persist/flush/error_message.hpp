// The last error of a thread in words, behind pmem_errormsg.
// Each thread has its own text; set_error also sets errno, so that the two never disagree.
// Thread safety: by construction.
#pragma once

#include <stdarg.h>

namespace terrace::persist {

// Keeps the message for this thread and sets errno to `error`. Returns nothing, so that callers return what
// they promised.
void set_error(int error, const char* format, ...) __attribute__((format(printf, 2, 3)));

void set_error_of_list(int error, const char* format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

// The same, with ": " and the text of `error` appended.
void set_error_with_reason(int error, const char* format, ...) __attribute__((format(printf, 2, 3)));

void set_error_with_reason_of_list(int error, const char* format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

const char* last_error_message();

// Is told of each error, after the message and errno are set; nullptr: nobody is. It may not change errno.
using ErrorListener = void (*)(const char* message);
void tell_errors_to(ErrorListener listener);

}  // namespace terrace::persist
