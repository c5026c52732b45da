#include "persist/flush/map_hint.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace terrace::persist {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kGiantPage = std::size_t{1} << 30;

std::size_t alignment_for(std::size_t length) {
    return length >= kGiantPage ? kGiantPage : kHugePage;
}

std::uintptr_t aligned_up(std::uintptr_t address, std::size_t alignment) {
    return (address + alignment - 1) & ~(alignment - 1);
}

// Reads /proc/self/maps, whose lines begin with the first address and the end of a mapping, in hexadecimal
// and in order: "7f5d02743000-7f5d02748000 rw-s …".
class MappingsOfThisProcess {
  public:
    MappingsOfThisProcess() : file_(open("/proc/self/maps", O_RDONLY | O_CLOEXEC)) {}
    ~MappingsOfThisProcess() {
        if (file_ >= 0)
            close(file_);
    }
    MappingsOfThisProcess(const MappingsOfThisProcess&) = delete;
    MappingsOfThisProcess& operator=(const MappingsOfThisProcess&) = delete;

    [[nodiscard]] bool next(std::uintptr_t* begin, std::uintptr_t* end) {
        if (!number(begin, '-') || !number(end, ' '))
            return false;
        for (char c = get(); c != '\n'; c = get()) {
            if (c == '\0')
                return false;
        }
        return true;
    }

  private:
    char get() {
        if (at_ == length_) {
            length_ = file_ >= 0 ? read(file_, buffer_, sizeof buffer_) : 0;
            at_ = 0;
            if (length_ <= 0)
                return length_ = 0, '\0';
        }
        return buffer_[at_++];
    }
    bool number(std::uintptr_t* value, char closing) {
        *value = 0;
        for (char c = get(); c != closing; c = get()) {
            if (c >= '0' && c <= '9')
                *value = *value * 16 + static_cast<unsigned>(c - '0');
            else if (c >= 'a' && c <= 'f')
                *value = *value * 16 + static_cast<unsigned>(c - 'a' + 10);
            else
                return false;
        }
        return true;
    }

    int file_;
    char buffer_[2048];
    ssize_t length_ = 0;
    ssize_t at_ = 0;
};

// The lowest free room at `from` or above it; nullptr when there is none.
void* first_room(std::uintptr_t from, std::size_t length, std::size_t alignment) {
    std::uintptr_t room = aligned_up(from, alignment);
    MappingsOfThisProcess mappings;
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    while (mappings.next(&begin, &end)) {
        if (end <= room)
            continue;
        if (begin >= room && begin - room >= length)
            break;
        room = aligned_up(end, alignment);
    }
    return room < from || length > UINTPTR_MAX - room ? nullptr : reinterpret_cast<void*>(room);
}

// Looks for room, then lets go of it: a thread that takes it meanwhile costs the alignment, nothing more.
void* aligned_room(std::size_t length, std::size_t alignment) {
    if (length > SIZE_MAX - alignment)
        return nullptr;
    void* const room =
        mmap(nullptr, length + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        return nullptr;
    munmap(room, length + alignment);
    return reinterpret_cast<void*>(aligned_up(reinterpret_cast<std::uintptr_t>(room), alignment));
}

// The address in PMEM_MMAP_HINT; 0 when it says none.
std::uintptr_t wanted_address() {
    const char* const text = secure_getenv("PMEM_MMAP_HINT");
    if (text == nullptr)
        return 0;
    const int saved_errno = errno;
    char* end = nullptr;
    errno = 0;
    const unsigned long long address = strtoull(text, &end, 16);
    const bool is_address = end != text && errno == 0;
    errno = saved_errno;
    return is_address ? static_cast<std::uintptr_t>(address) : 0;
}

}  // namespace

void* address_hint(std::size_t length) {
    if (const std::uintptr_t wanted = wanted_address(); wanted != 0)
        return first_room(wanted, length, alignment_for(length));
    return huge_page_hint(length);
}

void* huge_page_hint(std::size_t length) {
    return length >= kHugePage ? aligned_room(length, alignment_for(length)) : nullptr;
}

}  // namespace terrace::persist
