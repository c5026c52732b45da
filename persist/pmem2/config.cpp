#include "persist/pmem2/config.hpp"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "persist/pmem2/granularity.hpp"
#include "persist/pmem2/result.hpp"

using namespace terrace::persist;

namespace {

int no_config(const char* function) {
    return fail(-EINVAL, "%s: cfg is NULL", function);
}

}  // namespace

int pmem2_config_new(struct pmem2_config** cfg) {
    if (cfg == nullptr)
        return no_config("pmem2_config_new");
    *cfg = static_cast<pmem2_config*>(malloc(sizeof(pmem2_config)));
    if (*cfg == nullptr)
        return fail(-ENOMEM, "pmem2_config_new: no memory for the config");
    **cfg = pmem2_config();
    return 0;
}

int pmem2_config_delete(struct pmem2_config** cfg) {
    if (cfg != nullptr) {
        free(*cfg);
        *cfg = nullptr;
    }
    return 0;
}

PMEM2_ANY_ENUM_VALUE int pmem2_config_set_required_store_granularity(struct pmem2_config* cfg,
                                                                     enum pmem2_granularity g) {
    if (cfg == nullptr)
        return no_config("pmem2_config_set_required_store_granularity");
    if (!is_granularity(g))
        return fail(PMEM2_E_GRANULARITY_NOT_SUPPORTED,
                    "pmem2_config_set_required_store_granularity: %d is not a granularity; accepted: "
                    "PMEM2_GRANULARITY_BYTE (0), _CACHE_LINE (1), _PAGE (2)",
                    static_cast<int>(g));
    cfg->granularity = g;
    return 0;
}

int pmem2_config_set_offset(struct pmem2_config* cfg, size_t offset) {
    if (cfg == nullptr)
        return no_config("pmem2_config_set_offset");
    if (offset > static_cast<size_t>(INT64_MAX))
        return fail(PMEM2_E_OFFSET_OUT_OF_RANGE, "pmem2_config_set_offset: offset %zu is above INT64_MAX",
                    offset);
    cfg->offset = offset;
    return 0;
}

int pmem2_config_set_length(struct pmem2_config* cfg, size_t length) {
    if (cfg == nullptr)
        return no_config("pmem2_config_set_length");
    cfg->length = length;
    return 0;
}

PMEM2_ANY_ENUM_VALUE int pmem2_config_set_sharing(struct pmem2_config* cfg, enum pmem2_sharing_type type) {
    if (cfg == nullptr)
        return no_config("pmem2_config_set_sharing");
    if (type != PMEM2_SHARED && type != PMEM2_PRIVATE)
        return fail(
            PMEM2_E_INVALID_SHARING_VALUE,
            "pmem2_config_set_sharing: %d is not a sharing; accepted: PMEM2_SHARED (0), PMEM2_PRIVATE (1)",
            static_cast<int>(type));
    cfg->sharing = type;
    return 0;
}

int pmem2_config_set_protection(struct pmem2_config* cfg, unsigned prot) {
    if (cfg == nullptr)
        return no_config("pmem2_config_set_protection");
    constexpr unsigned kKnown = PMEM2_PROT_EXEC | PMEM2_PROT_READ | PMEM2_PROT_WRITE;
    if ((prot & ~kKnown) != 0)
        return fail(PMEM2_E_INVALID_PROT_FLAG, "pmem2_config_set_protection: unknown flags 0x%x in 0x%x",
                    prot & ~kKnown, prot);
    cfg->protection = prot;
    return 0;
}

int pmem2_config_set_vm_reservation(struct pmem2_config* cfg, struct pmem2_vm_reservation* rsv,
                                    size_t offset) {
    if (cfg == nullptr)
        return no_config("pmem2_config_set_vm_reservation");
    cfg->reservation = rsv;
    cfg->reservation_offset = offset;
    return 0;
}
