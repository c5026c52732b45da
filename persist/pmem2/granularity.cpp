#include "persist/pmem2/granularity.hpp"

#include <stdlib.h>
#include <strings.h>

namespace terrace::persist {

bool is_granularity(int value) {
    return value >= PMEM2_GRANULARITY_BYTE && value <= PMEM2_GRANULARITY_PAGE;
}

const char* granularity_name(int granularity) {
    static constexpr const char* kNames[] = {"byte", "cache line", "page"};
    return is_granularity(granularity) ? kNames[granularity] : "unknown";
}

pmem2_granularity granularity_of(bool is_shared, bool is_durable_memory, bool platform_saves_caches) {
    if (!is_shared)
        return PMEM2_GRANULARITY_BYTE;  // what only this process sees ends with it: nothing to make durable
    if (!is_durable_memory)
        return PMEM2_GRANULARITY_PAGE;
    return platform_saves_caches ? PMEM2_GRANULARITY_BYTE : PMEM2_GRANULARITY_CACHE_LINE;
}

bool forced_granularity(pmem2_granularity* granularity) {
    const char* const text = secure_getenv("PMEM2_FORCE_GRANULARITY");
    if (text == nullptr)
        return false;
    if (strcasecmp(text, "BYTE") == 0)
        *granularity = PMEM2_GRANULARITY_BYTE;
    else if (strcasecmp(text, "CACHE_LINE") == 0 || strcasecmp(text, "CACHELINE") == 0)
        *granularity = PMEM2_GRANULARITY_CACHE_LINE;
    else if (strcasecmp(text, "PAGE") == 0)
        *granularity = PMEM2_GRANULARITY_PAGE;
    else
        return false;
    return true;
}

}  // namespace terrace::persist
