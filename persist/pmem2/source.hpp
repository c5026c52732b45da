// What is mapped: an open file, a device DAX, or memory without a file. The struct behind pmem2_source of
// include/libpmem2.h. Thread safety: a source does not change once it is made.
#pragma once

#include <sys/stat.h>

#include <cstddef>

#include "persist/pmem2/public.hpp"

struct pmem2_source {
    enum Kind { kAnonymous, kFile, kDeviceDax };

    Kind kind = kAnonymous;
    int fd = -1;               // the program's
    bool is_writable = false;  // opened for reading and writing
    std::size_t size = 0;      // of anonymous memory, in bytes
    struct stat file = {};     // as it was; a device's numbers do not change, a file's size does
};

namespace terrace::persist {

[[nodiscard]] std::size_t page_size();

}  // namespace terrace::persist
