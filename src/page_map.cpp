#include "src/page_map.hpp"

#include <sys/mman.h>

namespace terrace::page_map {

__attribute__((visibility("hidden"))) Entry* sheets[kGranuleCount];

// What libmemtier.so knows it by (tiering/shortcut.hpp).
extern "C" __attribute__((visibility("default"), alias("_ZN7terrace8page_map6sheetsE")))
Entry* terrace_preload_3_sheets[kGranuleCount];

namespace {

constexpr std::size_t kSheetBytes = kPagesInGranule * sizeof(Entry);

// Acquires the sheet, which may have been made for an earlier kind by a thread that this one never met.
Entry* sheet_of(std::uintptr_t granule) {
    return __atomic_load_n(&sheets[granule], __ATOMIC_ACQUIRE);
}

bool make_sheets(std::uintptr_t first, std::uintptr_t end) {
    void* const memory = mmap(nullptr, (end - first) * kSheetBytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    for (std::uintptr_t granule = first; granule < end; ++granule) {
        Entry* const sheet = static_cast<Entry*>(memory) + (granule - first) * kPagesInGranule;
        Entry* expected = nullptr;
        // Two kinds may have buffers in one granule and come here at the same time.
        if (!__atomic_compare_exchange_n(&sheets[granule], &expected, sheet, false, __ATOMIC_RELEASE,
                                         __ATOMIC_ACQUIRE))
            munmap(sheet, kSheetBytes);
    }
    return true;
}

}  // namespace

bool cover(const char* base, std::size_t size) {
    const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(base) >> kGranuleBits;
    const std::uintptr_t end = (reinterpret_cast<std::uintptr_t>(base) + size - 1) >> kGranuleBits;
    if (size == 0)
        return true;
    if (end >= kGranuleCount)
        return false;
    for (std::uintptr_t granule = begin; granule <= end;) {
        std::uintptr_t next = granule + 1;
        if (sheet_of(granule) == nullptr) {
            while (next <= end && sheet_of(next) == nullptr)
                ++next;
            if (!make_sheets(granule, next))
                return false;
        }
        granule = next;
    }
    return true;
}

void clear(const char* base, std::size_t size) {
    constexpr std::size_t kPage = std::size_t{1} << kPageBits;
    std::uintptr_t at = reinterpret_cast<std::uintptr_t>(base);
    const std::uintptr_t end = at + size;
    constexpr std::size_t kGranule = std::size_t{1} << kGranuleBits;
    while (at < end) {
        Entry* const sheet = sheet_of(at >> kGranuleBits);
        if (at % kGranule == 0 && end - at >= kGranule && sheet != nullptr) {
            madvise(sheet, kSheetBytes, MADV_DONTNEED);
            at += kGranule;
            continue;
        }
        if (sheet != nullptr)
            set_entry(reinterpret_cast<const void*>(at), 0);
        at += kPage;
    }
}

}  // namespace terrace::page_map
