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

bool reserve_blocks(int file, std::size_t offset, std::size_t size) {
    const int error = reserve_file_blocks(file, offset, size);
    if (error == 0)
        return true;
    log_info("the file of a kind cannot grow by %zu bytes: %s", size, strerror(error));
    errno = error;
    return false;
}

// The next two work on the mapping, and so also for a file whose descriptor is gone.
bool punch_hole(char* address, std::size_t size) {
    return madvise(address, size, MADV_REMOVE) == 0;
}

bool fill_hole(char* address, std::size_t size) {
    return madvise(address, size, MADV_POPULATE_WRITE) == 0;
}

// Replaces a mapping by anonymous memory with the same contents. Holes that a full disk cannot fill are
// skipped: reading them through the kernel is an error instead of a SIGBUS. A store of another thread during
// the copy is lost.
bool make_anonymous(char* address, std::size_t size) {
    void* const memory =
        mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    constexpr std::size_t kPage = 4096;
    for (std::size_t at = 0; at < size; at += kPage) {
        const iovec to = {static_cast<char*>(memory) + at, kPage};
        const iovec from = {address + at, kPage};
        if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) < 0 && errno != EFAULT)
            memcpy(to.iov_base, from.iov_base, kPage);
    }
    return mremap(memory, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, address) != MAP_FAILED;
}

bool map_file(char* address, std::size_t size, int file, std::size_t offset, int sharing) {
    return mmap(address, size, PROT_READ | PROT_WRITE, sharing | MAP_FIXED | MAP_NORESERVE, file,
                static_cast<off_t>(offset)) != MAP_FAILED;
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

bool FileSource::open_file() {
    REQUIRES(file_ < 0);
    file_ = move_descriptor_up(open_unnamed_file(directory_));
    file_end_ = 0;
    struct stat status;
    if (file_ >= 0 && fstat(file_, &status) == 0) {
        device_ = status.st_dev;
        inode_ = status.st_ino;
    }
    return file_ >= 0;
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
    if (file_ < 0 && !open_file()) {
        log_info("no new file for a kind in %s: %s", directory_, strerror(errno));
        return false;
    }
    if (!reserve_blocks(file_, file_end_, size)) {
        // The kernel may have reserved a part of it.
        [[maybe_unused]] const int result = ftruncate(file_, static_cast<off_t>(file_end_));
        return false;
    }
    if (!add_segment({address, size, file_end_, Segment::kShared}) ||
        !map_file(address, size, file_, file_end_, MAP_SHARED)) {
        [[maybe_unused]] const int result = ftruncate(file_, static_cast<off_t>(file_end_));
        return false;
    }
    file_end_ += size;
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
    if (segment_count_ == segment_room_) {
        const std::size_t room = segment_room_ == 0 ? 128 : 2 * segment_room_;
        void* const grown =
            segments_ == nullptr
                ? mmap(nullptr, room * sizeof(Segment), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                       -1, 0)
                : mremap(segments_, segment_room_ * sizeof(Segment), room * sizeof(Segment), MREMAP_MAYMOVE);
        if (grown == MAP_FAILED)
            return false;
        segments_ = static_cast<Segment*>(grown);
        segment_room_ = room;
    }
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
                    return reserve_blocks(file_, segment.offset_of(part), part_size);
                case Segment::kLost:
                    return fill_hole(part, part_size);
                case Segment::kFrozen:  // decommit() could not let go of it
                    memset(part, 0, part_size);
                    return true;
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
