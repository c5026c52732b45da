#include "kinds/file_source.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <new>

#include "src/check.hpp"
#include "src/files.hpp"
#include "src/log.hpp"
#include "src/own_memory.hpp"

namespace terrace::kinds {
namespace {

// The medium is broken, and not only full or out of reach: what lies on it may be lost.
bool is_broken_medium(int error) {
    switch (error) {
        case EIO:
        case EROFS:  // what a file system does after an error
        case ENXIO:
        case ENOTCONN:
        case ESTALE:
        case ESHUTDOWN:
        case EREMOTEIO:
        case EUCLEAN:
            return true;
        default:
            return false;
    }
}

// The next two work on the mapping, and so also for a file whose descriptor is gone.
bool punch_hole(char* address, std::size_t size) {
    return madvise(address, size, MADV_REMOVE) == 0;
}

bool fill_hole(char* address, std::size_t size) {
    return madvise(address, size, MADV_POPULATE_WRITE) == 0;
}

// Maps a part of a file over `address`, which stays what it was when that fails: some kernels take the old mapping
// away before they ask the file system, so the file is mapped elsewhere and moved. A store of another thread goes
// either to what was there before or to what is there after.
bool map_file(char* address, std::size_t size, int file, std::size_t offset, int sharing) {
    constexpr int kAccess = PROT_READ | PROT_WRITE;
    const off_t start = static_cast<off_t>(offset);
    void* const elsewhere = mmap(nullptr, size, kAccess, sharing | MAP_NORESERVE, file, start);
    if (elsewhere ==
        MAP_FAILED)  // ENOMEM: with little address space (ulimit -v) there may be no room for both
        return errno == ENOMEM &&
               mmap(address, size, kAccess, sharing | MAP_FIXED | MAP_NORESERVE, file, start) != MAP_FAILED;
    if (mremap(elsewhere, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, address) != MAP_FAILED)
        return true;
    const int error = errno;
    munmap(elsewhere, size);
    errno = error;
    return false;
}

// Replaces a mapping by anonymous memory with the same contents. What even the kernel cannot read, a hole that a
// full disk cannot fill or a page of a broken one, has no access afterwards: a page of zeros would be a silent loss.
// A store of another thread during the copy is lost.
bool make_anonymous(char* address, std::size_t size) {
    constexpr std::size_t kPage = 4096;
    char* const memory = static_cast<char*>(map_own_memory(size));
    if (memory == nullptr)
        return false;
    // Puts the pages that were read, or not, in their place.
    const auto replace = [address, memory](std::size_t begin, std::size_t end, bool is_readable) {
        if (begin == end)
            return true;
        if (is_readable)
            return mremap(memory + begin, end - begin, end - begin, MREMAP_MAYMOVE | MREMAP_FIXED,
                          address + begin) != MAP_FAILED;
        return mmap(address + begin, end - begin, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
    };
    std::size_t run = 0;
    bool run_is_readable = true;
    bool is_well = true;
    for (std::size_t at = 0; at < size && is_well; at += kPage) {
        const iovec to = {memory + at, kPage};
        const iovec from = {address + at, kPage};
        bool is_readable = process_vm_readv(getpid(), &to, 1, &from, 1, 0) == static_cast<ssize_t>(kPage);
        if (!is_readable && errno != EFAULT) {  // the call is forbidden here
            memcpy(to.iov_base, from.iov_base, kPage);
            is_readable = true;
        }
        if (is_readable == run_is_readable)
            continue;
        is_well = replace(run, at, run_is_readable);
        run = at;
        run_is_readable = is_readable;
    }
    is_well = is_well && replace(run, size, run_is_readable);
    const int error = errno;
    munmap(memory, size);  // what was not moved
    errno = error;
    return is_well;
}

}  // namespace

std::size_t FileSource::capacity() {
    if (limit_ != SIZE_MAX)
        return limit_;
    struct statvfs system;
    return statvfs(directory_, &system) == 0 ? system.f_blocks * system.f_frsize : 0;
}

FileSource* FileSource::create(const char* directory, std::size_t limit) {
    const std::size_t length = strnlen(directory, PATH_MAX);
    if (length == 0 || length >= PATH_MAX) {
        errno = length == 0 ? ENOENT : ENAMETOOLONG;
        return nullptr;
    }
    void* const memory = map_own_memory(sizeof(FileSource));
    if (memory == nullptr)
        return nullptr;
    FileSource* const source = new (memory) FileSource;
    // Files are made again after each fork, wherever the process has gone by then.
    if (realpath(directory, source->directory_) == nullptr)
        memcpy(source->directory_, directory, length + 1);
    source->limit_ = limit;
    if (!source->open_file()) {
        const int error = errno;
        source->dispose();
        errno = error;
        return nullptr;
    }
    return source;
}

void FileSource::dispose() {
    notice_loss();
    if (file_ >= 0)
        close(file_);
    if (segments_ != nullptr)
        munmap(segments_, segment_room_ * sizeof(Segment));
    munmap(this, sizeof *this);
}

SourceFailure FileSource::failure() const {
    return {failed_at_.load(std::memory_order_relaxed), error_.load(std::memory_order_relaxed),
            is_broken_.load(std::memory_order_relaxed), failures_.load(std::memory_order_relaxed)};
}

bool FileSource::note_failure(const char* what) {
    const int error = errno;
    log_info("a file kind in %s: %s: %s", directory_, what, strerrordesc_np(error));
    error_.store(error, std::memory_order_relaxed);
    failed_at_.store(what, std::memory_order_relaxed);
    failures_.fetch_add(1, std::memory_order_relaxed);
    if (is_broken_medium(error))
        is_broken_.store(true, std::memory_order_relaxed);
    errno = error;
    return false;
}

bool FileSource::open_file() {
    REQUIRES(file_ < 0);
    const int file = move_descriptor_up(open_unnamed_file(directory_));
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0)
        return note_failure("no new file can be made");
    if (device_ != 0 && status.st_dev != device_) {
        close(file);
        errno = ENODEV;
        return note_failure("its directory is on another file system now");
    }
    device_ = status.st_dev;
    inode_ = status.st_ino;
    file_ = file;
    file_end_ = 0;
    return true;
}

bool FileSource::reserve_blocks(std::size_t offset, std::size_t size) {
    const int error = reserve_file_blocks(file_, offset, size);
    if (error == 0)
        return true;
    errno = error;
    return note_failure("its file cannot grow");
}

// Programs close descriptors that are not theirs (closefrom), and open their own files under the same number:
// before each use of ours we look whether it still is. What is mapped stays mapped.
void FileSource::notice_loss() {
    struct stat status;
    if (file_ < 0 || (fstat(file_, &status) == 0 && status.st_dev == device_ && status.st_ino == inode_))
        return;
    log_info("the program closed the file of a kind; a new one takes its place");
    file_ = -1;
    for (std::size_t index = 0; index < segment_count_; ++index)
        if (segments_[index].state == Segment::kShared)
            segments_[index].state = Segment::kLost;
}

bool FileSource::map(char* address, std::size_t size) {
    if (size > limit_ - used_)
        return false;
    if (!map_at_end(address, size))
        return false;
    used_ += size;
    return true;
}

bool FileSource::map_at_end(char* address, std::size_t size) {
    notice_loss();
    if (file_ < 0 && !open_file())
        return false;
    // A record of what is not mapped would have the next fork map it; so the record comes last, and cannot fail.
    bool is_mapped = false;
    if (make_room_for_segment() && reserve_blocks(file_end_, size))
        is_mapped = map_file(address, size, file_, file_end_, MAP_SHARED) ||
                    note_failure("its file cannot be mapped");
    if (!is_mapped) {
        // The kernel may have reserved a part of it.
        [[maybe_unused]] const int result = ftruncate(file_, static_cast<off_t>(file_end_));
        return false;
    }
    [[maybe_unused]] const bool has_room = add_segment({address, size, file_end_, Segment::kShared});
    file_end_ += size;
    return true;
}

bool FileSource::make_room_for_segment() {
    if (segment_count_ < segment_room_)
        return true;
    const std::size_t room = segment_room_ == 0 ? 128 : 2 * segment_room_;
    void* const grown = segments_ == nullptr ? map_own_memory(room * sizeof(Segment))
                                             : mremap(segments_, segment_room_ * sizeof(Segment),
                                                      room * sizeof(Segment), MREMAP_MAYMOVE);
    if (grown == nullptr || grown == MAP_FAILED)
        return false;
    segments_ = static_cast<Segment*>(grown);
    segment_room_ = room;
    return true;
}

bool FileSource::add_segment(Segment segment) {
    if (segment_count_ > 0) {
        Segment& last = segments_[segment_count_ - 1];
        if (last.state == Segment::kShared && segment.state == Segment::kShared &&
            last.address + last.size == segment.address && last.offset + last.size == segment.offset) {
            last.size += segment.size;
            return true;
        }
    }
    if (!make_room_for_segment())
        return false;
    segments_[segment_count_++] = segment;
    return true;
}

// Calls action(index, part_address, part_size) for each segment's part of the range; stops when it returns
// false. The action may change the segment it is given and append others.
template <typename Action>
bool FileSource::for_each_part(char* address, std::size_t size, Action action) {
    const std::size_t count = segment_count_;
    for (std::size_t index = 0; index < count; ++index) {
        const Segment segment = segments_[index];
        char* const begin = address > segment.address ? address : segment.address;
        char* const end =
            address + size < segment.address + segment.size ? address + size : segment.address + segment.size;
        if (begin < end && !action(index, begin, static_cast<std::size_t>(end - begin)))
            return false;
    }
    return true;
}

bool FileSource::decommit(char* address, std::size_t size) {
    const bool punched =
        for_each_part(address, size, [&](std::size_t index, char* part, std::size_t part_size) {
            return segments_[index].state == Segment::kFrozen || punch_hole(part, part_size);
        });
    if (!punched)
        return false;  // this file system cannot; the range stays mapped, what it held is no longer needed
    // A frozen file's blocks are not ours to change: let go of the range; commit() finds it a place in the
    // new file.
    for_each_part(address, size, [&](std::size_t index, char* part, std::size_t part_size) {
        if (segments_[index].state == Segment::kFrozen &&
            mmap(part, part_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
                 0) == part)
            remove_range(index, part, part_size);
        return true;
    });
    used_ -= size;
    return true;
}

// Takes a part out of a segment: what is left before and after it stays.
void FileSource::remove_range(std::size_t index, char* address, std::size_t size) {
    const Segment whole = segments_[index];
    REQUIRES(address >= whole.address && address + size <= whole.address + whole.size);
    const std::size_t before = static_cast<std::size_t>(address - whole.address);
    const std::size_t after = whole.size - before - size;
    segments_[index].size = before;
    if (after != 0 && !add_segment({address + size, after, whole.offset + before + size, whole.state}))
        log_error("out of memory for a file kind's records; %zu bytes of address space stay unused", after);
}

bool FileSource::commit(char* address, std::size_t size) {
    if (size > limit_ - used_)
        return false;
    notice_loss();
    std::size_t present = 0;
    if (!for_each_part(address, size, [&](std::size_t index, char* part, std::size_t part_size) {
            const Segment& segment = segments_[index];
            present += part_size;
            switch (segment.state) {
                case Segment::kShared:
                    return reserve_blocks(segment.offset_of(part), part_size);
                case Segment::kLost:
                    return fill_hole(part, part_size) || note_failure("its file cannot be filled");
                case Segment::kFrozen:  // a hole before the fork, or decommit() could not let go of it
                    // Not memset: a store into a private hole of a full tmpfs is a SIGBUS.
                    return mmap(part, part_size, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == part;
            }
            return false;
        }))
        return false;
    // The rest had been in a frozen file. Find the gaps between the segments, from the left.
    char* at = address;
    while (present < size) {
        char* gap_end = address + size;
        char* covered_to = nullptr;
        for_each_part(at, static_cast<std::size_t>(address + size - at),
                      [&](std::size_t, char* part, std::size_t n) {
                          if (part == at)
                              covered_to = part + n;
                          else if (part < gap_end)
                              gap_end = part;
                          return true;
                      });
        if (covered_to != nullptr) {
            at = covered_to;
            continue;
        }
        const std::size_t gap = static_cast<std::size_t>(gap_end - at);
        if (!map_at_end(at, gap))
            return false;
        present += gap;
        at = gap_end;
    }
    used_ += size;
    return true;
}

void FileSource::before_fork() {
    notice_loss();
    for (std::size_t index = 0; index < segment_count_; ++index) {
        Segment& segment = segments_[index];
        if (segment.state == Segment::kFrozen || segment.size == 0)
            continue;
        // In place and under running threads: a store goes either to the shared page before, or to a private
        // copy of that same page after.
        if ((segment.state == Segment::kShared &&
             map_file(segment.address, segment.size, file_, segment.offset, MAP_PRIVATE)) ||
            make_anonymous(segment.address, segment.size))
            segment.state = Segment::kFrozen;
        else
            log_error("fork: a file kind's memory cannot be separated from the child's: %s", strerror(errno));
    }
    // Even an empty file is not to be shared: both processes would reserve the same blocks. Segments that
    // could not be separated belong to no file that we hold any more.
    for (std::size_t index = 0; index < segment_count_; ++index)
        if (segments_[index].state == Segment::kShared)
            segments_[index].state = Segment::kLost;
    if (file_ >= 0)
        close(file_);
    file_ = -1;
}

}  // namespace terrace::kinds
