#include "kinds/heap.hpp"

#include <string.h>

#include "src/check.hpp"

namespace terrace::kinds {

using namespace jemalloc;

// The slow path of kinds without jemalloc flags: a foreign heap, or no arena to be had.
void* allocate_elsewhere(memkind_t kind, std::size_t size, std::size_t alignment, bool zeroed) {
    void* pointer = nullptr;
    if (kind->foreign_heap != nullptr)
        pointer = kind->foreign_heap->allocate(kind, size, alignment, zeroed);
    if (pointer == nullptr)
        errno = ENOMEM;
    return pointer;
}

// The kind is full, or its free memory lies where this request cannot have it: collect it and try again.
void* allocate_after_purge(memkind_t kind, std::size_t size, int flags) {
    constexpr std::size_t kMostThatCouldFit = std::size_t{1} << windows::kAddressBits;
    void* pointer = nullptr;
    if (size < kMostThatCouldFit) {
        give_free_extents_back(kind);
        pointer = terrace_je_mallocx(size, flags);
    }
    if (pointer == nullptr)
        errno = ENOMEM;
    return pointer;
}

void deallocate_elsewhere(memkind_t kind, void* pointer) {
    if (kind->foreign_heap != nullptr)
        kind->foreign_heap->deallocate(kind, pointer);
    else
        terrace_je_dallocx(pointer, kTcacheNone);
}

namespace {

void* allocate_with(memkind_t kind, std::size_t size, std::size_t alignment, bool zeroed) {
    const int flags = flags_for(kind);
    if (flags == kNoFlags)
        return allocate_elsewhere(kind, size, alignment, zeroed);
    const int all_flags = flags | (zeroed ? kZero : 0) | (alignment > 1 ? align_flag(alignment) : 0);
    void* const pointer = terrace_je_mallocx(size, all_flags);
    return pointer != nullptr ? pointer : allocate_after_purge(kind, size, all_flags);
}

}  // namespace

void* allocate_zeroed(memkind_t kind, std::size_t size) {
    return allocate_with(kind, size, 0, true);
}

void* allocate_aligned(memkind_t kind, std::size_t alignment, std::size_t size) {
    return allocate_with(kind, size, alignment, false);
}

void* reallocate(void* pointer, std::size_t size) {
    memkind* const kind = kind_at(pointer);
    if (kind->foreign_heap != nullptr && size <= usable_size(pointer))
        return pointer;
    const int flags = flags_for(kind);
    if (flags == kNoFlags)
        return reallocate_to(kind, pointer, size);
    void* const moved = terrace_je_rallocx(pointer, size, flags);
    // A resize that has no room takes the long way, which collects free memory before it gives up.
    return moved != nullptr ? moved : reallocate_to(kind, pointer, size);
}

void* reallocate_to(memkind_t kind, void* pointer, std::size_t size) {
    memkind* const home = kind_at(pointer);
    if (home->foreign_heap != nullptr && !home->foreign_heap->may_move(home, pointer)) {
        errno = EINVAL;
        return nullptr;
    }
    const std::size_t old_size = usable_size(pointer);
    void* const moved = allocate(kind, size);
    if (moved == nullptr)
        return nullptr;
    memcpy(moved, pointer, old_size < size ? old_size : size);
    deallocate(pointer);
    return moved;
}

std::size_t usable_size(const void* pointer) {
    memkind* const kind = kind_at(pointer);
    REQUIRES(kind != nullptr);
    if (kind->foreign_heap != nullptr) [[unlikely]]
        return kind->foreign_heap->usable_size(kind, pointer);
    return terrace_je_sallocx(pointer, 0);
}

}  // namespace terrace::kinds
