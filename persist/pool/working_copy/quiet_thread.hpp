// A thread of the library's own: it takes no signals, which are the program's, and needs little stack.
#pragma once

#include <pthread.h>

#include <cstdint>

namespace terrace::persist {

// 0 or an errno. The caller joins it. Cost: a thread.
[[nodiscard]] int start_quiet_thread(pthread_t& thread, uint64_t stack_bytes, void* (*body)(void*),
                                     void* argument);

}  // namespace terrace::persist
