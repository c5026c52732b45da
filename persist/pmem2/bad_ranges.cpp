#include "persist/pmem2/bad_ranges.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

namespace terrace::persist {
namespace {

constexpr std::uint64_t kSector = 512;

// The numbers of a text file, one after the other, whatever stands between them.
class Numbers {
  public:
    explicit Numbers(int fd) : fd_(fd) {}

    [[nodiscard]] bool next(std::uint64_t* number) {
        int c = get();
        while (c >= 0 && (c < '0' || c > '9'))
            c = get();
        *number = 0;
        const bool is_number = c >= 0;
        for (; c >= '0' && c <= '9'; c = get())
            *number = *number * 10 + static_cast<unsigned>(c - '0');
        return is_number;
    }
    bool failed() const { return failed_; }

  private:
    int get() {
        if (at_ == length_) {
            at_ = 0;
            length_ = read(fd_, buffer_, sizeof buffer_);
            failed_ |= length_ < 0;
            if (length_ <= 0)
                return length_ = 0, -1;
        }
        return buffer_[at_++];
    }

    int fd_;
    bool failed_ = false;
    char buffer_[1024];
    ssize_t length_ = 0;
    ssize_t at_ = 0;
};

}  // namespace

bool RangeList::add(ByteRange range) {
    if (count == capacity) {
        const std::size_t more = capacity == 0 ? 16 : capacity * 2;
        void* const room = realloc(ranges, more * sizeof(ByteRange));
        if (room == nullptr) {
            errno = ENOMEM;
            return false;
        }
        ranges = static_cast<ByteRange*>(room);
        capacity = more;
    }
    ranges[count++] = range;
    return true;
}

void RangeList::free_all() {
    free(ranges);
    *this = RangeList();
}

void RangeList::sort_and_merge() {
    std::sort(ranges, ranges + count,
              [](const ByteRange& a, const ByteRange& b) { return a.offset < b.offset; });
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count; ++i) {
        ByteRange* const last = kept != 0 ? &ranges[kept - 1] : nullptr;
        if (last != nullptr && ranges[i].offset <= last->offset + last->length)
            last->length =
                std::max(last->offset + last->length, ranges[i].offset + ranges[i].length) - last->offset;
        else
            ranges[kept++] = ranges[i];
    }
    count = kept;
}

ByteRange part_in(ByteRange range, ByteRange window) {
    const std::uint64_t begin = std::max(range.offset, window.offset);
    const std::uint64_t end = std::min(range.offset + range.length, window.offset + window.length);
    return begin < end ? ByteRange{begin - window.offset, end - begin} : ByteRange{0, 0};
}

ByteRange whole_blocks(ByteRange range, std::uint64_t block) {
    const std::uint64_t begin = range.offset / block * block;
    const std::uint64_t end = (range.offset + range.length + block - 1) / block * block;
    return {begin, end - begin};
}

bool read_bad_sectors(const char* path, ByteRange window, RangeList* list) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT;
    Numbers numbers(fd);
    ByteRange sectors;
    bool is_kept = true;
    while (is_kept && numbers.next(&sectors.offset) && numbers.next(&sectors.length)) {
        const ByteRange part = part_in({sectors.offset * kSector, sectors.length * kSector}, window);
        if (part.length != 0)
            is_kept = list->add(part);
    }
    const int saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return is_kept && !numbers.failed();
}

}  // namespace terrace::persist
