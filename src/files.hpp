// Files that a library keeps open inside somebody else's program.
// Thread safety: the functions may be called from any thread.
#pragma once

#include <cstddef>

namespace terrace {

// A new file without a name, open for reading and writing and closed on exec. Where the file system has no
// O_TMPFILE it has a name for a moment, with signals held back, so that none can end the process in between
// and leave the file behind. Returns -1 with errno when no file can be made there.
[[nodiscard]] int open_unnamed_file(const char* directory);

// Gives an open file a descriptor out of the way of the program, which takes the lowest free numbers,
// redirects 0 to 2, and in a shell names 3 to 9 itself. The new one is closed on exec; `file` is closed.
// Returns -1 with errno when there is none, or when `file` was negative. A lock (flock) and the offset stay
// with the file.
[[nodiscard]] int move_descriptor_up(int file);

// posix_fallocate, repeated when a signal interrupts it; beyond RLIMIT_FSIZE it is EFBIG and no SIGXFSZ.
// Returns 0 or an errno value.
[[nodiscard]] int reserve_file_blocks(int file, std::size_t offset, std::size_t size);

}  // namespace terrace
