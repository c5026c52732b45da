// Poolset files: text that names the files of a pool.
//
//     PMEMPOOLSET
//     OPTION SINGLEHDR           # accepted: there is one part, so it makes no difference
//     16G /mnt/pmem/shop.part    # the size and the absolute path of a part; # begins a comment
//
// One part works: the pool is that file. Several parts, directories and replicas are refused with ENOTSUP.
// Thread safety: pure functions of files.
#pragma once

#include <linux/limits.h>

#include <cstdint>

namespace terrace::persist {

struct PoolSet {
    char part[PATH_MAX];
    uint64_t bytes;
};

// Whether `path` is such a file.
bool is_pool_set(const char* path);
// 0, or an errno with a message that names file and line.
[[nodiscard]] int read_pool_set(const char* path, PoolSet& set);

}  // namespace terrace::persist
