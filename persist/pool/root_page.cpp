// See root_page.hpp.
#include "persist/pool/root_page.hpp"

#include <string.h>

#include "persist/pool/format/superblock.hpp"

namespace terrace::persist {

RootPage read_root_page(const Pool& pool) {
    RootPage page;
    memcpy(&page, pool.media.metadata + kRootOffset, sizeof page);
    return page;
}

void log_root_page(const Pool& pool, RecordBuilder& record, RootPage& changed) {
    changed.check = root_page_check(changed, pool.superblock.log_seed);
    const auto* before = reinterpret_cast<const uint64_t*>(pool.media.metadata + kRootOffset);
    const auto* after = reinterpret_cast<const uint64_t*>(&changed);
    for (uint64_t i = 0; i < kPageBytes / 8; ++i) {
        if (before[i] != after[i])
            record.add_store(kRootOffset + i * 8, after[i]);
    }
}

RootPage first_root_page(const Superblock& superblock) {
    RootPage page{};
    page.region_count = 1;
    page.region_end[0] = superblock.created_bytes;
    page.check = root_page_check(page, superblock.log_seed);
    return page;
}

}  // namespace terrace::persist
