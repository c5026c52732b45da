#include "kinds/fixed_source.hpp"

#include <sys/mman.h>

#include <new>

namespace terrace::kinds {

FixedSource* FixedSource::create(std::size_t capacity) {
    void* const memory =
        mmap(nullptr, sizeof(FixedSource), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? nullptr : new (memory) FixedSource(capacity);
}

void FixedSource::dispose() {
    munmap(this, sizeof *this);
}

}  // namespace terrace::kinds
