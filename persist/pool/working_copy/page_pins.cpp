// See page_pins.hpp. The table is address space: only the parts that belong to pages in use take memory.
// 8 bytes for each page of 4 KiB, 1/512 of the pool at most.
// Thread safety: start and stop exclude everything else.
#include "persist/pool/working_copy/page_pins.hpp"

#include <sys/mman.h>

namespace terrace::persist {

bool PagePins::start(uint64_t bytes) {
    mapped_bytes_ = (bytes + kPageBytes - 1) / kPageBytes * sizeof(Page);
    void* const memory = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    pages_ = static_cast<Page*>(memory);
    return true;
}

void PagePins::stop() {
    if (pages_ != nullptr)
        munmap(pages_, mapped_bytes_);
    pages_ = nullptr;
}

}  // namespace terrace::persist
