// What the kernel tells in /sys: one short text per file. A test puts a directory of its own in its place.
// Thread safety: the functions read files and keep nothing; use_sysfs is for tests, before other threads.
#pragma once

#include <cstddef>
#include <cstdint>

namespace terrace::persist {

const char* sysfs();  // "/sys"

// nullptr: /sys again. The text must stay.
void use_sysfs(const char* directory);

// Writes "/sys/" and the rest into `path`. Returns false with errno ENAMETOOLONG if it is too long.
[[nodiscard]] bool sysfs_path(char* path, std::size_t size, const char* format, ...)
    __attribute__((format(printf, 3, 4)));

// Reads a file, given by its whole path, without its last newline; longer texts are cut. Returns false with
// errno.
[[nodiscard]] bool read_text(const char* path, char* text, std::size_t size);

// The same, as one number, decimal or with 0x. A text that is none is EBADMSG.
[[nodiscard]] bool read_number(const char* path, std::uint64_t* number);

}  // namespace terrace::persist
