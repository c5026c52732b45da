// File descriptors that only some threads have: a program may close every descriptor it finds, and use the numbers
// again. A userfaultfd that is closed would leave memory unwatched; one that only the library's own threads have
// cannot be. Linux 5.9. Thread safety: each call is about the calling thread.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace terrace::persist {

// Gives the calling thread a table of descriptors of its own, with nothing in it but `files` under their numbers
// (-1: none) and standard error. It is the thread's until it ends. 0 or an errno.
[[nodiscard]] int keep_only_files(const int* files, uint32_t count);

// A file for another thread to read: once that one has it in its own table (keep_only_files), the owner lends it, which
// closes the owner's own descriptor. Thread safety: open, lend and close by the owner; reading by who has it.
class LentFile {
  public:
    [[nodiscard]] int open(const char* path);  // for reading; 0 or an errno
    void lend();
    void close();
    int number() const { return number_; }

  private:
    int number_ = -1;
    bool is_lent_ = false;
};

// close, read, pread and ioctl of descriptors in the calling thread's table: another thread may have another file under the
// same number. (ThreadSanitizer knows one table, and takes the C library's functions for races.)
void close_here(int file);
ssize_t read_here(int file, void* target, size_t bytes);
ssize_t pread_here(int file, void* target, size_t bytes, uint64_t offset);
int ioctl_here(int file, unsigned long request, void* argument);

}  // namespace terrace::persist
