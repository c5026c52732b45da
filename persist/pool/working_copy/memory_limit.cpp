// See memory_limit.hpp. cgroup v2: the line "0::/path" of /proc/self/cgroup names the group, memory.max in it and
// in each group around it a limit ("max": none). Version 1: a line "N:memory:/path" (or several controllers in
// one line), memory.limit_in_bytes. In a container the path may not exist below /sys/fs/cgroup, whose top is then
// the container's own group: that is looked at in any case.
#include "persist/pool/working_copy/memory_limit.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "persist/pool/api/ctl.hpp"
#include "persist/pool/error_message.hpp"

namespace terrace::persist {
namespace {

constexpr uint64_t kHalfOfMemory = 1;  // no setting: the default
constinit std::atomic<uint64_t> g_setting{kHalfOfMemory};

// The start of a file, as text. False when it cannot be read.
bool read_text(const char* path, char* text, size_t bytes) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    const ssize_t got = read(file, text, bytes - 1);
    close(file);
    text[got > 0 ? got : 0] = 0;
    return got > 0;
}

uint64_t bytes_of_machine(const char* root) {
    char path[512];
    char text[4096];
    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    const char* const line = read_text(path, text, sizeof text) ? strstr(text, "MemTotal:") : nullptr;
    return line == nullptr ? kNoMemoryLimit : strtoull(line + strlen("MemTotal:"), nullptr, 10) * 1024;
}

// The smallest limit of a group and of those around it. `directory` is where the hierarchy is mounted.
uint64_t bytes_of_groups(const char* directory, char* group, const char* file) {
    uint64_t least = kNoMemoryLimit;
    for (;;) {
        char path[4096];
        char text[64];
        snprintf(path, sizeof path, "%s%s/%s", directory, group, file);
        if (read_text(path, text, sizeof text) && text[0] >= '0' && text[0] <= '9')
            least = std::min<uint64_t>(least, strtoull(text, nullptr, 10));
        char* const last = strrchr(group, '/');
        if (last == nullptr)
            return least;
        *last = 0;
    }
}

bool names_memory(const char* controllers, const char* end) {
    for (const char* at = controllers; at < end;) {
        const char* const comma = std::find(at, end, ',');
        if (comma - at == 6 && strncmp(at, "memory", 6) == 0)
            return true;
        at = comma + 1;
    }
    return false;
}

}  // namespace

uint64_t usable_memory(const char* root) {
    uint64_t least = bytes_of_machine(root);
    char path[512];
    char text[4096];
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    if (!read_text(path, text, sizeof text))
        text[0] = 0;
    for (char* line = text; *line != 0;) {
        char* const end = line + strcspn(line, "\n");
        char* const next = *end == 0 ? end : end + 1;
        *end = 0;
        char* const controllers = strchr(line, ':');
        char* const group = controllers == nullptr ? nullptr : strchr(controllers + 1, ':');
        if (group != nullptr) {
            char* const name = strcmp(group + 1, "/") == 0 ? end : group + 1;
            if (group == controllers + 1) {
                snprintf(path, sizeof path, "%s/sys/fs/cgroup", root);
                least = std::min(least, bytes_of_groups(path, name, "memory.max"));
            } else if (names_memory(controllers + 1, group)) {
                snprintf(path, sizeof path, "%s/sys/fs/cgroup/memory", root);
                least = std::min(least, bytes_of_groups(path, name, "memory.limit_in_bytes"));
            }
        }
        line = next;
    }
    return std::max(least, kSmallestMemoryLimit);
}

uint64_t working_copy_limit() {
    read_environment_once();
    const uint64_t setting = g_setting.load(std::memory_order_relaxed);
    if (setting == 0)
        return kNoMemoryLimit;
    return setting != kHalfOfMemory ? setting : std::max(usable_memory("") / 2, kSmallestMemoryLimit);
}

int get_working_copy_limit(const CtlCall&, void* argument) {
    const uint64_t limit = working_copy_limit();
    *static_cast<uint64_t*>(argument) = limit == kNoMemoryLimit ? 0 : limit;
    return 0;
}

int set_working_copy_limit(const CtlCall&, void* argument) {
    const uint64_t limit = *static_cast<uint64_t*>(argument);
    if (limit != 0 && limit < kSmallestMemoryLimit)
        return fail(EINVAL, "working_copy.limit: %llu bytes; the least is %llu, and 0 means no limit",
                    static_cast<unsigned long long>(limit),
                    static_cast<unsigned long long>(kSmallestMemoryLimit));
    g_setting.store(limit, std::memory_order_relaxed);
    return 0;
}

}  // namespace terrace::persist
