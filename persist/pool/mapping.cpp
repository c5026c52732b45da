// See mapping.hpp. Cache-line granularity is for memory that stores reach: DAX (MAP_SYNC succeeds), tmpfs,
// memfd and ramfs, and whatever PMEM_IS_PMEM_FORCE=1 or PMEM2_FORCE_GRANULARITY says. Everything else is a
// page cache over a device, where only fdatasync makes anything durable. pagemap
// (Documentation/admin-guide/mm/pagemap.rst): bit 63 present, 62 swapped, 61 file page or shared anonymous;
// a page that was written in a private mapping is present or swapped without bit 61.
#include "persist/pool/mapping.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>

#include "persist/pool/error_message.hpp"
#include "persist/pool/pool.hpp"
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

char* map_home(int file, uint64_t bytes, Granularity& granularity) {
    Granularity forced = Granularity::kPage;
    const bool is_decided = is_forced(forced);
    if (is_decided && forced == Granularity::kPage) {
        granularity = Granularity::kPage;
        return nullptr;
    }
    void* home = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, kMapSharedValidate | kMapSync, file, 0);
    if (home == MAP_FAILED && (is_decided || is_memory_file_system(file)))
        home = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (home == MAP_FAILED) {
        granularity = Granularity::kPage;
        return nullptr;
    }
    granularity = Granularity::kCacheLine;
    madvise(home, bytes, MADV_DONTFORK);
    return static_cast<char*>(home);
}

}  // namespace

int map_pool_file(int file, const char* path, uint64_t bytes, Mapping& mapping) {
    mapping.bytes = bytes;
    mapping.reserved_bytes = align_up(kPoolStructBytes) + kAlignment + align_up(bytes);
    void* reserved =
        mmap(nullptr, mapping.reserved_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED)
        return fail(errno, "%s: no room for %llu bytes of addresses: %s", path,
                    static_cast<unsigned long long>(bytes), strerror(errno));
    mapping.reserved = reserved;
    const auto start = reinterpret_cast<uintptr_t>(reserved);
    mapping.base = reinterpret_cast<char*>(align_up(start + kPoolStructBytes));
    void* head = mmap(mapping.base - kPoolStructBytes, kPoolStructBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    void* copy = head == MAP_FAILED ? MAP_FAILED
                                    : mmap(mapping.base, bytes, PROT_READ | PROT_WRITE,
                                           MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, file, 0);
    if (copy == MAP_FAILED) {
        const int error = errno;
        munmap(reserved, mapping.reserved_bytes);
        return fail(error, "%s: cannot be mapped: %s", path, strerror(error));
    }
    mapping.home = map_home(file, bytes, mapping.granularity);
    return 0;
}

void unmap_pool_file(const Mapping& mapping) {
    if (mapping.home != nullptr)
        munmap(mapping.home, mapping.bytes);
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
