#include "persist/flush/auto_flush.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

namespace terrace::persist {
namespace {

bool is_region(const char* name) {
    return strncmp(name, "region", strlen("region")) == 0;
}

// 1 and 0 as platform_flushes_caches, for one region; -1 with errno.
int region_flushes_caches(int devices_fd, const char* region) {
    char path[sizeof(dirent::d_name) + sizeof "/persistence_domain"];
    snprintf(path, sizeof path, "%s/persistence_domain", region);
    const int fd = openat(devices_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1;  // regions of kernels before 4.18 do not say
    char domain[32];
    const ssize_t length = read(fd, domain, sizeof domain - 1);
    const int read_error = errno;
    close(fd);
    if (length < 0) {
        errno = read_error;
        return -1;
    }
    domain[length] = '\0';
    return strcmp(domain, "cpu_cache\n") == 0 ? 1 : 0;
}

}  // namespace

int platform_flushes_caches(const char* devices) {
    DIR* const directory = opendir(devices);
    if (directory == nullptr)
        return errno == ENOENT ? 0 : -1;
    int answer = 0;
    while (const dirent* const entry = readdir(directory)) {
        if (!is_region(entry->d_name))
            continue;
        answer = region_flushes_caches(dirfd(directory), entry->d_name);
        if (answer != 1)
            break;
    }
    const int saved_errno = errno;
    closedir(directory);
    errno = saved_errno;
    return answer;
}

int platform_flushes_caches() {
    const int saved_errno = errno;
    const int answer = platform_flushes_caches("/sys/bus/nd/devices");
    if (answer >= 0)
        errno = saved_errno;
    return answer;
}

}  // namespace terrace::persist
