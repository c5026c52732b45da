#include "kinds/fixed_source.hpp"

#include <sys/mman.h>

#include <new>

#include "src/own_memory.hpp"

namespace terrace::kinds {

FixedSource* FixedSource::create(std::size_t capacity) {
    void* const memory = map_own_memory(sizeof(FixedSource));
    return memory == nullptr ? nullptr : new (memory) FixedSource(capacity);
}

void FixedSource::dispose() {
    munmap(this, sizeof *this);
}

}  // namespace terrace::kinds
