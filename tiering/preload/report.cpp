// See report.hpp. The destructor below is the only thing that happens at exit: the tiers themselves stay.
#include "tiering/preload/report.hpp"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/files.hpp"
#include "src/log.hpp"
#include "tiering/preload/tiers_in_use.hpp"

namespace terrace::preload {
namespace {

constexpr const char* kVariable = "MEMKIND_MEM_TIERING_REPORT";
constexpr const char* kFormatVariable = "MEMKIND_MEM_TIERING_REPORT_FORMAT";
constexpr const char* kSignalVariable = "MEMKIND_MEM_TIERING_REPORT_SIGNAL";

// Appends to a fixed buffer; what does not fit is dropped.
class Lines {
  public:
    Lines(char* text, std::size_t size) : text_(text), size_(size) { text_[0] = '\0'; }

    __attribute__((format(printf, 2, 3))) void add(const char* format, ...) {
        va_list arguments;
        va_start(arguments, format);
        const int wanted = vsnprintf(text_ + length_, size_ - length_, format, arguments);
        va_end(arguments);
        if (wanted > 0)
            length_ += static_cast<std::size_t>(wanted) < size_ - length_ ? static_cast<std::size_t>(wanted)
                                                                          : size_ - length_ - 1;
    }

    std::size_t length() const { return length_; }

  private:
    char* text_;
    std::size_t size_;
    std::size_t length_ = 0;
};

// What was wished for when the process began.
struct Wishes {
    bool wanted;
    bool to_stderr;
    bool json;
    char pattern[PATH_MAX];
};
constinit Wishes wishes = {};

// The process's stderr as it was at the start. Many programs close theirs before they end (coreutils look for errors of
// writing so), and some then have a file of their own under its number, which is not to be written to.
struct KeptStderr {
    int descriptor = -1;  // ours, out of the program's way, which may close it all the same
    dev_t device = 0;     // what it is
    ino_t inode = 0;
};
constinit KeptStderr kept_stderr;

bool is_kept_stderr(int descriptor) {
    struct stat status;
    return descriptor >= 0 && fstat(descriptor, &status) == 0 && status.st_dev == kept_stderr.device &&
           status.st_ino == kept_stderr.inode;
}

void keep_stderr() {
    struct stat status;
    if (fstat(STDERR_FILENO, &status) != 0)
        return;
    kept_stderr.device = status.st_dev;
    kept_stderr.inode = status.st_ino;
    kept_stderr.descriptor = move_descriptor_up(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
}

void write_to_stderr(const char* text, std::size_t length) {
    for (const int descriptor : {kept_stderr.descriptor, STDERR_FILENO})
        if (is_kept_stderr(descriptor)) {
            write_all(descriptor, text, length);
            return;
        }
}

// The path with %p replaced by the process id, so that the processes of one command do not overwrite each other's report.
void expand_process_id(const char* pattern, char* path, std::size_t size) {
    Lines out(path, size);
    for (const char* c = pattern; *c != '\0'; ++c) {
        if (c[0] == '%' && c[1] == 'p') {
            out.add("%d", static_cast<int>(getpid()));
            ++c;
        } else {
            out.add("%c", *c);
        }
    }
}

// Safe in a signal handler: formats numbers and strings into its own stack, and writes.
void write_report() {
    const int saved_errno = errno;
    char text[kLongestReport];
    const std::size_t length =
        wishes.json ? format_json_report(text, sizeof text) : format_report(text, sizeof text);
    if (wishes.to_stderr) {
        write_to_stderr(text, length);
    } else {
        char path[PATH_MAX];
        expand_process_id(wishes.pattern, path, sizeof path);
        const int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (descriptor < 0 || !write_all(descriptor, text, length))
            log_error("%s: '%s' cannot be written: %s", kVariable, path, strerrordesc_np(errno));
        if (descriptor >= 0)
            close(descriptor);
    }
    errno = saved_errno;
}

void on_signal(int) {
    write_report();
}

// "USR1", "SIGUSR1" or "10"; 0 when it is none.
int signal_called(const char* name) {
    char* end = nullptr;
    const long number = strtol(name, &end, 10);
    if (end != name && *end == '\0')
        return number > 0 && number < NSIG ? static_cast<int>(number) : 0;
    if (strncmp(name, "SIG", 3) == 0)
        name += 3;
    for (int signal = 1; signal < NSIG; ++signal)
        if (const char* const its = sigabbrev_np(signal); its != nullptr && strcmp(name, its) == 0)
            return signal;
    return 0;
}

// A program that has a use of its own for the signal takes it over; one that it ignores stays ignored.
void report_on_signal(const char* name) {
    const int signal = signal_called(name);
    struct sigaction action = {};
    if (signal == 0 || sigaction(signal, nullptr, &action) != 0) {
        log_error("%s: '%s' is not a signal; accepted: a name as USR2, or a number", kSignalVariable, name);
        return;
    }
    if (action.sa_handler != SIG_DFL)
        return;
    action = {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    if (sigaction(signal, &action, nullptr) != 0)
        log_error("%s: '%s' cannot be caught; accepted: any signal but KILL and STOP", kSignalVariable, name);
}

__attribute__((constructor)) void at_start() {
    const char* const where = secure_getenv(kVariable);
    if (where == nullptr || where[0] == '\0')
        return;
    const std::size_t length = strlen(where);
    if (length >= sizeof wishes.pattern) {
        log_error("%s: longer than a path can be", kVariable);
        return;
    }
    memcpy(wishes.pattern, where, length + 1);
    wishes.to_stderr = strcmp(where, "1") == 0;
    const char* const format = secure_getenv(kFormatVariable);
    wishes.json = format != nullptr ? strcmp(format, "json") == 0
                                    : length > 5 && strcmp(where + length - 5, ".json") == 0;
    if (wishes.to_stderr)
        keep_stderr();
    wishes.wanted = true;
    if (const char* const signal = secure_getenv(kSignalVariable); signal != nullptr && signal[0] != '\0')
        report_on_signal(signal);
}

__attribute__((destructor)) void at_exit() {
    if (wishes.wanted && tiers_in_use().count > 0)
        write_report();
}

memtier_tier_statistics statistics_of(unsigned tier) {
    const TierInUse& its = tiers_in_use().tiers[tier];
    memtier_tier_statistics statistics = {};
    memtier_memory* const memory = memory_in_use();
    if (memory == nullptr || memtier_get_tier_statistics(memory, tier, &statistics) != 0) {
        statistics.ratio = its.ratio;
        statistics.allocated = memtier_kind_allocated_size(its.memory);
        statistics.peak = memtier_kind_peak_size(its.memory);
    }
    return statistics;
}

std::size_t mapped_in(const TierInUse& tier) {
    return tier.mapped == nullptr ? 0 : tier.mapped->load(std::memory_order_relaxed);
}

// "Input/output error" and "EIO"; neither allocates.
const char* text_of(int error) {
    const char* const text = strerrordesc_np(error);
    return text != nullptr ? text : "unknown error";
}
const char* name_of(int error) {
    const char* const name = strerrorname_np(error);
    return name != nullptr ? name : "?";
}

// A string of JSON's.
void add_quoted(Lines& lines, const char* text) {
    lines.add("\"");
    for (const char* c = text; *c != '\0' && c < text + kMostShownOfPath; ++c) {
        if (*c == '"' || *c == '\\')
            lines.add("\\%c", *c);
        else if (static_cast<unsigned char>(*c) < ' ')
            lines.add("\\u%04x", static_cast<unsigned>(*c));
        else
            lines.add("%c", *c);
    }
    lines.add("\"");
}

}  // namespace

std::size_t format_report(char* text, std::size_t size) {
    Lines lines(text, size);
    lines.add("# %s: bytes per tier of %s (process %d)\n", kLibraryName, program_invocation_short_name,
              static_cast<int>(getpid()));
    const TiersInUse& in_use = tiers_in_use();
    std::size_t width = 8;
    for (unsigned i = 0; i < in_use.count; ++i)
        width = strlen(in_use.tiers[i].name) > width ? strlen(in_use.tiers[i].name) : width;
    const int columns = static_cast<int>(width);
    lines.add("%-4s %-*s %10s %15s %15s %12s %8s %9s %15s  %s\n", "tier", columns, "kind", "ratio", "bytes",
              "peak_bytes", "allocations", "refusals", "passed_on", "mapped", "path");
    for (unsigned i = 0; i < in_use.count; ++i) {
        const TierInUse& tier = in_use.tiers[i];
        const memtier_tier_statistics its = statistics_of(i);
        lines.add("%-4u %-*s %10u %15zu %15zu %12zu %8zu %9zu %15zu  %.*s\n", i, columns, tier.name,
                  its.ratio, its.allocated, its.peak, its.allocations, its.refusals, its.passed_on,
                  mapped_in(tier), kMostShownOfPath, tier.path[0] != '\0' ? tier.path : "-");
    }
    for (unsigned i = 0; i < in_use.count; ++i) {
        const memtier_tier_statistics its = statistics_of(i);
        if (its.last_failure != nullptr)
            lines.add("# tier %u (%s) %s: %s: %s (%s), %zu times%s\n", i, in_use.tiers[i].name,
                      its.has_failed != 0 ? "failed" : "refused", its.last_failure, text_of(its.last_error),
                      name_of(its.last_error), its.failures,
                      its.has_failed != 0 ? "; it takes no more allocations" : "");
    }
    return lines.length();
}

std::size_t format_json_report(char* text, std::size_t size) {
    Lines lines(text, size);
    lines.add("{\"library\": \"%s\", \"process\": %d, \"program\": ", kLibraryName,
              static_cast<int>(getpid()));
    add_quoted(lines, program_invocation_short_name);
    lines.add(", \"tiers\": [");
    const TiersInUse& in_use = tiers_in_use();
    for (unsigned i = 0; i < in_use.count; ++i) {
        const TierInUse& tier = in_use.tiers[i];
        const memtier_tier_statistics its = statistics_of(i);
        lines.add(
            "%s\n  {\"kind\": \"%s\", \"ratio\": %u, \"bytes\": %zu, \"peak_bytes\": %zu, \"allocations\": "
            "%zu, "
            "\"refusals\": %zu, \"passed_on\": %zu, \"mapped\": %zu, \"failure\": ",
            i == 0 ? "" : ",", tier.name, its.ratio, its.allocated, its.peak, its.allocations, its.refusals,
            its.passed_on, mapped_in(tier));
        if (its.last_failure != nullptr)
            lines.add(
                "{\"what\": \"%s\", \"error\": \"%s\", \"text\": \"%s\", \"times\": %zu, \"lasting\": %s}",
                its.last_failure, name_of(its.last_error), text_of(its.last_error), its.failures,
                its.has_failed != 0 ? "true" : "false");
        else
            lines.add("null");
        lines.add(", \"path\": ");
        add_quoted(lines, tier.path);
        lines.add("}");
    }
    lines.add("\n]}\n");
    return lines.length();
}

bool write_all(int descriptor, const char* text, std::size_t length) {
    while (length > 0) {
        const ssize_t written = write(descriptor, text, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        text += written;
        length -= static_cast<std::size_t>(written);
    }
    return true;
}

}  // namespace terrace::preload
