#include "kinds/node_budget.hpp"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "src/check.hpp"
#include "src/mutex.hpp"
#include "src/own_memory.hpp"

namespace terrace::kinds::node_budget {
namespace {

constexpr std::size_t kPage = 4096;

// A range that was granted lazily. What is `missing` of it (at most; touching it tells nobody) is spoken for.
struct Range {
    const char* start;
    std::size_t size;
    std::size_t missing;
    NodeSet nodes;
    const Credit* source;

    const char* end() const { return start + size; }
};

// Neighbours merge, so a range for each window is usual. When the list is full, grants are to be taken at once.
constexpr unsigned kMostRanges = 1024;

constinit Mutex lock;               // guards everything below
constinit Range* ranges = nullptr;  // mapped at the first grant, sorted by address
constinit unsigned range_count = 0;
constinit unsigned char present[16384];  // mincore's answer for 64 MiB
// at most this much was free when the ranges were last looked through
constinit std::size_t settled_free = 0;
constinit long settled_at = 0;  // ms
constinit const char* machine_file = "/proc/meminfo";

long now_in_ms() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

std::size_t less(std::size_t from, std::size_t what) {
    return from > what ? from - what : 0;
}

// ---- What the kernel says is free -------------------------------------------------------------------------

class MemInfo {
  public:
    explicit MemInfo(const char* path) {
        const int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file < 0)
            return;
        const ssize_t length = read(file, text_, sizeof text_ - 1);
        close(file);
        length_ = length < 0 ? 0 : static_cast<std::size_t>(length);
        text_[length_] = '\0';
    }
    bool is_there() const { return length_ > 0; }
    // In bytes; 0 when there is no such line. `name` includes the colon.
    std::size_t operator[](const char* name) const {
        const char* const at = strstr(text_, name);
        return at == nullptr ? 0 : strtoull(at + strlen(name), nullptr, 10) * 1024;
    }

  private:
    char text_[4096] = {};
    std::size_t length_ = 0;
};

struct Room {
    bool known = false;
    std::size_t free = 0;  // without what the kernel keeps for itself
    std::size_t capacity = 0;
};

std::size_t read_number(const char* path) {
    char text[32] = {};
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        if (read(file, text, sizeof text - 1) <= 0)
            text[0] = '\0';
        close(file);
    }
    return strtoull(text, nullptr, 10);
}

// What the kernel keeps back of memory of this size: its watermarks, in proportion, and a little because all
// of this is an estimate.
std::size_t reserve_of(std::size_t capacity) {
    static std::size_t watermark = 0;  // bytes; of the whole machine
    static std::size_t capacity_of_all = 0;
    if (watermark == 0) {
        struct sysinfo machine;
        if (sysinfo(&machine) == 0)
            capacity_of_all = std::size_t{machine.totalram} * machine.mem_unit;
        watermark = (read_number("/proc/sys/vm/min_free_kbytes") + 1) * 1024;
    }
    const double share =
        capacity < capacity_of_all ? static_cast<double>(capacity) / static_cast<double>(capacity_of_all) : 1;
    constexpr std::size_t kLeast = std::size_t{8} << 20;
    return static_cast<std::size_t>(static_cast<double>(watermark) * 1.25 * share) + capacity / 256 + kLeast;
}

bool is_the_whole_machine(const NodeSet& nodes) {
    static NodeSet with_memory;
    static bool known = false;
    if (!known)
        known = read_node_file("/sys/devices/system/node/has_memory", &with_memory);
    for (unsigned node = with_memory.next(0); known && node < kMostNodes; node = with_memory.next(node + 1))
        if (!nodes.has(NodeId{node}))
            return false;
    return true;
}

// About 15 us for each node.
Room look_at(const NodeSet& nodes) {
    Room room;
    if (is_the_whole_machine(nodes)) {
        // Binding to every node binds nothing: what counts is the machine, swap included. (Kernels that
        // initialise memory late count it here and not yet in its node.)
        const MemInfo machine(machine_file);
        room.known = machine.is_there();
        room.capacity = machine["MemTotal:"];
        room.free = less(machine["MemAvailable:"] + machine["SwapFree:"], reserve_of(room.capacity));
        return room;
    }
    for (unsigned node = nodes.next(0); node < kMostNodes; node = nodes.next(node + 1)) {
        char path[96];
        snprintf(path, sizeof path, "/sys/devices/system/node/node%u/meminfo", node);
        const MemInfo its(path);
        if (!its.is_there())
            return Room{};
        // Half of what caches files: the kernel drops that easily, but not all of it.
        const std::size_t cached = its["Active(file):"] + its["Inactive(file):"] + its["SReclaimable:"];
        const std::size_t capacity = its["MemTotal:"];
        room.free += less(its["MemFree:"] + cached / 2, reserve_of(capacity));
        room.capacity += capacity;
        room.known = true;
    }
    return room;
}

// ---- What was granted and may not have been touched yet ---------------------------------------------------

std::size_t missing_of(const NodeSet& nodes) {
    std::size_t missing = 0;
    for (unsigned i = 0; i < range_count; ++i)
        if (ranges[i].nodes.intersects(nodes))
            missing += ranges[i].missing;
    return missing;
}

void remove(unsigned index) {
    memmove(ranges + index, ranges + index + 1, (range_count - index - 1) * sizeof(Range));
    --range_count;
}

// The first range that ends behind `address`.
unsigned find(const char* address) {
    unsigned low = 0;
    for (unsigned high = range_count; low < high;) {
        const unsigned middle = (low + high) / 2;
        if (ranges[middle].end() > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

// False when there is no place to write it down.
bool add(const NodeSet& nodes, const Credit* source, const char* start, std::size_t size) {
    if (ranges == nullptr) {
        ranges = static_cast<Range*>(map_own_memory(kMostRanges * sizeof(Range)));
        if (ranges == nullptr)
            return false;
    }
    const unsigned at = find(start);
    if (at > 0 && ranges[at - 1].end() == start && ranges[at - 1].source == source) {
        ranges[at - 1].size += size;
        ranges[at - 1].missing += size;
        return true;
    }
    if (at < range_count && ranges[at].start == start + size && ranges[at].source == source) {
        ranges[at].start = start;
        ranges[at].size += size;
        ranges[at].missing += size;
        return true;
    }
    if (range_count == kMostRanges)
        return false;
    memmove(ranges + at + 1, ranges + at, (range_count - at) * sizeof(Range));
    ranges[at] = {start, size, size, nodes, source};
    ++range_count;
    return true;
}

// Takes [start, end) out of the ranges. What is left of a range misses at most what it missed before.
void cut(const char* start, const char* end) {
    const auto limit = [](Range* range) {
        if (range->missing > range->size)
            range->missing = range->size;
    };
    for (unsigned i = find(start); i < range_count && ranges[i].start < end;) {
        Range* const range = &ranges[i];
        const char* const its_end = range->end();
        if (range->start < start && its_end > end) {
            if (range_count == kMostRanges)
                return;  // too much is counted until the next look
            memmove(range + 2, range + 1, (range_count - i - 1) * sizeof(Range));
            ++range_count;
            range[1] = *range;
            range[1].start = end;
            range[1].size = static_cast<std::size_t>(its_end - end);
            range->size = static_cast<std::size_t>(start - range->start);
            limit(&range[0]);
            limit(&range[1]);
            return;
        }
        if (range->start >= start && its_end <= end) {
            remove(i);
            continue;
        }
        if (range->start < start) {
            range->size = static_cast<std::size_t>(start - range->start);
        } else {
            range->start = end;
            range->size = static_cast<std::size_t>(its_end - end);
        }
        limit(range);
        ++i;
    }
}

// Looks which pages of a range are there, and shrinks it to those between the first and the last that are
// not. About 4 ns a page, 20 ns a huge page.
void settle(Range* range) {
    std::size_t missing = 0;
    const char* first = nullptr;
    const char* last = nullptr;
    for (const char* at = range->start; at < range->end();) {
        std::size_t size = static_cast<std::size_t>(range->end() - at);
        if (size > sizeof present * kPage)
            size = sizeof present * kPage;
        if (mincore(const_cast<char*>(at), size, present) != 0)
            return;  // not mapped (any more, or yet): as before
        for (std::size_t page = 0; page < size / kPage; ++page) {
            if ((present[page] & 1) != 0)
                continue;
            missing += kPage;
            last = at + page * kPage;
            first = first == nullptr ? last : first;
        }
        at += size;
    }
    range->missing = missing;
    range->size = first == nullptr ? 0 : static_cast<std::size_t>(last - first) + kPage;
    range->start = first == nullptr ? range->start : first;
}

void settle_all(const NodeSet& nodes) {
    for (unsigned i = 0; i < range_count;) {
        if (ranges[i].nodes.intersects(nodes))
            settle(&ranges[i]);
        if (ranges[i].size == 0)
            remove(i);
        else
            ++i;
    }
}

}  // namespace

Grant ask(const NodeSet& nodes, Credit* credit, const char* address, std::size_t size) {
    LockGuard guard(lock);
    const long now = now_in_ms();
    if (size <= credit->bytes && now < credit->until && add(nodes, credit, address, size)) {
        credit->bytes -= size;
        return Grant::kLazily;
    }
    credit->bytes = 0;
    Room room = look_at(nodes);
    if (!room.known)
        return Grant::kLazily;  // nobody can tell: as the kernel likes
    std::size_t missing = missing_of(nodes);
    if (size > less(room.free, missing)) {
        // What was touched since the ranges were last looked through is counted twice: as used and as
        // missing. Look again where that can be the reason; now and then anyway, other processes give memory
        // back too.
        constexpr long kLookAgainAfter = 1000;  // ms
        if (missing > 0 &&
            (size <= less(settled_free, missing) || now - settled_at > kLookAgainAfter || settled_at == 0)) {
            settle_all(nodes);
            settled_at = now;
            room = look_at(nodes);
            settled_free = room.free;
            missing = missing_of(nodes);
        }
        if (size > less(room.free, missing))
            return Grant::kNo;
    }
    // The last sixteenth is not left to luck, unless it would take the caller long.
    const std::size_t left = room.free - missing - size;
    constexpr std::size_t kMostAtOnce = std::size_t{64} << 20;
    if (left < room.capacity / 16 && size <= kMostAtOnce)
        return Grant::kAtOnce;
    if (!add(nodes, credit, address, size))
        return Grant::kAtOnce;
    // So much of what is left need not be asked for one by one: a program that takes 2 MiB after 2 MiB asks
    // the kernel once in a while.
    constexpr long kTrustFor = 100;  // ms
    credit->bytes = left / 16;
    credit->until = now + kTrustFor;
    return Grant::kLazily;
}

void give_back(const char* address, std::size_t size) {
    LockGuard guard(lock);
    if (range_count != 0)
        cut(address, address + size);
    settled_free += size;
}

void forget(const Credit* source) {
    LockGuard guard(lock);
    for (unsigned i = range_count; i-- > 0;)
        if (ranges[i].source == source)
            remove(i);
}

void populated(std::size_t size) {
    LockGuard guard(lock);
    settled_free = less(settled_free, size);
}

void read_machine_from(const char* path) {
    LockGuard guard(lock);
    machine_file = path;
    settled_free = 0;
    settled_at = 0;
}

}  // namespace terrace::kinds::node_budget
