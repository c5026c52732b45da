// How the functions of libpmem2.h fail: a negative result, and a message of this thread that says why.
// Thread safety: each thread has its own message.
#pragma once

namespace terrace::persist {

// Keeps the message, sets errno to what pmem2_err_to_errno says of `code`, and returns `code`, which is a
// PMEM2_E_* or a negated errno value.
[[nodiscard]] int fail(int code, const char* format, ...) __attribute__((format(printf, 2, 3)));

// The same for the errno value of a failed system call: ": " and its text are appended. Returns it negated.
[[nodiscard]] int fail_with_errno(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace terrace::persist
