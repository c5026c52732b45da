// Which pages of the working copy the program has made its own: they are anonymous memory, the others are pages
// of the file. Found by PAGEMAP_SCAN (Linux 6.7: walks what is mapped only) or by reading /proc/self/pagemap
// (8 bytes for each page, mapped or not). Pages that were swapped out take no DRAM and do not count.
// Thread safety: one owner.
#pragma once

#include <cstdint>

#include "persist/pool/working_copy/own_files.hpp"

namespace terrace::persist {

struct PageRun {
    uint64_t first;
    uint64_t count;
};

class PrivatePages {
  public:
    [[nodiscard]] int open() { return pagemap_.open("/proc/self/pagemap"); }  // 0 or an errno: no pagemap
    LentFile& file() { return pagemap_; }

    // Up to `most` runs in [first, end), in order; how many. `next`: where to go on, `end` when all was seen.
    // A run may go on in the next call's first run. REQUIRES: most > 0.
    [[nodiscard]] uint64_t find(const char* base, uint64_t first, uint64_t end, PageRun* runs, uint64_t most,
                                uint64_t& next);
    // All of them in [0, end).
    uint64_t count(const char* base, uint64_t end);

  private:
    uint64_t scan(const char* base, uint64_t first, uint64_t end, PageRun* runs, uint64_t most,
                  uint64_t& next, bool& is_possible);
    uint64_t read(const char* base, uint64_t first, uint64_t end, PageRun* runs, uint64_t most,
                  uint64_t& next) const;

    LentFile pagemap_;
    bool can_scan_ = true;
};

// Anonymous pages of the whole process (/proc/self/statm), the program's own memory included. Cheap.
class AnonymousPages {
  public:
    [[nodiscard]] int open() { return statm_.open("/proc/self/statm"); }
    LentFile& file() { return statm_; }
    uint64_t count() const;

  private:
    LentFile statm_;
};

}  // namespace terrace::persist
