// Free pages of a pool, in DRAM: a tag for the first and last page of each free extent, and lists by length,
// so that taking, giving back and merging with both neighbours cost the same whatever the pool's size.
// Rebuilt from the page table when a segment is first needed; nothing here is durable. Pages are numbered through the
// whole file, so the tables between two regions keep their free pages apart.
// Thread safety: guarded by its owner's lock, except the tags and slabs of pages that the caller holds an
// object in.
#pragma once

#include <atomic>
#include <cstdint>

#include "persist/pool/format/regions.hpp"

namespace terrace::persist {

struct Slab;

enum class PageTag : uint8_t { kUnknown = 0, kFree, kSlab, kLarge };

struct PageInfo {
    uint32_t pages;  // of the free extent (at its first and last page) or of the large object (at its first)
    uint32_t next;   // free list, at the first page
    uint32_t previous;
    std::atomic<PageTag> tag;
    union {
        Slab* slab;            // at every page of a slab
        uint64_t type_number;  // at the first page of a large object
    };
};

class ExtentHeap {
  public:
    static constexpr uint32_t kNone = UINT32_MAX;

    // `most_pages`: the number of the last page that there may ever be, plus one.
    [[nodiscard]] bool start(const Regions& regions, uint64_t most_pages);
    // Memory for the tags of the first `pages` pages, before the last of them are part of the pool. False, and nothing
    // changed, when there is none.
    [[nodiscard]] bool reach(uint64_t pages);
    void stop();

    PageInfo& info(uint64_t page) { return pages_[page]; }
    uint64_t free_pages() const { return free_pages_; }

    // Makes [first, first + count) free and merges it with its free neighbours.
    void give(uint64_t first, uint64_t count);
    // The first page of `count` free pages, or kNone. `alignment` in pages. With `inside_segment` the extent does
    // not cross a segment's end.
    uint32_t take(uint64_t count, uint64_t alignment, bool inside_segment);
    uint64_t largest_free() const;  // in pages

  private:
    static constexpr uint32_t kExactBins = 32;
    static constexpr uint32_t kLookedAt = 32;
    static constexpr uint32_t kBins = kExactBins + 27 * 8 + 8;
    static uint32_t bin_of(uint64_t count);
    void link(uint32_t first, uint32_t count);
    void unlink(uint32_t first);
    uint32_t cut(uint32_t first, uint64_t at, uint64_t count);
    uint64_t place_in(uint32_t first, uint64_t count, uint64_t alignment, bool inside_segment) const;

    const Regions* regions_ = nullptr;
    PageInfo* pages_ = nullptr;
    uint64_t page_count_ = 0;  // that have memory
    uint64_t most_pages_ = 0;
    uint64_t free_pages_ = 0;
    uint32_t heads_[kBins];
    uint64_t used_bins_[(kBins + 63) / 64] = {};
};

}  // namespace terrace::persist
