// Messages for people, on stderr, without allocating: safe inside malloc, before constructors and after
// destructors. Each message is one line and one write(2), so lines of several threads never mix.
#pragma once

namespace terrace {

// What is wrong and what to do about it. Always shown. Keeps errno.
void log_error(const char* format, ...) __attribute__((format(printf, 1, 2)));

// What was chosen and why. Shown when MEMKIND_DEBUG=1. Keeps errno.
void log_info(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace terrace
