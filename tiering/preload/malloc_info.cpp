// What a program may ask or tell the C library's allocator about itself, answered for the tiers of the
// preload library. The knobs of glibc's heap have no meaning here: they are accepted and change nothing.
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "tiering/preload/report.hpp"
#include "tiering/preload/tiers_in_use.hpp"

#define TERRACE_INTERPOSE extern "C" __attribute__((visibility("default")))

namespace {

using terrace::preload::TierInUse;
using terrace::preload::tiers_in_use;

size_t bytes_in_all_tiers() {
    size_t bytes = 0;
    for (unsigned i = 0; i < tiers_in_use().count; ++i)
        bytes += memtier_kind_allocated_size(tiers_in_use().tiers[i].memory);
    return bytes;
}

}  // namespace

// Memory that is free goes back to its tier by itself, after a while; there is nothing to do now.
TERRACE_INTERPOSE int malloc_trim(size_t) noexcept {
    return 0;
}

// 1: accepted.
TERRACE_INTERPOSE int mallopt(int, int) noexcept {
    return 1;
}

TERRACE_INTERPOSE struct mallinfo2 mallinfo2(void) noexcept {
    struct mallinfo2 info = {};
    info.arena = info.uordblks = bytes_in_all_tiers();
    return info;
}

// The old structure's ints hold 2 GiB: more is cut to the largest, where glibc's wrap around.
TERRACE_INTERPOSE struct mallinfo mallinfo(void) noexcept {
    constexpr size_t kMostAnIntHolds = 0x7fffffff;
    const size_t bytes = bytes_in_all_tiers();
    struct mallinfo info = {};
    info.arena = info.uordblks = static_cast<int>(bytes < kMostAnIntHolds ? bytes : kMostAnIntHolds);
    return info;
}

TERRACE_INTERPOSE void malloc_stats(void) noexcept {
    char text[terrace::preload::kLongestReport];
    terrace::preload::write_all(STDERR_FILENO, text, terrace::preload::format_report(text, sizeof text));
}

TERRACE_INTERPOSE int malloc_info(int options, FILE* stream) noexcept {
    if (options != 0)
        return EINVAL;
    fprintf(stream, "<malloc version=\"1\">\n");
    for (unsigned i = 0; i < tiers_in_use().count; ++i) {
        const TierInUse& tier = tiers_in_use().tiers[i];
        fprintf(stream,
                "<tier nr=\"%u\" kind=\"%s\" ratio=\"%u\"><system type=\"current\" size=\"%zu\"/>"
                "<system type=\"max\" size=\"%zu\"/></tier>\n",
                i, tier.name, tier.ratio, memtier_kind_allocated_size(tier.memory),
                memtier_kind_peak_size(tier.memory));
    }
    fprintf(stream, "</malloc>\n");
    return 0;
}
