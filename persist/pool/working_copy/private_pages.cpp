// See private_pages.hpp. Documentation/admin-guide/mm/pagemap.rst: bit 63 of an entry says present, 61 file page
// or shared anonymous memory. /proc/self/statm: size, resident, shared (file pages and shared memory), in pages.
// PAGEMAP_SCAN is newer than the headers this is built with.
#include "persist/pool/working_copy/private_pages.hpp"

#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <algorithm>

#include "persist/pool/format/media_layout.hpp"

namespace terrace::persist {
namespace {

struct ScannedRegion {
    uint64_t start;
    uint64_t end;
    uint64_t categories;
};
struct ScanArguments {
    uint64_t size;
    uint64_t flags;
    uint64_t start;
    uint64_t end;
    uint64_t walk_end;
    uint64_t regions;
    uint64_t region_count;
    uint64_t most_pages;
    uint64_t inverted;
    uint64_t all_of;
    uint64_t any_of;
    uint64_t reported;
};
constexpr unsigned long kPagemapScan = _IOWR('f', 16, ScanArguments);
constexpr uint64_t kIsFile = 1 << 2;
constexpr uint64_t kIsPresent = 1 << 3;
constexpr uint64_t kIsZeroPage = 1 << 5;

uint64_t number_of(const char* address) {
    return reinterpret_cast<uintptr_t>(address) / kPageBytes;
}

}  // namespace

uint64_t PrivatePages::scan(const char* base, uint64_t first, uint64_t end, PageRun* runs, uint64_t most,
                            uint64_t& next, bool& is_possible) {
    constexpr uint64_t kBatch = 256;
    ScannedRegion regions[kBatch];
    ScanArguments arguments = {};
    arguments.size = sizeof arguments;
    arguments.start = (number_of(base) + first) * kPageBytes;
    arguments.end = (number_of(base) + end) * kPageBytes;
    arguments.regions = reinterpret_cast<uintptr_t>(regions);
    arguments.region_count = std::min(most, kBatch);
    arguments.inverted = kIsFile | kIsZeroPage;
    arguments.all_of = kIsPresent | kIsFile | kIsZeroPage;
    arguments.reported = kIsPresent;
    const int found = ioctl_here(pagemap_.number(), kPagemapScan, &arguments);
    is_possible = found >= 0 || errno == EINTR;
    next = first;
    if (found < 0)
        return 0;
    next = arguments.walk_end / kPageBytes - number_of(base);
    for (int i = 0; i < found; ++i)
        runs[i] = {regions[i].start / kPageBytes - number_of(base),
                   (regions[i].end - regions[i].start) / kPageBytes};
    return static_cast<uint64_t>(found);
}

uint64_t PrivatePages::read(const char* base, uint64_t first, uint64_t end, PageRun* runs, uint64_t most,
                            uint64_t& next) const {
    constexpr uint64_t kBatch = 2048;
    uint64_t words[kBatch];
    const uint64_t count = std::min(kBatch, end - first);
    const ssize_t got = pread_here(pagemap_.number(), words, count * 8, (number_of(base) + first) * 8);
    const uint64_t readable = got > 0 ? static_cast<uint64_t>(got) / 8 : 0;
    uint64_t found = 0;
    next = readable == 0 ? end : first + readable;
    for (uint64_t i = 0; i < readable; ++i) {
        if (words[i] >> 63 == 0 || (words[i] >> 61 & 1) != 0)
            continue;
        if (found > 0 && runs[found - 1].first + runs[found - 1].count == first + i) {
            ++runs[found - 1].count;
            continue;
        }
        if (found == most) {
            next = first + i;
            break;
        }
        runs[found++] = {first + i, 1};
    }
    return found;
}

uint64_t PrivatePages::find(const char* base, uint64_t first, uint64_t end, PageRun* runs, uint64_t most,
                            uint64_t& next) {
    if (can_scan_) {
        const uint64_t found = scan(base, first, end, runs, most, next, can_scan_);
        if (can_scan_)
            return found;
    }
    return read(base, first, end, runs, most, next);
}

uint64_t PrivatePages::count(const char* base, uint64_t end) {
    PageRun runs[64];
    uint64_t pages = 0;
    for (uint64_t at = 0; at < end;) {
        const uint64_t found = find(base, at, end, runs, 64, at);
        for (uint64_t i = 0; i < found; ++i)
            pages += runs[i].count;
    }
    return pages;
}

uint64_t AnonymousPages::count() const {
    char text[128];
    const ssize_t got = pread_here(statm_.number(), text, sizeof text - 1, 0);
    if (got <= 0)
        return 0;
    text[got] = 0;
    char* rest = text;
    strtoull(rest, &rest, 10);
    const uint64_t resident = strtoull(rest, &rest, 10);
    const uint64_t shared = strtoull(rest, &rest, 10);
    return resident - std::min(resident, shared);
}

}  // namespace terrace::persist
