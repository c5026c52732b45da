#include "persist/pmem2/source.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <bit>

#include "persist/flush/device_dax.hpp"
#include "persist/pmem2/result.hpp"

using namespace terrace::persist;

namespace terrace::persist {

std::size_t page_size() {
    return static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

namespace {

const char* type_of(const struct stat& file) {
    return S_ISDIR(file.st_mode)    ? "a directory"
           : S_ISBLK(file.st_mode)  ? "a block device"
           : S_ISCHR(file.st_mode)  ? "a character device that is no device DAX"
           : S_ISFIFO(file.st_mode) ? "a pipe"
           : S_ISSOCK(file.st_mode) ? "a socket"
                                    : "no regular file";
}

int describe(int fd, pmem2_source* source) {
    const int flags = fd >= 0 ? fcntl(fd, F_GETFL) : -1;
    if (flags < 0)
        return fail(PMEM2_E_INVALID_FILE_HANDLE, "pmem2_source_from_fd: fd %d is not open", fd);
    if ((flags & O_ACCMODE) == O_WRONLY)
        return fail(PMEM2_E_INVALID_FILE_HANDLE, "pmem2_source_from_fd: fd %d is open for writing only", fd);
    if (fstat(fd, &source->file) != 0)
        return fail_with_errno("pmem2_source_from_fd: cannot ask what fd %d is", fd);
    if (S_ISREG(source->file.st_mode))
        source->kind = pmem2_source::kFile;
    else if (is_device_dax(source->file))
        source->kind = pmem2_source::kDeviceDax;
    else
        return fail(PMEM2_E_INVALID_FILE_TYPE, "pmem2_source_from_fd: fd %d is %s", fd,
                    type_of(source->file));
    source->fd = fd;
    source->is_writable = (flags & O_ACCMODE) == O_RDWR;
    return 0;
}

int keep(const pmem2_source& description, pmem2_source** src, const char* function) {
    pmem2_source* const source = static_cast<pmem2_source*>(malloc(sizeof(pmem2_source)));
    if (source == nullptr)
        return fail(-ENOMEM, "%s: no memory for the source", function);
    *source = description;
    *src = source;
    return 0;
}

}  // namespace
}  // namespace terrace::persist

int pmem2_source_from_fd(struct pmem2_source** src, int fd) {
    if (src == nullptr)
        return fail(-EINVAL, "pmem2_source_from_fd: src is NULL");
    *src = nullptr;
    pmem2_source description;
    const int result = describe(fd, &description);
    return result != 0 ? result : keep(description, src, "pmem2_source_from_fd");
}

int pmem2_source_from_anon(struct pmem2_source** src, size_t size) {
    if (src == nullptr)
        return fail(-EINVAL, "pmem2_source_from_anon: src is NULL");
    *src = nullptr;
    pmem2_source description;
    description.size = size;
    return keep(description, src, "pmem2_source_from_anon");
}

int pmem2_source_delete(struct pmem2_source** src) {
    if (src != nullptr) {
        free(*src);
        *src = nullptr;
    }
    return 0;
}

int pmem2_source_get_fd(const struct pmem2_source* src, int* fd) {
    if (src == nullptr || fd == nullptr)
        return fail(-EINVAL, "pmem2_source_get_fd: %s is NULL", src == nullptr ? "src" : "fd");
    if (src->kind == pmem2_source::kAnonymous)
        return fail(PMEM2_E_FILE_DESCRIPTOR_NOT_SET,
                    "pmem2_source_get_fd: the source is anonymous memory, which has no file descriptor");
    *fd = src->fd;
    return 0;
}

int pmem2_source_size(const struct pmem2_source* src, size_t* size) {
    if (src == nullptr || size == nullptr)
        return fail(-EINVAL, "pmem2_source_size: %s is NULL", src == nullptr ? "src" : "size");
    switch (src->kind) {
        case pmem2_source::kAnonymous:
            *size = src->size;
            return 0;
        case pmem2_source::kFile: {
            struct stat now;
            if (fstat(src->fd, &now) != 0)
                return fail_with_errno("pmem2_source_size: cannot ask for the size of fd %d", src->fd);
            *size = static_cast<size_t>(now.st_size);
            return 0;
        }
        case pmem2_source::kDeviceDax:
            break;
    }
    size_t bytes = 0;
    if (device_dax_size(src->file, &bytes)) {
        *size = bytes;
        return 0;
    }
    if (errno == EBADMSG)
        return fail(PMEM2_E_INVALID_SIZE_FORMAT,
                    "pmem2_source_size: what /sys says of the size of the device, fd %d, is no number",
                    src->fd);
    return fail_with_errno("pmem2_source_size: cannot read the size of the device, fd %d, in /sys", src->fd);
}

int pmem2_source_alignment(const struct pmem2_source* src, size_t* alignment) {
    if (src == nullptr || alignment == nullptr)
        return fail(-EINVAL, "pmem2_source_alignment: %s is NULL", src == nullptr ? "src" : "alignment");
    size_t bytes = page_size();
    if (src->kind == pmem2_source::kDeviceDax && !device_dax_alignment(src->file, &bytes)) {
        if (errno == EBADMSG)
            return fail(
                PMEM2_E_INVALID_ALIGNMENT_FORMAT,
                "pmem2_source_alignment: what /sys says of the alignment of the device, fd %d, is no number",
                src->fd);
        return fail_with_errno(
            "pmem2_source_alignment: cannot read the alignment of the device, fd %d, in /sys", src->fd);
    }
    if (!std::has_single_bit(bytes))
        return fail(
            PMEM2_E_INVALID_ALIGNMENT_VALUE,
            "pmem2_source_alignment: the alignment of the device, fd %d, is %zu, which is no power of two",
            src->fd, bytes);
    *alignment = bytes;
    return 0;
}
