#include "persist/flush/device_dax.hpp"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace terrace::persist {
namespace {

constexpr int kLongestPath = 128;

void device_path(char (&path)[kLongestPath], const struct stat& device, const char* what) {
    snprintf(path, sizeof path, "/sys/dev/char/%u:%u/%s", major(device.st_rdev), minor(device.st_rdev), what);
}

}  // namespace

bool is_device_dax(const struct stat& file) {
    if (!S_ISCHR(file.st_mode))
        return false;
    char path[kLongestPath];
    device_path(path, file, "subsystem");
    char subsystem[PATH_MAX];
    if (realpath(path, subsystem) == nullptr)
        return false;
    const char* const name = strrchr(subsystem, '/');
    return name != nullptr && strcmp(name, "/dax") == 0;
}

std::size_t device_dax_size(const struct stat& device) {
    char path[kLongestPath];
    device_path(path, device, "size");
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    char text[32];
    const ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    return strtoull(text, nullptr, 0);
}

int device_dax_region(const struct stat& device) {
    // The device's real path goes through its region: …/ndbus0/region3/dax3.1/dax/dax3.1
    char path[kLongestPath];
    device_path(path, device, "device");
    char real[PATH_MAX];
    if (realpath(path, real) == nullptr)
        return -1;
    const char* const region = strstr(real, "/region");
    int number = -1;
    if (region == nullptr || sscanf(region, "/region%d", &number) != 1)
        return -1;
    return number;
}

int flush_region(int region) {
    char path[kLongestPath];
    snprintf(path, sizeof path, "/sys/bus/nd/devices/region%d/deep_flush", region);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    const ssize_t written = write(fd, "1", 1);
    const int saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return written == 1 ? 0 : -1;
}

}  // namespace terrace::persist
