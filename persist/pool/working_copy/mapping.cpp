// See mapping.hpp. Cache-line granularity is for memory that stores reach: DAX (MAP_SYNC succeeds), tmpfs,
// memfd and ramfs, and whatever PMEM_IS_PMEM_FORCE=1 or PMEM2_FORCE_GRANULARITY says. Everything else is a
// page cache over a device, where only fdatasync makes anything durable. pagemap
// (Documentation/admin-guide/mm/pagemap.rst): bit 63 present, 62 swapped, 61 file page or shared anonymous;
// a page that was written in a private mapping is present or swapped without bit 61.
#include "persist/pool/working_copy/mapping.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>

#include "persist/pool/device_file.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/pool.hpp"
#include "persist/pool/registry.hpp"
#include "src/windows.hpp"

namespace terrace::persist {
namespace {

// The working copy has its granules of address space (src/windows.hpp) to itself, so that the persistent kind
// can be told by an address. A multiple of the huge page size.
constexpr uint64_t kAlignment = windows::kGranule;

constexpr uint64_t align_up(uint64_t value) {
    return (value + kAlignment - 1) & ~(kAlignment - 1);
}
constexpr long kTmpfsMagic = 0x01021994;
constexpr long kRamfsMagic = 0x858458f6;
constexpr int kMapSharedValidate = 0x03;
constexpr int kMapSync = 0x80000;

bool is_memory_file_system(int file) {
    struct statfs status;
    if (fstatfs(file, &status) != 0)
        return false;
    const auto type = static_cast<long>(status.f_type);
    return type == kTmpfsMagic || type == kRamfsMagic;
}

// The forced answer, if the environment has one.
bool is_forced(Granularity& granularity) {
    if (const char* value = secure_getenv("PMEM2_FORCE_GRANULARITY"); value != nullptr) {
        granularity = strcasecmp(value, "PAGE") == 0 ? Granularity::kPage : Granularity::kCacheLine;
        return true;
    }
    if (const char* value = secure_getenv("PMEM_IS_PMEM_FORCE"); value != nullptr) {
        granularity = strcmp(value, "1") == 0 ? Granularity::kCacheLine : Granularity::kPage;
        return strcmp(value, "1") == 0 || strcmp(value, "0") == 0;
    }
    return false;
}

// How far a pool can grow in place: to eight times its size, and to 256 GiB at least. A process has 128 TiB of addresses,
// and a pool takes its room twice: from the 64th open pool on it is less, so that there are addresses for a thousand.
constexpr uint64_t kRoomToGrow = 256ull << 30;
constexpr uint64_t kRoomAmongMany = 16ull << 30;
constexpr uint32_t kMany = 64;
constexpr uint64_t kGrowthFactor = 8;
constexpr uint64_t kMostRoom = 16ull << 40;
// Of a limited address space (ulimit -v) a pool takes this part at most for its growth.
constexpr uint64_t kPartOfLimit = 16;

// Addresses without memory: `wanted` bytes, or less where there are not so many, but `least`.
void* reserve_addresses(uint64_t wanted, uint64_t least, uint64_t& bytes) {
    for (bytes = std::max(wanted, least);; bytes = std::max(align_up(bytes / 2), least)) {
        void* const place =
            mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (place != MAP_FAILED || bytes == least)
            return place;
    }
}

uint64_t bytes_with_room_to_grow(uint64_t bytes) {
    const uint64_t least = open_pool_count() < kMany ? kRoomToGrow : kRoomAmongMany;
    uint64_t room = std::clamp(bytes, least / kGrowthFactor, kMostRoom / kGrowthFactor) * kGrowthFactor;
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        room = std::min<uint64_t>(room, limit.rlim_cur / kPartOfLimit);
    return align_up(std::max(room, bytes));
}

void* map_private(char* place, int file, uint64_t offset, uint64_t bytes) {
    return mmap(place + offset, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, file,
                static_cast<off_t>(offset));
}

void* map_anonymous(char* place, uint64_t bytes) {
    return mmap(place, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
                -1, 0);
}

void* map_shared(char* place, int file, uint64_t offset, uint64_t bytes, int flags) {
    void* const home = mmap(place + offset, bytes, PROT_READ | PROT_WRITE, flags | MAP_FIXED, file,
                            static_cast<off_t>(offset));
    if (home != MAP_FAILED)
        madvise(home, bytes, MADV_DONTFORK);
    return home;
}

// Whether stores to the file reach its medium is found out by mapping it so.
void map_home(int file, uint64_t bytes, Mapping& mapping) {
    Granularity forced = Granularity::kPage;
    const bool is_decided = is_forced(forced);
    mapping.granularity = Granularity::kPage;
    if (is_decided && forced == Granularity::kPage)
        return;
    void* const reserved = reserve_addresses(kAlignment + bytes_with_room_to_grow(bytes),
                                             kAlignment + align_up(bytes), mapping.reserved_home_bytes);
    if (reserved == MAP_FAILED)
        return;
    madvise(reserved, mapping.reserved_home_bytes, MADV_DONTFORK);
    // Aligned for the huge pages of DAX, as the kernel would align a mapping of the file itself.
    auto* const place = reinterpret_cast<char*>(align_up(reinterpret_cast<uintptr_t>(reserved)));
    mapping.home_flags = kMapSharedValidate | kMapSync;
    void* home = map_shared(place, file, 0, bytes, mapping.home_flags);
    if (home == MAP_FAILED && (is_decided || is_memory_file_system(file))) {
        mapping.home_flags = MAP_SHARED;
        home = map_shared(place, file, 0, bytes, mapping.home_flags);
    }
    if (home == MAP_FAILED) {
        munmap(reserved, mapping.reserved_home_bytes);
        return;
    }
    mapping.granularity = Granularity::kCacheLine;
    mapping.reserved_home = reserved;
    mapping.home = place;
}

}  // namespace

int map_pool_file(int file, const char* path, uint64_t bytes, Mapping& mapping, bool with_home) {
    const uint64_t head_bytes = align_up(kPoolStructBytes) + kAlignment;
    mapping.bytes = bytes;
    mapping.reserved = reserve_addresses(head_bytes + bytes_with_room_to_grow(bytes),
                                         head_bytes + align_up(bytes), mapping.reserved_bytes);
    if (mapping.reserved == MAP_FAILED)
        return fail(errno, "%s: no room for %llu bytes of addresses: %s", path,
                    static_cast<unsigned long long>(bytes), strerror(errno));
    const auto start = reinterpret_cast<uintptr_t>(mapping.reserved);
    mapping.base = reinterpret_cast<char*>(align_up(start + kPoolStructBytes));
    void* head = mmap(mapping.base - kPoolStructBytes, kPoolStructBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    mapping.is_anonymous = is_device_file(file);
    void* const copy = head == MAP_FAILED     ? MAP_FAILED
                       : mapping.is_anonymous ? map_anonymous(mapping.base, bytes)
                                              : map_private(mapping.base, file, 0, bytes);
    if (copy == MAP_FAILED) {
        const int error = errno;
        munmap(mapping.reserved, mapping.reserved_bytes);
        return fail(error, "%s: cannot be mapped: %s", path, strerror(error));
    }
    if (with_home)
        map_home(file, bytes, mapping);
    return 0;
}

uint64_t Mapping::most_bytes() const {
    uint64_t room = reserved_bytes - static_cast<uint64_t>(base - static_cast<char*>(reserved));
    if (home != nullptr)
        room = std::min(
            room, reserved_home_bytes - static_cast<uint64_t>(home - static_cast<char*>(reserved_home)));
    return room / kPageBytes * kPageBytes;
}

int extend_mapping(int file, const char* path, uint64_t new_bytes, Mapping& mapping) {
    if (new_bytes <= mapping.bytes)
        return 0;
    if (new_bytes > mapping.most_bytes())
        return fail(
            ENOMEM,
            "%s: there are addresses for %llu bytes after its start, and %llu are needed: close it and "
            "open it again",
            path, static_cast<unsigned long long>(mapping.most_bytes()),
            static_cast<unsigned long long>(new_bytes));
    const uint64_t more = new_bytes - mapping.bytes;
    if (mapping.home != nullptr &&
        map_shared(mapping.home, file, mapping.bytes, more, mapping.home_flags) == MAP_FAILED)
        return fail(errno, "%s: its new bytes cannot be mapped: %s", path, strerror(errno));
    if (map_private(mapping.base, file, mapping.bytes, more) == MAP_FAILED) {
        const int error = errno;  // the home's new part is out of sight, and a later attempt maps over it
        return fail(error, "%s: its new bytes cannot be mapped: %s", path, strerror(error));
    }
    __atomic_store_n(&mapping.bytes, new_bytes, __ATOMIC_RELEASE);  // the working copy's threads look at it
    return 0;
}

void unmap_pool_file(const Mapping& mapping) {
    if (mapping.home != nullptr)
        munmap(mapping.reserved_home, mapping.reserved_home_bytes);
    munmap(mapping.reserved, mapping.reserved_bytes);
}

int visit_written_pages(const Mapping& mapping, PageRunVisitor visit, void* context) {
    const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (pagemap < 0)
        return visit(context, 0, mapping.bytes);
    constexpr uint64_t kBatch = 2048;
    uint64_t words[kBatch];
    const uint64_t pages = mapping.bytes / kPageBytes;
    const uint64_t first_page = reinterpret_cast<uintptr_t>(mapping.base) / kPageBytes;
    int error = 0;
    uint64_t run_start = 0;
    uint64_t run_pages = 0;
    for (uint64_t page = 0; page < pages && error == 0; page += kBatch) {
        const uint64_t count = std::min(kBatch, pages - page);
        const ssize_t got = pread(pagemap, words, count * 8, static_cast<off_t>((first_page + page) * 8));
        const bool is_readable = got == static_cast<ssize_t>(count * 8);
        for (uint64_t i = 0; i < count && error == 0; ++i) {
            const bool is_there = !is_readable || (words[i] >> 62) != 0;
            const bool is_file_page = is_readable && (words[i] >> 61 & 1) != 0;
            if (!is_there || is_file_page)
                continue;
            if (run_pages != 0 && run_start + run_pages == page + i) {
                ++run_pages;
                continue;
            }
            if (run_pages != 0)
                error = visit(context, run_start * kPageBytes, run_pages * kPageBytes);
            run_start = page + i;
            run_pages = 1;
        }
    }
    if (run_pages != 0 && error == 0)
        error = visit(context, run_start * kPageBytes, run_pages * kPageBytes);
    close(pagemap);
    return error;
}

}  // namespace terrace::persist
