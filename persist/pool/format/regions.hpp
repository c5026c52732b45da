// Where the tables and the pages of a pool lie. A pool begins with one region and gets another each time it grows;
// none ever moves or goes away. Pages are numbered through the whole file (offset / 4096), segments through all
// regions, 32 MiB of pages each, counted from a region's first page.
// Thread safety: readers take no lock; regions are added under the pool's root lock.
#pragma once

#include <atomic>
#include <cstdint>

#include "persist/pool/format/media_layout.hpp"

namespace terrace::persist {

struct Region {
    uint64_t begin;
    uint64_t end;
    uint64_t segment_table;  // offsets in the file
    uint64_t page_table;
    uint64_t pages_offset;
    uint64_t first_page;
    uint64_t page_count;
    uint64_t first_segment;
    uint64_t segment_count;

    bool has_page(uint64_t page) const { return page - first_page < page_count; }
    bool has_objects(uint64_t offset, uint64_t bytes) const {
        return offset >= pages_offset && offset < end && bytes <= end - offset;
    }
};

// Divides [begin, end) into tables and pages. False when not even a megabyte of pages would be left.
[[nodiscard]] bool plan_region(uint64_t begin, uint64_t end, uint64_t first_segment, Region& region);
constexpr uint64_t kSmallestRegion = 2u << 20;

struct Segment {
    const Region* region;
    uint64_t entry_offset;  // of its SegmentEntry
    uint64_t first_page;
    uint64_t end_page;
};

class Regions {
  public:
    // Takes the places from the superblock and the root page. False when they contradict each other.
    [[nodiscard]] bool start(uint64_t first_begin, const uint64_t* ends, uint64_t count);
    // REQUIRES: one thread at a time; region.begin == end(), unless it is the first.
    void add(const Region& region);

    uint32_t count() const { return count_.load(std::memory_order_acquire); }
    const Region& operator[](uint32_t i) const { return regions_[i]; }
    const Region& last() const { return regions_[count() - 1]; }
    uint64_t end() const { return last().end; }
    uint64_t segment_count() const { return last().first_segment + last().segment_count; }

    // Null for a page that holds no object.
    const Region* of_page(uint64_t page) const {
        if (regions_[0].has_page(page)) [[likely]]
            return &regions_[0];
        return of_page_slowly(page);
    }
    bool has_objects(uint64_t offset, uint64_t bytes) const {
        if (regions_[0].has_objects(offset, bytes)) [[likely]]
            return true;
        const Region* region = of_page_slowly(offset / kPageBytes);
        return region != nullptr && region->has_objects(offset, bytes);
    }
    // REQUIRES: of_page(page) is not null.
    uint64_t segment_of(uint64_t page) const {
        const Region& region = *of_page(page);
        return region.first_segment + (page - region.first_page) / kSegmentPages;
    }
    Segment segment(uint64_t number) const;
    uint64_t descriptor_of(uint64_t page) const {
        const Region& region = *of_page(page);
        return region.page_table + (page - region.first_page) * sizeof(PageDescriptor);
    }
    // The root page, or a table of a region: bytes that only the engine changes.
    bool is_metadata(uint64_t offset) const {
        if (offset < regions_[0].pages_offset)
            return true;
        return offset >= regions_[0].end && of_page_slowly(offset / kPageBytes) == nullptr;
    }

  private:
    const Region* of_page_slowly(uint64_t page) const;

    Region regions_[kMostRegions] = {};
    std::atomic<uint32_t> count_{0};
};

}  // namespace terrace::persist
