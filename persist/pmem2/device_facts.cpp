// Who the NVDIMMs below a source are, how often they lost power unsafely, and which NUMA node they are near
// to. Thread safety: any thread; the functions read files and keep nothing.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "persist/pmem2/nvdimm.hpp"
#include "persist/pmem2/public.hpp"
#include "persist/pmem2/result.hpp"

using namespace terrace::persist;

namespace {

constexpr std::size_t kLongestIdentifier = 128;  // the kernel's have 22 letters: 8680-57341200-0001-0000

int no_nvdimm(const char* function) {
    return fail(PMEM2_E_NOSUPP, "%s: the source lies on no NVDIMM that the kernel knows", function);
}

// The region of a source. Returns 0 or a result that the function returns.
int region_of(const pmem2_source& source, const char* function, int* region) {
    if (source.kind == pmem2_source::kAnonymous)
        return fail(PMEM2_E_NOSUPP, "%s: the source is anonymous memory, which is on no device", function);
    DevicePlace place;
    *region = find_device(source, &place) ? place.region : -1;
    return 0;
}

}  // namespace

int pmem2_source_device_id(const struct pmem2_source* src, char* id, size_t* len) {
    constexpr const char* kHere = "pmem2_source_device_id";
    if (src == nullptr || len == nullptr)
        return fail(-EINVAL, "%s: %s is NULL", kHere, src == nullptr ? "src" : "len");
    int region = -1;
    if (const int result = region_of(*src, kHere, &region); result != 0)
        return result;
    char nvdimm[32];
    char text[kLongestIdentifier];
    std::size_t needed = 1;
    for (unsigned i = 0; region >= 0 && nvdimm_of_region(region, i, nvdimm); ++i) {
        if (!nvdimm_text(nvdimm, "id", text, sizeof text))
            return fail(PMEM2_E_NOSUPP, "%s: the kernel tells no identifier of %s", kHere, nvdimm);
        needed += strlen(text);
    }
    if (needed == 1)
        return no_nvdimm(kHere);
    if (id == nullptr) {
        *len = needed;
        return 0;
    }
    if (*len < needed)
        return fail(PMEM2_E_BUFFER_TOO_SMALL, "%s: the identifier needs %zu bytes, and *len is %zu", kHere,
                    needed, *len);
    // Read again rather than kept: a region may have 32 NVDIMMs.
    char* at = id;
    std::size_t room = needed;
    for (unsigned i = 0; nvdimm_of_region(region, i, nvdimm) && nvdimm_text(nvdimm, "id", text, sizeof text);
         ++i) {
        const std::size_t length = strnlen(text, room - 1);
        memcpy(at, text, length);
        at += length;
        room -= length;
    }
    *at = '\0';
    return 0;
}

int pmem2_source_device_usc(const struct pmem2_source* src, uint64_t* usc) {
    constexpr const char* kHere = "pmem2_source_device_usc";
    if (src == nullptr || usc == nullptr)
        return fail(-EINVAL, "%s: %s is NULL", kHere, src == nullptr ? "src" : "usc");
    int region = -1;
    if (const int result = region_of(*src, kHere, &region); result != 0)
        return result;
    char nvdimm[32];
    uint64_t sum = 0;
    unsigned count = 0;
    for (; region >= 0 && nvdimm_of_region(region, count, nvdimm); ++count) {
        char text[32];
        char* end = nullptr;
        if (!nvdimm_text(nvdimm, "dirty_shutdown", text, sizeof text))
            return fail(PMEM2_E_NOSUPP, "%s: the kernel tells no unsafe shutdown count of %s", kHere, nvdimm);
        const unsigned long long one = strtoull(text, &end, 0);
        if (end == text || *end != '\0')
            return fail(PMEM2_E_NOSUPP, "%s: the unsafe shutdown count of %s is '%s', which is no number",
                        kHere, nvdimm, text);
        sum += one;
    }
    if (count == 0)
        return no_nvdimm(kHere);
    *usc = sum;
    return 0;
}

int pmem2_source_numa_node(const struct pmem2_source* src, int* numa_node) {
    constexpr const char* kHere = "pmem2_source_numa_node";
    if (src == nullptr || numa_node == nullptr)
        return fail(-EINVAL, "%s: %s is NULL", kHere, src == nullptr ? "src" : "numa_node");
    int region = -1;
    if (const int result = region_of(*src, kHere, &region); result != 0)
        return result;
    uint64_t node = 0;
    if (region < 0 || !region_number(region, "numa_node", &node))
        return fail(PMEM2_E_DAX_REGION_NOT_FOUND, "%s: fd %d lies on no NVDIMM region that the kernel knows",
                    kHere, src->fd);
    *numa_node = static_cast<int>(node);  // "-1" where the firmware does not say
    return 0;
}
