// Making a pool, see create_pool in pool.hpp. The file is laid out and synced first, the superblock comes last, so that a
// crash leaves a file that is no pool.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

#include "persist/pool/ctl_settings.hpp"
#include "persist/pool/device_file.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/format/superblock.hpp"
#include "persist/pool/pmem_stores.hpp"
#include "persist/pool/pool_start.hpp"
#include "persist/pool/registry.hpp"
#include "persist/pool/root_page.hpp"
#include "src/files.hpp"

namespace terrace::persist {
namespace {

// A name that a crash may not forget.
void sync_directory_of(const char* path) {
    char directory[4096];
    const char* slash = strrchr(path, '/');
    const auto length = slash == nullptr ? 0 : static_cast<size_t>(slash - path);
    if (length >= sizeof directory)
        return;
    memcpy(directory, path, length);
    directory[length] = 0;
    const char* name = slash == nullptr ? "." : length == 0 ? "/" : directory;
    const int file = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return;
    fsync(file);
    close(file);
}

// The log is really written, not only reserved: a later fdatasync then has no metadata to write. Page descriptors are
// formatted when their segment is first used, so that a large pool is made as quickly as a small one.
int lay_out(int file, Superblock& superblock) {
    const uint64_t log_end = superblock.log_offset + superblock.log_bytes;
    if (int error = medium::write_zeros(file, log_end, 0))
        return error;
    const WatermarkSlot slot = make_watermark(0, superblock.log_seed);
    for (uint64_t offset : kWatermarkOffset) {
        if (int error = medium::write_file(file, &slot, sizeof slot, offset))
            return error;
    }
    const RootPage page = first_root_page(superblock);
    if (int error = medium::write_file(file, &page, sizeof page, kRootOffset))
        return error;
    Region region;
    if (!plan_region(log_end, superblock.created_bytes, 0, region))
        return EINVAL;
    if (int error = write_segment_table(file, region, superblock.log_seed))
        return error;
    if (int error = medium::sync_file(file))
        return error;
    return write_superblocks(file, superblock);
}

// A file that exists, is long enough and begins with zeros may become a pool (size 0 given).
int adopt_existing(int file, const char* path, uint64_t& bytes) {
    if (pool_file_bytes(file, bytes) != 0 || bytes < kSmallestPool)
        return fail(EINVAL, "%s: size 0 was given, and this is no file or DAX device of at least %llu bytes",
                    path, static_cast<unsigned long long>(kSmallestPool));
    bytes = bytes / kPageBytes * kPageBytes;
    if (int error = attach_device(file, path, true))
        return error;
    char head[kPageBytes];
    if (int error = medium::read_file(file, head, sizeof head, 0))
        return fail(error, "%s: %s", path, strerror(error));
    for (char byte : head) {
        if (byte != 0)
            return fail(EEXIST, "%s: does not begin with zeros, so it is not overwritten", path);
    }
    return 0;
}

// A sparse file if the program wants one; a later commit may then find the file system full.
int set_aside(int file, uint64_t bytes) {
    if (is_device_file(file))
        return 0;
    if (fallocate_at_create())
        return reserve_file_blocks(file, 0, bytes);
    return ftruncate(file, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
}

bool is_too_large(uint64_t bytes) {
    return bytes / kPageBytes >= UINT32_MAX;
}
int refuse_size(const char* path, uint64_t bytes) {
    return fail(EINVAL, "%s: a pool of %llu bytes was asked for; the largest has 16 TiB", path,
                static_cast<unsigned long long>(bytes));
}

}  // namespace

Pool* create_pool(const char* path, const char* layout, uint64_t bytes, mode_t mode) {
    const TellLibpmemAtTheEnd tell;
    LockGuard guard(registry_lock());
    if (layout == nullptr)
        layout = "";
    if (strlen(layout) >= kLongestLayout) {
        fail(EINVAL, "%s: the layout name has %zu characters; at most %zu are allowed", path, strlen(layout),
             kLongestLayout - 1);
        return nullptr;
    }
    const bool is_new = bytes != 0;
    if (is_new && bytes < kSmallestPool) {
        fail(EINVAL, "%s: a pool of %llu bytes was asked for; the smallest has %llu", path,
             static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(kSmallestPool));
        return nullptr;
    }
    if (is_new && is_too_large(bytes)) {
        refuse_size(path, bytes);
        return nullptr;
    }
    const int opened = open(path, (is_new ? O_CREAT | O_EXCL : 0) | O_RDWR | O_CLOEXEC, mode);
    const int file = move_descriptor_up(opened);
    if (file < 0 && opened >= 0 && is_new)
        unlink(path);
    if (file < 0) {
        fail(errno, "%s: cannot be created: %s", path, strerror(errno));
        return nullptr;
    }
    Superblock superblock;
    int error = lock_file({file, path, Access::kReadWrite});
    if (error == 0 && !is_new)
        error = adopt_existing(file, path, bytes);
    if (error == 0 && is_too_large(bytes))
        error = refuse_size(path, bytes);
    // The file is as long as was asked for, the pool as many whole pages of it.
    const uint64_t asked_bytes = bytes;
    bytes = bytes / kPageBytes * kPageBytes;
    if (error == 0) {
        error = set_aside(file, asked_bytes);
        if (error == 0) {
            plan_superblock(superblock, bytes, layout);
            error = lay_out(file, superblock);
        }
        if (error != 0)
            fail(error, "%s: cannot be given %llu bytes: %s", path, static_cast<unsigned long long>(bytes),
                 strerror(error));
    }
    Pool* pool = error == 0 ? start_pool({file, path, Access::kReadWrite}, superblock, 0) : nullptr;
    if (pool == nullptr) {
        error = errno;
        if (is_new)
            unlink(path);
        detach_device(file);
        close(file);
        errno = error;
        return nullptr;
    }
    sync_directory_of(path);
    return pool;
}

}  // namespace terrace::persist
