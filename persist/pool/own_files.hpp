// File descriptors that only some threads have: a program may close every descriptor it finds, and use the numbers
// again. A userfaultfd that is closed would leave memory unwatched; one that only the library's own threads have
// cannot be. Linux 5.9. Thread safety: each call is about the calling thread.
#pragma once

#include <cstdint>

namespace terrace::persist {

// Gives the calling thread a table of descriptors of its own, with nothing in it but `files` under their numbers
// (-1: none) and standard error. It is the thread's until it ends. 0 or an errno.
[[nodiscard]] int keep_only_files(const int* files, uint32_t count);

// Closes a descriptor of the calling thread's table that another thread has under the same number in its own. (A
// sanitizer that knows only one table takes close(2) for a race.)
void close_here(int file);

}  // namespace terrace::persist
