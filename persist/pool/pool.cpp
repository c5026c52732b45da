// Creating, opening and closing pools. See pool.hpp.
// Creating: the file is laid out and synced first, the superblock comes last, so that a crash leaves a file
// that is no pool. Opening: everything that can be refused is refused before the first write.
#include "persist/pool/pool.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#include "persist/pool/error_message.hpp"
#include "persist/pool/mapping.hpp"
#include "persist/pool/pmem_stores.hpp"
#include "persist/pool/recovery.hpp"
#include "persist/pool/registry.hpp"
#include "persist/pool/root_page.hpp"
#include "persist/pool/superblock.hpp"
#include "src/files.hpp"
#include "src/log.hpp"

namespace terrace::persist {
namespace {

int lock_file(int file, const char* path) {
    if (flock(file, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return fail(EWOULDBLOCK, "%s: already open, here or in another process", path);
    return fail(errno, "%s: cannot be locked: %s", path, strerror(errno));
}

int write_zeros(int file, uint64_t offset, uint64_t bytes) {
    alignas(kPageBytes) static const char zeros[64 << 10] = {};
    while (bytes > 0) {
        const uint64_t part = std::min<uint64_t>(bytes, sizeof zeros);
        if (int error = medium::write_file(file, zeros, part, offset))
            return error;
        offset += part;
        bytes -= part;
    }
    return 0;
}

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
    if (int error = write_zeros(file, 0, log_end))
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

// After recovery: the regions that the file has.
int find_regions(int file, const char* path, const Superblock& superblock, Regions& regions) {
    struct stat status;
    if (fstat(file, &status) != 0)
        return fail(errno, "%s: %s", path, strerror(errno));
    RootPage page;
    if (int error = medium::read_file(file, &page, sizeof page, kRootOffset))
        return fail(error, "%s: the root page cannot be read: %s", path, strerror(error));
    if (int error = judge_root_page(path, page, superblock, static_cast<uint64_t>(status.st_size)))
        return error;
    const bool is_consistent =
        regions.start(superblock.log_offset + superblock.log_bytes, page.region_end, page.region_count);
    return is_consistent ? 0 : fail(EINVAL, "%s: damaged regions", path);
}

Pool* start_pool(int file, const char* path, const Superblock& superblock, uint64_t last_sequence) {
    if (pool_with_identity(superblock.identity_low) != nullptr) {
        fail(EINVAL, "%s: a pool with the same identity is open: this is a copy of it", path);
        return nullptr;
    }
    uint64_t pool_bytes;
    {
        Regions regions;
        if (find_regions(file, path, superblock, regions) != 0)
            return nullptr;
        pool_bytes = regions.end();
    }
    Mapping mapping;
    if (map_pool_file(file, path, pool_bytes, mapping) != 0)
        return nullptr;
    Pool* pool = new (mapping.base - kPoolStructBytes) Pool{};
    pool->superblock = superblock;
    pool->media.base = mapping.base;
    pool->media.home = mapping.home;
    pool->media.metadata = mapping.home != nullptr ? mapping.home : mapping.base;
    pool->media.file = file;
    pool->media.granularity = mapping.granularity;
    pool->media.superblock = &pool->superblock;
    pool->mapping = mapping;
    int error = find_regions(file, path, superblock, pool->media.regions);
    if (getrandom(&pool->run_id, sizeof pool->run_id, 0) != sizeof pool->run_id)
        pool->run_id = reinterpret_cast<uintptr_t>(pool) ^ static_cast<uint64_t>(getpid()) << 32;
    pool->run_id = (pool->run_id | 4) & ~1ull;
    if (error != 0)
        ;  // somebody changes the file under our hands
    else if (mapping.granularity == Granularity::kCacheLine)
        error = pool->lanes.start(pool->media, last_sequence) ? 0 : ENOMEM;
    else
        error = pool->pages.start(pool->media, last_sequence);
    const bool has_heap = pool->heap.start(
        pool->media, mapping.most_bytes(),
        [](void* context, RecordBuilder& record) {
            return commit_record(*static_cast<Pool*>(context), record);
        },
        pool);
    if (error != 0 || !has_heap || !register_pool(*pool)) {
        fail(error == 0 && has_heap ? EMFILE : ENOMEM, "%s: %s", path,
             error == 0 && has_heap ? "too many pools are open" : "no memory to open the pool");
        pool->pages.stop();
        pool->lanes.stop();
        if (has_heap)
            pool->heap.stop();
        unmap_pool_file(mapping);
        return nullptr;
    }
    log_info("%s: %llu bytes, %s granularity", path, static_cast<unsigned long long>(pool_bytes),
             mapping.granularity == Granularity::kCacheLine ? "cache line" : "page");
    return pool;
}

// A file that exists, is long enough and begins with zeros may become a pool (size 0 given).
int adopt_existing(int file, const char* path, uint64_t& bytes) {
    struct stat status;
    if (fstat(file, &status) != 0)
        return fail(errno, "%s: %s", path, strerror(errno));
    bytes = static_cast<uint64_t>(status.st_size) / kPageBytes * kPageBytes;
    if (!S_ISREG(status.st_mode) || bytes < kSmallestPool)
        return fail(EINVAL, "%s: size 0 was given, and this is no file of at least %llu bytes", path,
                    static_cast<unsigned long long>(kSmallestPool));
    char head[kPageBytes];
    if (int error = medium::read_file(file, head, sizeof head, 0))
        return fail(error, "%s: %s", path, strerror(error));
    for (char byte : head) {
        if (byte != 0)
            return fail(EEXIST, "%s: does not begin with zeros, so it is not overwritten", path);
    }
    return 0;
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
    if (is_new && (bytes < kSmallestPool || bytes > INT64_MAX / 2)) {
        fail(EINVAL, "%s: a pool of %llu bytes was asked for; the smallest has %llu", path,
             static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(kSmallestPool));
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
    int error = lock_file(file, path);
    if (error == 0 && !is_new)
        error = adopt_existing(file, path, bytes);
    bytes = bytes / kPageBytes * kPageBytes;
    if (error == 0 && bytes / kPageBytes >= UINT32_MAX)
        error = fail(EINVAL, "%s: a pool of %llu bytes was asked for; the largest has 16 TiB", path,
                     static_cast<unsigned long long>(bytes));
    if (error == 0) {
        error = reserve_file_blocks(file, 0, bytes);
        if (error == 0) {
            plan_superblock(superblock, bytes, layout);
            error = lay_out(file, superblock);
        }
        if (error != 0)
            fail(error, "%s: cannot be given %llu bytes: %s", path, static_cast<unsigned long long>(bytes),
                 strerror(error));
    }
    Pool* pool = error == 0 ? start_pool(file, path, superblock, 0) : nullptr;
    if (pool == nullptr) {
        error = errno;
        if (is_new)
            unlink(path);
        close(file);
        errno = error;
        return nullptr;
    }
    sync_directory_of(path);
    return pool;
}

Pool* open_pool(const char* path, const char* layout) {
    const TellLibpmemAtTheEnd tell;
    LockGuard guard(registry_lock());
    const int file = move_descriptor_up(open(path, O_RDWR | O_CLOEXEC));
    if (file < 0) {
        fail(errno, "%s: cannot be opened: %s", path, strerror(errno));
        return nullptr;
    }
    Superblock superblock;
    uint64_t last_sequence = 0;
    bool repair = false;
    Pool* pool = nullptr;
    if (lock_file(file, path) == 0 && read_superblock(file, path, layout, superblock, repair) == 0 &&
        recover_file(file, path, superblock, last_sequence) == 0) {
        if (repair) {
            log_error("%s: one copy of the superblock was damaged and is written again from the other", path);
            if (int error = write_superblocks(file, superblock))
                fail(error, "%s: the superblock cannot be repaired: %s", path, strerror(error));
        }
        pool = start_pool(file, path, superblock, last_sequence);
    }
    if (pool == nullptr) {
        const int error = errno;
        close(file);
        errno = error;
    }
    return pool;
}

namespace {

// A store that was never persisted survives a clean close, as it would in a shared mapping.
int write_back(void* context, uint64_t offset, uint64_t bytes) {
    Pool& pool = *static_cast<Pool*>(context);
    char image[kPageBytes];
    for (uint64_t at = offset; at < offset + bytes; at += kPageBytes) {
        const char* copy = pool.media.base + at;
        if (pool.media.home != nullptr) {
            if (memcmp(copy, pool.media.home + at, kPageBytes) != 0)
                medium::store_and_flush(pool.media.home + at, copy, kPageBytes);
            continue;
        }
        if (int error = medium::read_file(pool.media.file, image, kPageBytes, at))
            return error;
        if (memcmp(copy, image, kPageBytes) == 0)
            continue;
        if (int error = medium::write_file(pool.media.file, copy, kPageBytes, at))
            return error;
    }
    return 0;
}

int settle(Pool& pool) {
    if (int error = checkpoint(pool))
        return error;
    if (int error = visit_written_pages(pool.mapping, write_back, &pool))
        return error;
    if (pool.media.granularity == Granularity::kCacheLine) {
        medium::fence();
        pool.lanes.close_log();
        return 0;
    }
    if (int error = medium::sync_file(pool.media.file))
        return error;
    return pool.pages.close_log();
}

}  // namespace

void close_pool(Pool& pool) {
    const TellLibpmemAtTheEnd tell;
    LockGuard guard(registry_lock());
    const bool is_ours = !pool.frozen.load(std::memory_order_relaxed);
    unregister_pool(pool);
    if (is_ours) {
        if (int error = settle(pool))
            log_error("closing a pool: %s; what was committed is in its log", strerror(error));
    }
    pool.pages.stop();
    pool.lanes.stop();
    pool.heap.stop();
    const int file = pool.media.file;
    Mapping mapping = pool.mapping;
    if (!is_ours)
        mapping.home = nullptr;
    unmap_pool_file(mapping);
    if (file >= 0) {
        flock(file, LOCK_UN);  // at once, even if a forked child still holds the description
        close(file);
    }
}

}  // namespace terrace::persist
