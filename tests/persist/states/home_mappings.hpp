// Where in this process a file is mapped shared, from /proc/self/maps: turns the address of a write-back into an
// offset in the file.
#pragma once

#include <cstdint>
#include <vector>

namespace terrace::persist::states {

class HomeMappings {
  public:
    void set_inode(uint64_t inode) { inode_ = inode; }
    // The pool was opened or closed: its mappings are elsewhere now.
    void forget() { mapped_.clear(); }
    // False: no shared mapping of the file has this address.
    bool offset_of(const char* address, uint64_t& offset);

  private:
    struct Mapped {
        uintptr_t begin;
        uintptr_t end;
        uint64_t offset;
    };
    void read();

    uint64_t inode_ = 0;
    std::vector<Mapped> mapped_;
};

}  // namespace terrace::persist::states
