// See report.hpp. The destructor below is the only thing that happens at exit: the tiers themselves stay.
#include "tiering/preload/report.hpp"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/log.hpp"
#include "tiering/preload/tiers_in_use.hpp"

namespace terrace::preload {
namespace {

constexpr const char* kVariable = "MEMKIND_MEM_TIERING_REPORT";

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

// PATH with %p replaced by the process id, so that the processes of one command do not overwrite each other's report.
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

void report_to(const char* where, const char* text, std::size_t length) {
    if (strcmp(where, "1") == 0) {
        write_all(STDERR_FILENO, text, length);
        return;
    }
    char path[PATH_MAX];
    expand_process_id(where, path, sizeof path);
    const int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor < 0 || !write_all(descriptor, text, length))
        log_error("%s: '%s' cannot be written: %s", kVariable, path, strerrordesc_np(errno));
    if (descriptor >= 0)
        close(descriptor);
}

__attribute__((destructor)) void at_exit() {
    const char* where = secure_getenv(kVariable);
    if (where == nullptr || where[0] == '\0' || tiers_in_use().count == 0)
        return;
    const int saved_errno = errno;
    char text[kLongestReport];
    report_to(where, text, format_report(text, sizeof text));
    errno = saved_errno;
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
    lines.add("%-4s %-*s %10s %15s %15s  %s\n", "tier", columns, "kind", "ratio", "bytes", "peak_bytes",
              "path");
    for (unsigned i = 0; i < in_use.count; ++i) {
        const TierInUse& tier = in_use.tiers[i];
        lines.add("%-4u %-*s %10u %15zu %15zu  %s\n", i, columns, tier.name, tier.ratio,
                  memtier_kind_allocated_size(tier.memory), memtier_kind_peak_size(tier.memory),
                  tier.path[0] != '\0' ? tier.path : "-");
    }
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
