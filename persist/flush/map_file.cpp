#include "persist/flush/map_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <libpmem.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>

#include "persist/flush/device_dax.hpp"
#include "persist/flush/error_message.hpp"
#include "persist/flush/map_hint.hpp"
#include "persist/flush/map_sync.hpp"
#include "persist/flush/ranges.hpp"

namespace terrace::persist {
namespace {

constexpr int kKnownFlags = PMEM_FILE_CREATE | PMEM_FILE_EXCL | PMEM_FILE_SPARSE | PMEM_FILE_TMPFILE;
constexpr int kDeviceFlags = PMEM_FILE_CREATE | PMEM_FILE_SPARSE;

// Closes on every way out, and keeps errno.
class File {
  public:
    explicit File(int fd) : fd_(fd) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        const int saved_errno = errno;
        if (fd_ >= 0)
            close(fd_);
        errno = saved_errno;
    }
    int fd() const { return fd_; }

  private:
    int fd_;
};

bool flags_are_valid(const char* path, std::size_t length, int flags) {
    if (path == nullptr) {
        set_error(EINVAL, "pmem_map_file: the path is NULL");
    } else if ((flags & ~kKnownFlags) != 0) {
        set_error(EINVAL, "pmem_map_file: unknown flags 0x%x", static_cast<unsigned>(flags & ~kKnownFlags));
    } else if ((flags & PMEM_FILE_CREATE) == 0 && (flags & PMEM_FILE_TMPFILE) != 0) {
        set_error(EINVAL, "pmem_map_file: flags 0x%x: PMEM_FILE_TMPFILE needs PMEM_FILE_CREATE",
                  static_cast<unsigned>(flags));
    } else if ((flags & PMEM_FILE_CREATE) == 0 && length != 0) {
        set_error(EINVAL, "pmem_map_file: the length must be 0 without PMEM_FILE_CREATE, it is %zu", length);
    } else if ((flags & PMEM_FILE_CREATE) != 0 && length == 0) {
        set_error(EINVAL, "pmem_map_file: flags 0x%x: PMEM_FILE_CREATE needs a length, it is 0",
                  static_cast<unsigned>(flags));
    } else if (length > static_cast<std::size_t>(LLONG_MAX)) {
        set_error(EINVAL, "pmem_map_file: %zu bytes are more than a file can have", length);
    } else {
        return true;
    }
    return false;
}

int open_temporary(const char* directory, int flags) {
    const int exclusive = (flags & PMEM_FILE_EXCL) != 0 ? O_EXCL : 0;
    const int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC | exclusive, 0600);
    if (fd >= 0 || errno != EOPNOTSUPP)
        return fd;
    // A file system without O_TMPFILE: a name for a moment.
    char name[PATH_MAX];
    if (snprintf(name, sizeof name, "%s/pmem.XXXXXX", directory) >= static_cast<int>(sizeof name)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    const int named = mkostemp(name, O_CLOEXEC);
    if (named >= 0)
        unlink(name);
    return named;
}

// A file, and what a failure has to undo.
struct Opened {
    int fd = -1;
    bool is_new = false;  // it has a name that was not there before
    off_t earlier_length = 0;
};

// Opens or creates. Whether it creates is known for certain, so that a failure later on takes away what it
// made and nothing else.
Opened open_file(const char* path, int flags, mode_t mode) {
    if ((flags & PMEM_FILE_TMPFILE) != 0)
        return {open_temporary(path, flags)};
    constexpr int kAlways = O_RDWR | O_CLOEXEC;
    if ((flags & PMEM_FILE_CREATE) == 0)
        return {open(path, kAlways | ((flags & PMEM_FILE_EXCL) != 0 ? O_EXCL : 0))};
    const int made = open(path, kAlways | O_CREAT | O_EXCL, mode);
    if (made >= 0)
        return {made, true};
    if (errno != EEXIST || (flags & PMEM_FILE_EXCL) != 0)
        return {};
    // There is one, or a symbolic link to one that is not there yet.
    const int fd = open(path, kAlways | O_CREAT, mode);
    struct stat file = {};
    if (fd >= 0 && fstat(fd, &file) != 0) {
        const int saved_errno = errno;
        close(fd);
        errno = saved_errno;
        return {};
    }
    return {fd, false, file.st_size};
}

// A create that failed leaves no partial file: a new one goes, another has its length back.
void undo(const Opened& opened, const char* path, std::size_t length) {
    const int saved_errno = errno;
    if (opened.is_new)
        unlink(path);
    else if (opened.earlier_length < static_cast<off_t>(length))
        (void)!ftruncate(opened.fd, opened.earlier_length);
    errno = saved_errno;
}

// Gives the file its length, with its blocks unless it may be sparse. Returns 0 or an errno value.
int set_length(int fd, std::size_t length, int flags) {
    if (ftruncate(fd, static_cast<off_t>(length)) != 0)
        return errno;
    if ((flags & PMEM_FILE_SPARSE) != 0)
        return 0;
    int error = 0;
    do
        error = posix_fallocate(fd, 0, static_cast<off_t>(length));
    while (error == EINTR);
    return error;
}

Mapping map_open_file(int fd, const char* path, std::size_t length, const DurableRange& facts,
                      bool is_device) {
    bool is_synchronous = false;
    void* const address =
        map_with_sync({.fd = fd, .length = length, .at = address_hint(length)}, &is_synchronous);
    if (address == MAP_FAILED) {
        set_error_with_reason(errno, "pmem_map_file: cannot map %zu bytes of '%s'", length, path);
        return {};
    }
    if (is_synchronous || is_device) {
        DurableRange range = facts;
        range.begin = reinterpret_cast<std::uintptr_t>(address);
        range.end = range.begin + length;
        if (!remember_durable_range(range)) {
            munmap(address, length);
            set_error(ENOMEM, "pmem_map_file: no memory to keep track of '%s'", path);
            return {};
        }
    }
    return {address, length};
}

Mapping map_device(const char* path, const struct stat& device, std::size_t length, int flags) {
    if ((flags & ~kDeviceFlags) != 0) {
        set_error(EINVAL, "pmem_map_file: '%s' is a device DAX, which is neither exclusive nor temporary",
                  path);
        return {};
    }
    std::size_t size = 0;
    if (!device_dax_size(device, &size) || size == 0 || (length != 0 && length != size)) {
        set_error(EINVAL, "pmem_map_file: the length of '%s' must be 0 or %zu, it is %zu", path, size,
                  length);
        return {};
    }
    const File file(open(path, O_RDWR | O_CLOEXEC));
    if (file.fd() < 0) {
        set_error_with_reason(errno, "pmem_map_file: cannot open '%s'", path);
        return {};
    }
    return map_open_file(file.fd(), path, size, {0, 0, Medium::kDeviceDax, device_dax_region(device)}, true);
}

}  // namespace

Mapping map_file(const char* path, std::size_t length, int flags, mode_t mode) {
    struct stat before = {};
    const int stat_error = path != nullptr && stat(path, &before) != 0 ? errno : 0;
    if (path != nullptr && stat_error == 0 && is_device_dax(before))
        return map_device(path, before, length, flags);
    if (!flags_are_valid(path, length, flags))
        return {};
    if (stat_error != 0 &&
        stat_error != ENOENT) {  // a loop of links is ELOOP, whether it is to be created or not
        set_error_with_reason(stat_error, "pmem_map_file: cannot open '%s'", path);
        return {};
    }

    const Opened opened = open_file(path, flags, mode);
    const File file(opened.fd);
    if (file.fd() < 0) {
        set_error_with_reason(errno, "pmem_map_file: cannot open '%s'", path);
        return {};
    }
    const bool is_creating = (flags & PMEM_FILE_CREATE) != 0;
    if (is_creating) {
        const int error = set_length(file.fd(), length, flags);
        if (error != 0) {
            undo(opened, path, length);
            set_error_with_reason(error, "pmem_map_file: cannot give '%s' %zu bytes", path, length);
            return {};
        }
    } else {
        struct stat now = {};
        if (fstat(file.fd(), &now) != 0) {
            set_error_with_reason(errno, "pmem_map_file: cannot ask for the size of '%s'", path);
            return {};
        }
        length = static_cast<std::size_t>(now.st_size);
    }
    if (length == 0) {
        set_error(EINVAL, "pmem_map_file: '%s' is 0 bytes long: there is nothing to map", path);
        return {};
    }
    const Mapping mapping =
        map_open_file(file.fd(), path, length, {0, 0, Medium::kFileWithMapSync, -1}, false);
    if (mapping.address == nullptr && is_creating)
        undo(opened, path, length);
    return mapping;
}

int unmap(void* address, std::size_t length) {
    const std::uintptr_t page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(address);
    if (begin % page != 0 || length == 0 || length > UINTPTR_MAX - begin - page) {
        set_error(EINVAL, "pmem_unmap: %p and %zu bytes are no mapping", address, length);
        return -1;
    }
    // Forget first: once unmapped, the addresses may at once be another thread's new mapping.
    const std::uintptr_t end = begin + ((length + page - 1) & ~(page - 1));
    if (!forget_durable_range(begin, end)) {
        set_error(ENOMEM, "pmem_unmap: no memory to split a mapping");
        return -1;
    }
    if (munmap(address, length) != 0) {
        set_error_with_reason(errno, "pmem_unmap: cannot unmap %zu bytes at %p", length, address);
        return -1;
    }
    return 0;
}

}  // namespace terrace::persist
