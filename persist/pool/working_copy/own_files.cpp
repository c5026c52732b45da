// See own_files.hpp. close_range with CLOSE_RANGE_UNSHARE, unlike unshare, is allowed by the usual filters of
// system calls in containers.
// Thread safety: see the header.
#include "persist/pool/working_copy/own_files.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace terrace::persist {

int keep_only_files(const int* files, uint32_t count) {
    constexpr uint32_t kMost = 16;
    constexpr unsigned kUnshare = 2;
    int kept[kMost] = {STDERR_FILENO};  // for messages
    const uint32_t kept_count = std::min(count + 1, kMost);
    std::copy_n(files, kept_count - 1, kept + 1);
    std::sort(kept, kept + kept_count);
    unsigned from = 0;
    for (uint32_t i = 0; i <= kept_count; ++i) {
        if (i < kept_count && kept[i] < 0)
            continue;
        const unsigned stop = i < kept_count ? static_cast<unsigned>(kept[i]) : ~0u;
        if (stop > from && syscall(SYS_close_range, from, stop - 1, kUnshare) != 0)
            return errno;
        from = stop + 1;
    }
    return 0;
}

int LentFile::open(const char* path) {
    number_ = ::open(path, O_RDONLY | O_CLOEXEC);
    return number_ < 0 ? errno : 0;
}

void LentFile::lend() {
    close_here(number_);
    is_lent_ = true;
}

void LentFile::close() {
    if (number_ >= 0 && !is_lent_)
        ::close(number_);
    *this = {};
}

void close_here(int file) {
    syscall(SYS_close, file);
}

ssize_t read_here(int file, void* target, size_t bytes) {
    return syscall(SYS_read, file, target, bytes);
}

ssize_t pread_here(int file, void* target, size_t bytes, uint64_t offset) {
    return syscall(SYS_pread64, file, target, bytes, offset);
}

int ioctl_here(int file, unsigned long request, void* argument) {
    return static_cast<int>(syscall(SYS_ioctl, file, request, argument));
}

}  // namespace terrace::persist
