// The working copy: the whole pool file mapped private at one range of addresses, with room for the Pool
// structure just before it; and the home: the same file mapped shared, where the medium takes stores. Both
// have addresses reserved after them, so that a pool grows in place. Also decides the granularity, once per
// open. A forked child does not inherit the home (MADV_DONTFORK), so no bug of its can reach the parent's pool.
#pragma once

#include <cstdint>

#include "persist/pool/medium.hpp"

namespace terrace::persist {

struct Mapping {
    char* base = nullptr;  // of the working copy; kPoolStructBytes of zeroed memory lie before it
    char* home = nullptr;  // null at page granularity
    Granularity granularity = Granularity::kPage;
    void* reserved = nullptr;
    uint64_t reserved_bytes = 0;
    void* reserved_home = nullptr;
    uint64_t reserved_home_bytes = 0;
    int home_flags = 0;  // that the home was mapped with
    // The file cannot be mapped private (device DAX): the working copy is memory that has to be filled.
    bool is_anonymous = false;
    uint64_t bytes = 0;  // of the file that are mapped, in both

    uint64_t most_bytes() const;  // to which it can be extended
};

// 0 or an errno with the message set.
// Without `with_home` the file is never written: page granularity, whatever the medium.
[[nodiscard]] int map_pool_file(int file, const char* path, uint64_t bytes, Mapping& mapping, bool with_home);
void unmap_pool_file(const Mapping& mapping);

// Maps [mapping.bytes, new_bytes) of the file behind what is mapped, in the working copy and in the home; no
// address changes. 0, or an errno with the message set and nothing changed: ENOMEM beyond most_bytes().
// REQUIRES: the file has new_bytes bytes, whole pages; nobody else extends it at the same time.
[[nodiscard]] int extend_mapping(int file, const char* path, uint64_t new_bytes, Mapping& mapping);

// Calls `visit` for each run of pages of the working copy that were written since it was mapped; stops at an
// error. Without /proc/self/pagemap every page is visited.
using PageRunVisitor = int (*)(void* context, uint64_t offset, uint64_t bytes);
[[nodiscard]] int visit_written_pages(const Mapping& mapping, PageRunVisitor visit, void* context);

}  // namespace terrace::persist
