// Opening and closing pools. See pool.hpp.
// Everything that can be refused is refused before the first write. A pool that is opened for reading only, or
// copy-on-write, is recovered in private memory: its file is never written.
#include "persist/pool/pool.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <new>

#include "persist/pool/device_file.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/format/superblock.hpp"
#include "persist/pool/identity.hpp"
#include "persist/pool/log/recovery.hpp"
#include "persist/pool/pmem_stores.hpp"
#include "persist/pool/pool_start.hpp"
#include "persist/pool/registry.hpp"
#include "persist/pool/working_copy/mapping.hpp"
#include "persist/pool/working_copy/memory_limit.hpp"
#include "src/files.hpp"
#include "src/log.hpp"

namespace terrace::persist {

int lock_file(const OpenedFile& opened) {
    const int how = opened.access == Access::kReadWrite ? LOCK_EX : LOCK_SH;
    if (flock(opened.file, how | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return fail(EWOULDBLOCK, "%s: already open, here or in another process", opened.path);
    return fail(errno, "%s: cannot be locked: %s", opened.path, strerror(errno));
}

namespace {

int identify_file(const OpenedFile& opened, PoolHome& media) {
    struct stat status;
    if (fstat(opened.file, &status) != 0)
        return fail(errno, "%s: %s", opened.path, strerror(errno));
    media.file = opened.file;
    media.device = status.st_dev;
    media.inode = status.st_ino;
    return 0;
}

int file_bytes_of(const OpenedFile& opened, uint64_t& bytes) {
    if (int error = pool_file_bytes(opened.file, bytes))
        return fail(error, "%s: %s", opened.path, strerror(error));
    bytes = bytes / kPageBytes * kPageBytes;
    return 0;
}

// The regions that a recovered root page tells.
int find_regions(const OpenedFile& opened, const RootPage& page, const Superblock& superblock,
                 Regions& regions) {
    uint64_t file_bytes = 0;
    if (int error = file_bytes_of(opened, file_bytes))
        return error;
    return judge_root_page(opened.path, page, superblock, file_bytes, regions);
}

int read_regions(const OpenedFile& opened, const Superblock& superblock, Regions& regions) {
    RootPage page;
    if (int error = medium::read_file(opened.file, &page, sizeof page, kRootOffset))
        return fail(error, "%s: the root page cannot be read: %s", opened.path, strerror(error));
    return find_regions(opened, page, superblock, regions);
}

// Recovery for a pool whose file is not to be changed.
int replay_in_memory(const OpenedFile& opened, const Superblock& superblock, char* base) {
    Watermark watermark;
    if (int error = read_watermark(opened.file, opened.path, superblock.log_seed, watermark))
        return error;
    if (watermark.log_is_empty)
        return 0;
    LogScan scan;
    int error = scan.read(opened.file, opened.path, superblock, watermark.sequence);
    MemoryPatcher patcher{base, superblock.log_seed};
    if (error == 0 && (error = scan.replay(patcher)) != 0)
        fail(error, "%s: the log cannot be read: %s", opened.path, strerror(error));
    scan.release();
    return error;
}

// REQUIRES: the pool has a file, a superblock and its regions.
int start_log_and_heap(Pool& pool, uint64_t last_sequence) {
    int error = 0;
    if (pool.access != Access::kReadWrite)
        ;  // nothing is ever written
    else if (pool.media.granularity == Granularity::kCacheLine)
        error = pool.lanes.start(pool.media, last_sequence) ? 0 : ENOMEM;
    else
        error = pool.pages.start(pool.media, last_sequence);
    if (error != 0)
        return error;
    const bool started = pool.heap.start(
        pool.media, pool.mapping.most_bytes(),
        [](void* context, RecordBuilder& record) {
            return commit_record(*static_cast<Pool*>(context), record);
        },
        [](void* context, uint64_t bytes, uint64_t seen_bytes) {
            return grow_by_itself(*static_cast<Pool*>(context), bytes, seen_bytes);
        },
        &pool);
    return started ? 0 : ENOMEM;
}

void bound_working_copy(Pool& pool, const char* path) {
    if (pool.access != Access::kReadWrite || pool.mapping.is_anonymous)
        return;  // its private pages have no home to go to, or cannot be had from there again
    const auto bring_home = [](void* context) { return checkpoint(*static_cast<Pool*>(context)); };
    pool.working_copy.start({&pool.media, &pool.mapping, bring_home, &pool}, working_copy_limit(), path);
}

void stop(Pool& pool) {
    pool.working_copy.stop();
    pool.pages.stop();
    pool.lanes.stop();
    pool.heap.stop();
}

// The segments of a device that have objects, or may have.
void fill_with_objects(Pool& pool) {
    const Regions& regions = pool.media.regions;
    for (uint64_t number = 0; number < regions.segment_count(); ++number) {
        const Segment segment = regions.segment(number);
        const auto& entry = *reinterpret_cast<const SegmentEntry*>(pool.media.home + segment.entry_offset);
        if (segment_value(entry.covered) == 0 && segment_value(entry.touched) == 0)
            continue;
        const uint64_t begin = segment.first_page * kPageBytes;
        memcpy(pool.media.base + begin, pool.media.home + begin, segment.end_page * kPageBytes - begin);
    }
}

bool is_identity_of_open_pool(uint64_t identity) {
    return pool_with_identity(identity) != nullptr;
}

// Fills in what an open pool knows about its medium. REQUIRES: `regions` are those of a pool that may be written; of one
// that may not they are found here, once its log was replayed.
int start_media(Pool& pool, const OpenedFile& opened, const Superblock& superblock, const Mapping& mapping,
                const Regions& regions) {
    pool.superblock = superblock;
    pool.access = opened.access;
    pool.mapping = mapping;
    pool.media.base = mapping.base;
    pool.media.home = mapping.home;
    pool.media.metadata = mapping.home != nullptr ? mapping.home : mapping.base;
    if (int error = identify_file(opened, pool.media))
        return error;
    pool.media.granularity = mapping.granularity;
    pool.media.superblock = &pool.superblock;
    if (mapping.is_anonymous && (mapping.home == nullptr || opened.access != Access::kReadWrite)) {
        if (int error = medium::read_file(opened.file, mapping.base, mapping.bytes, 0))
            return fail(error, "%s: cannot be read: %s", opened.path, strerror(error));
    }
    if (opened.access == Access::kReadWrite) {
        for (uint32_t i = 0; i < regions.count(); ++i)
            pool.media.regions.add(regions[i]);
        if (mapping.is_anonymous && mapping.home != nullptr)
            fill_with_objects(pool);
        return 0;
    }
    if (int error = replay_in_memory(opened, superblock, mapping.base))
        return error;
    const auto* page = reinterpret_cast<const RootPage*>(mapping.base + kRootOffset);
    if (int error = find_regions(opened, *page, superblock, pool.media.regions))
        return error;
    return tell_apart_in_memory(mapping, opened.file, pool.media.regions, pool.superblock,
                                is_identity_of_open_pool);
}

// A copy of a pool that is open here gets an identity of its own, so that names lead to the right one.
int tell_apart(const OpenedFile& opened, const Regions& regions, Superblock& superblock) {
    if (superblock.former_identity != 0)
        return finish_new_identity(opened.file, opened.path, regions, superblock);
    if (is_identity_of_open_pool(superblock.identity_low))
        return give_new_identity(opened.file, opened.path, regions, superblock);
    return 0;
}

}  // namespace

Pool* start_pool(const OpenedFile& opened, Superblock& superblock, uint64_t last_sequence) {
    uint64_t bytes = 0;
    Regions regions;
    if (opened.access == Access::kReadWrite) {
        if (read_regions(opened, superblock, regions) != 0 || tell_apart(opened, regions, superblock) != 0)
            return nullptr;
        bytes = regions.end();
    } else if (file_bytes_of(opened, bytes) != 0) {
        return nullptr;
    }
    Mapping mapping;
    if (map_pool_file(opened.file, opened.path, bytes, mapping, opened.access == Access::kReadWrite) != 0)
        return nullptr;
    Pool* pool = new (mapping.base - kPoolStructBytes) Pool{};
    int error = start_media(*pool, opened, superblock, mapping, regions);
    if (error != 0) {
        unmap_pool_file(mapping);
        errno = error;
        return nullptr;
    }
    if (getrandom(&pool->run_id, sizeof pool->run_id, 0) != sizeof pool->run_id)
        pool->run_id = reinterpret_cast<uintptr_t>(pool) ^ static_cast<uint64_t>(getpid()) << 32;
    pool->run_id = (pool->run_id | 4) & ~1ull;
    bound_working_copy(*pool, opened.path);
    error = start_log_and_heap(*pool, last_sequence);
    if (error != 0)
        fail(error, "%s: no memory to open the pool", opened.path);
    else if (!register_pool(*pool))
        error = fail(EMFILE, "%s: too many pools are open", opened.path);
    if (error != 0) {
        stop(*pool);
        unmap_pool_file(mapping);
        errno = error;
        return nullptr;
    }
    log_info("%s: %llu bytes, %s granularity", opened.path, static_cast<unsigned long long>(bytes),
             mapping.granularity == Granularity::kCacheLine ? "cache line" : "page");
    return pool;
}

namespace {

int recover(const OpenedFile& opened, Superblock& superblock, bool repair, uint64_t& last_sequence) {
    if (opened.access != Access::kReadWrite)
        return 0;
    if (int error = recover_file(opened.file, opened.path, superblock, last_sequence))
        return error;
    if (!repair)
        return 0;
    log_error("%s: one copy of the superblock was damaged and is written again from the other", opened.path);
    if (int error = write_superblocks(opened.file, superblock))
        return fail(error, "%s: the superblock cannot be repaired: %s", opened.path, strerror(error));
    return 0;
}

}  // namespace

Pool* open_pool(const char* path, const char* layout, Access access) {
    const TellLibpmemAtTheEnd tell;
    LockGuard guard(registry_lock());
    const int flags = (access == Access::kReadWrite ? O_RDWR : O_RDONLY | O_NONBLOCK) | O_CLOEXEC;
    const OpenedFile opened{move_descriptor_up(open(path, flags)), path, access};
    if (opened.file < 0) {
        fail(errno, "%s: cannot be opened: %s", path, strerror(errno));
        return nullptr;
    }
    Superblock superblock;
    uint64_t last_sequence = 0;
    bool repair = false;
    Pool* pool = nullptr;
    if (lock_file(opened) == 0 && attach_device(opened.file, path, access == Access::kReadWrite) == 0 &&
        read_superblock(opened.file, path, layout, superblock, repair) == 0 &&
        recover(opened, superblock, repair, last_sequence) == 0)
        pool = start_pool(opened, superblock, last_sequence);
    if (pool == nullptr) {
        const int error = errno;
        detach_device(opened.file);
        close(opened.file);
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
    if (pool.access != Access::kReadWrite)
        return 0;
    if (int error = pool.media.home == nullptr ? pool.media.check_file() : 0)
        return error;
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
        pool.working_copy.stop();  // settling looks at the pages that are private
        if (int error = settle(pool))
            log_error("closing a pool: %s; what was committed is in its log", strerror(error));
    }
    stop(pool);
    const int file = pool.media.file;
    const bool is_still_its_own = pool.media.check_file() == 0;
    Mapping mapping = pool.mapping;
    if (!is_ours)
        mapping.home = nullptr;
    unmap_pool_file(mapping);
    detach_device(file);
    if (is_still_its_own) {
        flock(file, LOCK_UN);  // at once, even if a forked child still holds the description
        close(file);
    }
}

}  // namespace terrace::persist
