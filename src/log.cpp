#include "src/log.hpp"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/check.hpp"

namespace terrace {
namespace {

constexpr int kLongestLine = 1024;

void write_line(const char* prefix, const char* format, va_list arguments) {
    const int saved_errno = errno;
    char line[kLongestLine];
    int length = snprintf(line, sizeof line, "%s", prefix);
    length += vsnprintf(line + length, sizeof line - static_cast<size_t>(length) - 1, format, arguments);
    if (length > kLongestLine - 2)
        length = kLongestLine - 2;
    // One line, whatever is quoted in it, and nothing that a terminal would obey.
    for (int i = 0; i < length; ++i)
        if (static_cast<unsigned char>(line[i]) < ' ' || line[i] == 0x7f)
            line[i] = '?';
    line[length++] = '\n';
    // A closed or full stderr is no reason to fail.
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line, static_cast<size_t>(length));
    errno = saved_errno;
}

bool info_is_wanted() {
    // Read once; two threads that race here both store the same answer.
    static int wanted = -1;
    int answer = __atomic_load_n(&wanted, __ATOMIC_RELAXED);
    if (answer < 0) {
        const char* value = secure_getenv("MEMKIND_DEBUG");
        answer = value != nullptr && strcmp(value, "1") == 0;
        __atomic_store_n(&wanted, answer, __ATOMIC_RELAXED);
    }
    return answer == 1;
}

}  // namespace

void log_error(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    write_line("terrace: ", format, arguments);
    va_end(arguments);
}

void log_info(const char* format, ...) {
    if (!info_is_wanted())
        return;
    va_list arguments;
    va_start(arguments, format);
    write_line("terrace: ", format, arguments);
    va_end(arguments);
}

void contract_broken(const char* what, const char* condition, const char* file, int line) {
    log_error("%s broken at %s:%d: %s", what, file, line, condition);
    abort();
}

}  // namespace terrace
