// The text behind pmemobj_errormsg(): one per thread, set where the fault is seen.
// A message names the thing, its value and what would be accepted.
// Thread safety: each thread has its own.
#pragma once

namespace terrace::persist {

// Sets the message and errno, and returns the errno given, so that a caller can write `return fail(EINVAL, …)`.
int fail(int error, const char* format, ...) __attribute__((format(printf, 2, 3)));

// The result of a public function that returns 0, or -1 with errno.
int result_of(int error);

const char* last_error_message();

// Who else hears each message, from now on; see pmemobj_log_set_function.
void tell_errors_to(void (*listener)(const char* message));

// Misuse that the documented interface answers with the end of the process: prints and aborts.
[[noreturn]] void fatal_misuse(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace terrace::persist
