#include "persist/flush/device_dax.hpp"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "persist/flush/sysfs.hpp"

namespace terrace::persist {
namespace {

bool device_path(char (&path)[PATH_MAX], const struct stat& device, const char* what) {
    return sysfs_path(path, sizeof path, "dev/char/%u:%u/%s", major(device.st_rdev), minor(device.st_rdev),
                      what);
}

}  // namespace

bool is_device_dax(const struct stat& file) {
    if (!S_ISCHR(file.st_mode))
        return false;
    char path[PATH_MAX];
    char subsystem[PATH_MAX];
    if (!device_path(path, file, "subsystem") || realpath(path, subsystem) == nullptr)
        return false;
    const char* const name = strrchr(subsystem, '/');
    return name != nullptr && strcmp(name, "/dax") == 0;
}

bool device_dax_size(const struct stat& device, std::size_t* size) {
    char path[PATH_MAX];
    return device_path(path, device, "size") && read_number(path, size);
}

bool device_dax_alignment(const struct stat& device, std::size_t* alignment) {
    char path[PATH_MAX];
    if (device_path(path, device, "align") && read_number(path, alignment))
        return true;
    // Kernels before 5.10 tell it of the NVDIMM device that the DAX device belongs to.
    return errno == ENOENT && device_path(path, device, "device/align") && read_number(path, alignment);
}

int region_in_path(const char* path) {
    const char* const region = strstr(path, "/region");
    int number = -1;
    if (region == nullptr || sscanf(region, "/region%d", &number) != 1)
        return -1;
    return number;
}

int device_dax_region(const struct stat& device) {
    // The device's real path goes through its region: …/ndbus0/region3/dax3.1/dax3.0
    char path[PATH_MAX];
    char real[PATH_MAX];
    if (!device_path(path, device, ".") || realpath(path, real) == nullptr)
        return -1;
    const int region = region_in_path(real);
    if (region >= 0)
        return region;
    // Kernels before 5.1: …/class/dax/dax3.0, whose `device` lies in the region.
    if (!device_path(path, device, "device") || realpath(path, real) == nullptr)
        return -1;
    return region_in_path(real);
}

int flush_region(int region) {
    char path[PATH_MAX];
    if (!sysfs_path(path, sizeof path, "bus/nd/devices/region%d/deep_flush", region))
        return -1;
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == EACCES ? 0 : -1;
    const ssize_t written = write(fd, "1", 1);
    const int saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return written == 1 ? 0 : -1;
}

}  // namespace terrace::persist
