// The machine as /sys and /proc tell it. Plain reads, no allocation but opendir's, about 0.2 ms on a small machine.
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/topology.hpp"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

namespace terrace::topology {
namespace {

constexpr int kLongestPath = 256;

// A path below a root, cut when it is too long (then no such file will be found).
class Path {
  public:
    explicit Path(const char* format, ...) __attribute__((format(printf, 2, 3))) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(text_, sizeof text_, format, arguments);
        va_end(arguments);
    }
    const char* text() const { return text_; }

  private:
    char text_[kLongestPath];
};

class File {
  public:
    explicit File(const Path& path) : file_(open(path.text(), O_RDONLY | O_CLOEXEC)) {}
    ~File() {
        if (file_ >= 0)
            close(file_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    // The next bytes; 0 at the end and for a missing file.
    std::size_t read(char* buffer, std::size_t size) {
        const ssize_t length = file_ < 0 ? 0 : ::read(file_, buffer, size);
        return length < 0 ? 0 : static_cast<std::size_t>(length);
    }

  private:
    int file_;
};

// The start of a file as a string. False when it is not there.
bool read_text(const Path& path, char* text, std::size_t size) {
    File file(path);
    const std::size_t length = file.read(text, size - 1);
    text[length] = '\0';
    return length > 0;
}

std::uint64_t read_number(const Path& path) {
    char text[32];
    return read_text(path, text, sizeof text) ? strtoull(text, nullptr, 10) : 0;
}

// Calls `each(number)` for all numbers below `limit` of a list such as "0-3,8". A list may be longer than any buffer.
template <typename Each>
void for_each_in_list(const Path& path, unsigned limit, Each each) {
    File file(path);
    char buffer[512];
    unsigned long first = 0;
    unsigned long number = 0;
    bool has_number = false;
    bool in_range = false;
    const auto finish = [&] {
        if (!has_number)
            return;
        for (unsigned long value = in_range ? first : number; value <= number && value < limit; ++value)
            each(static_cast<unsigned>(value));
        number = 0;
        has_number = in_range = false;
    };
    while (const std::size_t length = file.read(buffer, sizeof buffer)) {
        for (std::size_t i = 0; i < length; ++i) {
            const char letter = buffer[i];
            if (letter >= '0' && letter <= '9') {
                number = number * 10 + static_cast<unsigned long>(letter - '0');
                has_number = true;
            } else if (letter == '-') {
                first = number;
                number = 0;
                in_range = true;
            } else {
                finish();
            }
        }
    }
    finish();
}

std::uint64_t read_capacity(const char* sys, unsigned node) {
    char text[512];
    if (!read_text(Path("%s/devices/system/node/node%u/meminfo", sys, node), text, sizeof text))
        return 0;
    const char* const total = strstr(text, "MemTotal:");
    return total == nullptr ? 0 : strtoull(total + strlen("MemTotal:"), nullptr, 10) * 1024;
}

constexpr const char* kHugePageFolders[kHugePageSizes] = {"hugepages-2048kB", "hugepages-1048576kB"};

void read_node(const char* sys, unsigned node, Facts* facts) {
    NodeFacts& its = facts->nodes[node];
    its.exists = true;
    its.allowed = true;
    its.capacity = read_capacity(sys, node);
    for (unsigned size = 0; size < kHugePageSizes; ++size)
        its.huge_pages[size] = read_number(Path("%s/devices/system/node/node%u/hugepages/%s/nr_hugepages",
                                                sys, node, kHugePageFolders[size]));
    for_each_in_list(Path("%s/devices/system/node/node%u/cpulist", sys, node), kMostCpus, [&](unsigned cpu) {
        facts->node_of_cpu_plus_one[cpu] = static_cast<std::uint16_t>(node + 1);
        its.has_cpus = true;
    });
}

// One row of the SLIT: a number for each node that is online, in order.
void read_distances(const char* sys, unsigned initiator, Facts* facts) {
    File file(Path("%s/devices/system/node/node%u/distance", sys, initiator));
    char text[4096];
    const std::size_t length = file.read(text, sizeof text - 1);
    text[length] = '\0';
    const char* at = text;
    for (unsigned target = 0; target < kMostNodes; ++target) {
        if (!facts->nodes[target].exists)
            continue;
        char* end = nullptr;
        const unsigned long distance = strtoul(at, &end, 10);
        if (end == at)
            return;
        at = end;
        facts->relations[initiator][target].distance =
            static_cast<std::uint8_t>(distance < 255 ? distance : 255);
    }
}

std::uint32_t mean(std::uint64_t reading, std::uint64_t writing) {
    const std::uint64_t value = reading == 0 ? writing : writing == 0 ? reading : (reading + writing) / 2;
    return static_cast<std::uint32_t>(value < UINT32_MAX ? value : UINT32_MAX);
}

// The firmware's HMAT. The kernel tells only how the initiators nearest to a target see it: access1 for CPUs,
// access0 (older) for whatever is nearest.
void read_speed(const char* sys, unsigned target, Facts* facts) {
    constexpr const char* kAccessClasses[] = {"access1", "access0"};
    for (const char* const access : kAccessClasses) {
        const Path folder("%s/devices/system/node/node%u/%s/initiators", sys, target, access);
        const auto value = [&](const char* name) {
            return read_number(Path("%.200s/%s", folder.text(), name));
        };
        Relation told;
        told.bandwidth = mean(value("read_bandwidth"), value("write_bandwidth"));
        told.latency = mean(value("read_latency"), value("write_latency"));
        bool found = false;
        for (unsigned initiator = 0; initiator < kMostNodes; ++initiator) {
            if (!facts->nodes[initiator].has_cpus ||
                ::access(Path("%.200s/node%u", folder.text(), initiator).text(), F_OK) != 0)
                continue;
            Relation& relation = facts->relations[initiator][target];
            relation.bandwidth = told.bandwidth;
            relation.latency = told.latency;
            relation.local = true;
            found = true;
        }
        if (found)
            return;
    }
}

// Calls `each(name)` for what is in a folder. By the system call: opendir allocates.
template <typename Each>
void for_each_entry(const Path& folder, Each each) {
    const int file = open(folder.text(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return;
    alignas(dirent64) char buffer[2048];
    while (const ssize_t length = getdents64(file, buffer, sizeof buffer)) {
        if (length < 0)
            break;
        for (ssize_t at = 0; at < length;) {
            const dirent64* const entry = reinterpret_cast<const dirent64*>(buffer + at);
            if (entry->d_name[0] != '.')
                each(entry->d_name);
            at += entry->d_reclen;
        }
    }
    close(file);
}

// DAX devices whose memory the kernel's kmem driver hands out as a node's.
void read_dax(const char* sys, Facts* facts) {
    for_each_entry(Path("%s/bus/dax/devices", sys), [&](const char* device) {
        char driver[kLongestPath];
        const ssize_t length =
            readlink(Path("%s/bus/dax/devices/%.64s/driver", sys, device).text(), driver, sizeof driver - 1);
        if (length <= 0)
            return;
        driver[length] = '\0';
        const char* const slash = strrchr(driver, '/');
        char text[32];
        if (strcmp(slash == nullptr ? driver : slash + 1, "kmem") != 0 ||
            !read_text(Path("%s/bus/dax/devices/%.64s/target_node", sys, device), text, sizeof text))
            return;
        const long node = strtol(text, nullptr, 10);  // -1 where the firmware names none
        if (node >= 0 && node < static_cast<long>(kMostNodes))
            facts->nodes[node].kmem_dax = facts->nodes[node].exists;
    });
}

void read_cpuset(const char* proc_status, Facts* facts) {
    File file(Path("%s", proc_status));
    char text[16384];  // the masks before it are long on large machines
    std::size_t length = 0;
    while (const std::size_t more = file.read(text + length, sizeof text - 1 - length))
        length += more;
    text[length] = '\0';
    const char* const list = strstr(text, "\nMems_allowed_list:");
    if (list == nullptr)
        return;
    char line[4096];
    const char* start = list + strlen("\nMems_allowed_list:");
    start += strspn(start, " \t");
    const std::size_t line_length = strcspn(start, "\n");
    NodeSet allowed;
    if (line_length >= sizeof line)
        return;
    memcpy(line, start, line_length);
    line[line_length] = '\0';
    if (!parse_node_list(line, &allowed))
        return;
    for (unsigned node = 0; node < kMostNodes; ++node)
        facts->nodes[node].allowed = facts->nodes[node].exists && allowed.has(NodeId{node});
}

bool this_is_knights() {
#if defined(__x86_64__) || defined(__i386__)
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    if (__get_cpuid(0, &eax, &ebx, &ecx, &edx) == 0 || ebx != signature_INTEL_ebx ||
        edx != signature_INTEL_edx || ecx != signature_INTEL_ecx ||
        __get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0)
        return false;
    const unsigned family = eax >> 8 & 0xf;
    const unsigned model = (eax >> 4 & 0xf) | (eax >> 12 & 0xf0);
    return family == 6 && (model == 0x57 || model == 0x85);
#else
    return false;
#endif
}

}  // namespace

void read_sysfs(const char* sys, const char* proc_status, Facts* facts) {
    for_each_in_list(Path("%s/devices/system/node/online", sys), kMostNodes,
                     [&](unsigned node) { read_node(sys, node, facts); });
    for (unsigned node = 0; node < kMostNodes; ++node)
        if (facts->nodes[node].has_cpus)
            read_distances(sys, node, facts);
    for (unsigned node = 0; node < kMostNodes; ++node)
        if (facts->nodes[node].exists)
            read_speed(sys, node, facts);
    read_dax(sys, facts);
    read_cpuset(proc_status, facts);
    for (unsigned size = 0; size < kHugePageSizes; ++size) {
        facts->huge_pages[size] =
            read_number(Path("%s/kernel/mm/hugepages/%s/nr_hugepages", sys, kHugePageFolders[size]));
        facts->huge_pages_extra[size] = read_number(
            Path("%s/kernel/mm/hugepages/%s/nr_overcommit_hugepages", sys, kHugePageFolders[size]));
    }
    facts->knights = this_is_knights();
}

}  // namespace terrace::topology
