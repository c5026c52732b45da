#include "persist/flush/sysfs.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace terrace::persist {
namespace {

const char* root = "/sys";

}  // namespace

const char* sysfs() {
    return root;
}

void use_sysfs(const char* directory) {
    root = directory != nullptr ? directory : "/sys";
}

bool sysfs_path(char* path, std::size_t size, const char* format, ...) {
    const int length = snprintf(path, size, "%s/", root);
    if (length >= 0 && static_cast<std::size_t>(length) < size) {
        const std::size_t room = size - static_cast<std::size_t>(length);
        va_list arguments;
        va_start(arguments, format);
        const int rest = vsnprintf(path + length, room, format, arguments);
        va_end(arguments);
        if (rest >= 0 && static_cast<std::size_t>(rest) < room)
            return true;
    }
    errno = ENAMETOOLONG;
    return false;
}

bool read_text(const char* path, char* text, std::size_t size) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t length = read(fd, text, size - 1);
    const int saved_errno = errno;
    close(fd);
    errno = saved_errno;
    if (length < 0)
        return false;
    text[length] = '\0';
    if (length > 0 && text[length - 1] == '\n')
        text[length - 1] = '\0';
    return true;
}

bool read_number(const char* path, std::uint64_t* number) {
    char text[32];
    if (!read_text(path, text, sizeof text))
        return false;
    char* end = nullptr;
    const int saved_errno = errno;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 0);
    if (errno != 0 || end == text || *end != '\0') {
        errno = EBADMSG;
        return false;
    }
    errno = saved_errno;
    *number = value;
    return true;
}

}  // namespace terrace::persist
