#include "persist/pmem2/result.hpp"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "persist/flush/error_message.hpp"
#include "persist/pmem2/public.hpp"

using namespace terrace::persist;

namespace terrace::persist {

int fail(int code, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    set_error_of_list(pmem2_err_to_errno(code), format, arguments);
    va_end(arguments);
    return code;
}

int fail_with_errno(const char* format, ...) {
    const int error = errno != 0 ? errno : EIO;
    va_list arguments;
    va_start(arguments, format);
    set_error_with_reason_of_list(error, format, arguments);
    va_end(arguments);
    return -error;
}

}  // namespace terrace::persist

const char* pmem2_errormsg(void) {
    return last_error_message();
}

int pmem2_err_to_errno(int err) {
    if (err == 0)
        return 0;
    if (err == PMEM2_E_NOSUPP)
        return ENOTSUP;
    return err > 0 || err <= PMEM2_E_UNKNOWN ? EINVAL : -err;
}

void pmem2_perror(const char* format, ...) {
    const int saved_errno = errno;
    flockfile(stderr);  // one line, whoever else prints
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, ": %s\n", pmem2_errormsg());
    funlockfile(stderr);
    errno = saved_errno;
}
