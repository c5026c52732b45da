#include "src/files.hpp"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

namespace terrace {

int open_unnamed_file(const char* directory) {
    const int file = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    // "" is no directory, and a name after it would be one in the root.
    if (file >= 0 || directory[0] == '\0' || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
        return file;
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/memkind.XXXXXX", directory);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    const int named = mkostemp(path, O_CLOEXEC);
    if (named >= 0)
        unlink(path);
    const int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = error;
    return named;
}

int move_descriptor_up(int file) {
    if (file < 0)
        return file;
    rlimit limit;
    constexpr rlim_t kUsualLimit = 1024;
    rlim_t floor = kUsualLimit / 2;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < kUsualLimit)
        floor = limit.rlim_cur / 2;
    int moved = fcntl(file, F_DUPFD_CLOEXEC, static_cast<int>(floor < 3 ? 3 : floor));
    if (moved < 0)
        moved = fcntl(file, F_DUPFD_CLOEXEC, 3);
    const int error = errno;
    close(file);
    errno = error;
    return moved;
}

int reserve_file_blocks(int file, std::size_t offset, std::size_t size) {
    sigset_t file_size;
    sigset_t before;
    sigset_t pending;
    sigemptyset(&file_size);
    sigaddset(&file_size, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &file_size, &before);
    sigpending(&pending);
    int error;
    do {
        error = posix_fallocate(file, static_cast<off_t>(offset), static_cast<off_t>(size));
    } while (error == EINTR);
    if (error == EFBIG && sigismember(&pending, SIGXFSZ) == 0) {
        const timespec at_once = {};
        sigtimedwait(&file_size, nullptr, &at_once);
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return error;
}

}  // namespace terrace
