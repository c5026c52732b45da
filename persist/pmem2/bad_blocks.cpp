// The bad blocks of a source. The kernel keeps a list for a block device and for an NVDIMM region; a file's
// part of it is found by its extents, a device DAX's by where it lies in its region. Thread safety: a
// context has one owner at a time.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/ndctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "persist/flush/sysfs.hpp"
#include "persist/pmem2/bad_ranges.hpp"
#include "persist/pmem2/nvdimm.hpp"
#include "persist/pmem2/public.hpp"
#include "persist/pmem2/result.hpp"

using namespace terrace::persist;

struct pmem2_badblock_context {
    pmem2_source source;
    std::uint64_t size;            // of the source, in bytes
    std::uint64_t device_address;  // physical, of a device DAX
    int bus;                       // of the device DAX's region: /dev/ndctl0
    RangeList list;                // in the source's bytes
    std::size_t next;
};

namespace {

constexpr const char* kNew = "pmem2_badblock_context_new";
constexpr const char* kClear = "pmem2_badblock_clear";

bool number_beside(const char* directory, const char* name, std::uint64_t* number) {
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/%s", directory, name) < static_cast<int>(sizeof path) &&
           read_number(path, number);
}

// ---- files ----

// Of the file system, in bytes.
std::uint64_t block_size(const pmem2_source& source) {
    return source.file.st_blksize > 0 ? static_cast<std::uint64_t>(source.file.st_blksize) : 4096;
}

// The bad blocks of the block device, in bytes of the device or of the partition that the file system is on.
bool bad_blocks_of_block_device(const char* directory, RangeList* list) {
    char path[PATH_MAX];
    ByteRange window{0, UINT64_MAX};
    std::uint64_t partition = 0;
    std::uint64_t first_sector = 0;
    std::uint64_t sectors = 0;
    const bool is_partition = number_beside(directory, "partition", &partition) &&
                              number_beside(directory, "start", &first_sector) &&
                              number_beside(directory, "size", &sectors);
    if (is_partition)  // only the whole device has a list
        window = {first_sector * 512, sectors * 512};
    if (snprintf(path, sizeof path, is_partition ? "%s/../badblocks" : "%s/badblocks", directory) >=
        static_cast<int>(sizeof path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    return read_bad_sectors(path, window, list);
}

// The file's bytes that lie in an extent and are bad, as whole blocks of the file system: that is what can
// be replaced.
bool add_bad_part(const fiemap_extent& extent, const RangeList& device, std::uint64_t block,
                  RangeList* list) {
    for (std::size_t i = 0; i < device.count; ++i) {
        ByteRange part = part_in(device.ranges[i], {extent.fe_physical, extent.fe_length});
        if (part.length == 0)
            continue;
        part.offset += extent.fe_logical;
        if (!list->add(whole_blocks(part, block)))
            return false;
    }
    return true;
}

// Asks the file system where the file's bytes lie, a few extents at a time.
bool bad_blocks_of_file(const pmem2_source& source, std::uint64_t size, const RangeList& device,
                        RangeList* list) {
    constexpr unsigned kAtATime = 32;
    alignas(fiemap) char memory[sizeof(fiemap) + kAtATime * sizeof(fiemap_extent)];
    fiemap* const request = reinterpret_cast<fiemap*>(memory);
    const std::uint64_t block = block_size(source);
    std::uint64_t from = 0;
    bool is_last = size == 0;
    while (!is_last) {
        memset(memory, 0, sizeof memory);
        request->fm_start = from;
        request->fm_length = FIEMAP_MAX_OFFSET - from;
        request->fm_flags = FIEMAP_FLAG_SYNC;
        request->fm_extent_count = kAtATime;
        if (ioctl(source.fd, FS_IOC_FIEMAP, request) != 0)
            return false;
        is_last = request->fm_mapped_extents == 0;
        for (unsigned i = 0; i < request->fm_mapped_extents; ++i) {
            const fiemap_extent& extent = request->fm_extents[i];
            if (!add_bad_part(extent, device, block, list))
                return false;
            from = extent.fe_logical + extent.fe_length;
            is_last = is_last || (extent.fe_flags & FIEMAP_EXTENT_LAST) != 0;
        }
    }
    return true;
}

int read_list_of_file(pmem2_badblock_context* context) {
    DevicePlace place;
    if (!find_device(context->source, &place))
        return 0;  // tmpfs and the like: no device, no bad blocks
    RangeList device;
    int result = 0;
    if (!bad_blocks_of_block_device(place.path, &device))
        result = fail_with_errno("%s: cannot read the bad blocks of %s", kNew, place.path);
    else if (device.count != 0 && !bad_blocks_of_file(context->source, context->size, device, &context->list))
        result = fail_with_errno("%s: cannot ask where the bytes of fd %d lie", kNew, context->source.fd);
    device.free_all();
    return result;
}

// Frees the blocks and takes new ones, zeroed.
int clear_in_file(const pmem2_source& source, off_t offset, off_t length) {
    if (fallocate(source.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length) != 0)
        return fail_with_errno("%s: cannot free the blocks of %lld bytes at offset %lld of fd %d", kClear,
                               static_cast<long long>(length), static_cast<long long>(offset), source.fd);
    if (fallocate(source.fd, FALLOC_FL_KEEP_SIZE, offset, length) != 0)
        return fail_with_errno("%s: cannot allocate blocks for %lld bytes at offset %lld of fd %d", kClear,
                               static_cast<long long>(length), static_cast<long long>(offset), source.fd);
    return 0;
}

// ---- device DAX ----

// Reads where the device's memory begins; kernels differ in whether the device or its parent tells.
bool physical_address(const char* directory, std::uint64_t* address) {
    return number_beside(directory, "resource", address) || number_beside(directory, "../resource", address);
}

int read_list_of_device(pmem2_badblock_context* context) {
    DevicePlace place;
    if (!find_device(context->source, &place) || place.region < 0)
        return fail(PMEM2_E_DAX_REGION_NOT_FOUND,
                    "%s: the device DAX, fd %d, lies on no NVDIMM region that the kernel knows", kNew,
                    context->source.fd);
    std::uint64_t region_address = 0;
    if (!physical_address(place.path, &context->device_address) ||
        !region_number(place.region, "resource", &region_address) || context->device_address < region_address)
        return fail(
            PMEM2_E_CANNOT_READ_BOUNDS,
            "%s: cannot read where the device DAX, fd %d, lies in region %d: %s (resource is root's to read)",
            kNew, context->source.fd, place.region, strerror(errno));
    const char* const bus = strstr(place.path, "/ndbus");
    if (bus == nullptr || sscanf(bus, "/ndbus%d", &context->bus) != 1)
        context->bus = 0;
    char path[PATH_MAX];
    const ByteRange window{context->device_address - region_address, context->size};
    if (!sysfs_path(path, sizeof path, "bus/nd/devices/region%d/badblocks", place.region) ||
        !read_bad_sectors(path, window, &context->list))
        return fail_with_errno("%s: cannot read the bad blocks of region %d", kNew, place.region);
    return 0;
}

// Asks the kernel's NVDIMM bus, as ndctl does.
int clear_in_device(const pmem2_badblock_context& context, std::uint64_t offset, std::uint64_t length) {
    char path[64];
    snprintf(path, sizeof path, "/dev/ndctl%d", context.bus);
    const int bus = open(path, O_RDWR | O_CLOEXEC);
    if (bus < 0)
        return fail_with_errno("%s: cannot open %s", kClear, path);
    nd_cmd_clear_error command = {};
    command.address = context.device_address + offset;
    command.length = length;
    const int result = ioctl(bus, ND_IOCTL_CLEAR_ERROR, &command);
    const int saved_errno = errno;
    close(bus);
    errno = saved_errno;
    if (result < 0)
        return fail_with_errno("%s: the kernel cannot clear %llu bytes at offset %llu of fd %d", kClear,
                               static_cast<unsigned long long>(length),
                               static_cast<unsigned long long>(offset), context.source.fd);
    if (command.status != 0 || command.cleared < length)
        return fail(-ENXIO, "%s: %llu of %llu bytes at offset %llu of fd %d were cleared", kClear,
                    static_cast<unsigned long long>(command.cleared), static_cast<unsigned long long>(length),
                    static_cast<unsigned long long>(offset), context.source.fd);
    return 0;
}

}  // namespace

int pmem2_badblock_context_new(struct pmem2_badblock_context** bbctx, const struct pmem2_source* src) {
    if (bbctx == nullptr)
        return fail(-EINVAL, "%s: bbctx is NULL", kNew);
    *bbctx = nullptr;
    if (src == nullptr)
        return fail(-EINVAL, "%s: src is NULL", kNew);
    if (src->kind == pmem2_source::kAnonymous)
        return fail(PMEM2_E_NOSUPP, "%s: the source is anonymous memory, which is on no device", kNew);
    std::size_t size = 0;
    if (const int result = pmem2_source_size(src, &size); result != 0)
        return result;
    pmem2_badblock_context* const context =
        static_cast<pmem2_badblock_context*>(calloc(1, sizeof(pmem2_badblock_context)));
    if (context == nullptr)
        return fail(-ENOMEM, "%s: no memory for the context", kNew);
    context->source = *src;
    context->size = size;
    const int result =
        src->kind == pmem2_source::kDeviceDax ? read_list_of_device(context) : read_list_of_file(context);
    if (result != 0) {
        const int saved_errno = errno;
        context->list.free_all();
        free(context);
        errno = saved_errno;
        return result;
    }
    context->list.sort_and_merge();
    *bbctx = context;
    return 0;
}

int pmem2_badblock_next(struct pmem2_badblock_context* bbctx, struct pmem2_badblock* bb) {
    if (bbctx == nullptr || bb == nullptr)
        return fail(-EINVAL, "pmem2_badblock_next: %s is NULL", bbctx == nullptr ? "bbctx" : "bb");
    if (bbctx->next == bbctx->list.count)
        return fail(PMEM2_E_NO_BAD_BLOCK_FOUND, "pmem2_badblock_next: there are no more bad blocks in fd %d",
                    bbctx->source.fd);
    const ByteRange& range = bbctx->list.ranges[bbctx->next++];
    bb->offset = range.offset;
    bb->length = range.length;
    return 0;
}

int pmem2_badblock_clear(struct pmem2_badblock_context* bbctx, const struct pmem2_badblock* bb) {
    if (bbctx == nullptr || bb == nullptr)
        return fail(-EINVAL, "%s: %s is NULL", kClear, bbctx == nullptr ? "bbctx" : "bb");
    constexpr std::size_t kMost = static_cast<std::size_t>(INT64_MAX);
    const bool is_device = bbctx->source.kind == pmem2_source::kDeviceDax;
    // A bad block of a file is whole blocks: the last one may reach past the end of the file.
    const std::uint64_t end =
        is_device ? bbctx->size : whole_blocks({0, bbctx->size}, block_size(bbctx->source)).length;
    if (bb->offset > kMost || (bb->length <= kMost && bb->offset >= end))
        return fail(PMEM2_E_OFFSET_OUT_OF_RANGE,
                    "%s: offset %zu is outside of the source, which has %llu bytes", kClear, bb->offset,
                    static_cast<unsigned long long>(bbctx->size));
    if (bb->length > kMost || bb->length > end - bb->offset)
        return fail(PMEM2_E_LENGTH_OUT_OF_RANGE,
                    "%s: %zu bytes at offset %zu reach past the source, which has %llu bytes", kClear,
                    bb->length, bb->offset, static_cast<unsigned long long>(bbctx->size));
    if (is_device)
        return clear_in_device(*bbctx, bb->offset, bb->length);
    return clear_in_file(bbctx->source, static_cast<off_t>(bb->offset), static_cast<off_t>(bb->length));
}

void pmem2_badblock_context_delete(struct pmem2_badblock_context** bbctx) {
    if (bbctx == nullptr || *bbctx == nullptr)
        return;
    (*bbctx)->list.free_all();
    free(*bbctx);
    *bbctx = nullptr;
}
