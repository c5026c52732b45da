// See regions.hpp.
// A region's last segment may be shorter than 32 MiB, and so may every region's only one.
#include "persist/pool/format/regions.hpp"

#include <algorithm>

#include "src/check.hpp"

namespace terrace::persist {
namespace {

constexpr uint64_t whole_pages(uint64_t bytes) {
    return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

}  // namespace

bool plan_region(uint64_t begin, uint64_t end, uint64_t first_segment, Region& region) {
    if (begin % kPageBytes != 0 || end % kPageBytes != 0 || end < begin || end - begin < kSmallestRegion)
        return false;
    uint64_t pages = (end - begin) / (kPageBytes + sizeof(PageDescriptor));
    for (;; --pages) {
        region.segment_count = (pages + kSegmentPages - 1) / kSegmentPages;
        region.page_table = begin + whole_pages(region.segment_count * sizeof(SegmentEntry));
        const uint64_t tables_end = region.page_table + whole_pages(pages * sizeof(PageDescriptor));
        if (tables_end + pages * kPageBytes <= end)
            break;
    }
    region.begin = begin;
    region.end = end;
    region.segment_table = begin;
    region.pages_offset = end - pages * kPageBytes;
    region.first_page = region.pages_offset / kPageBytes;
    region.page_count = pages;
    region.first_segment = first_segment;
    return true;
}

bool Regions::start(uint64_t first_begin, const uint64_t* ends, uint64_t count) {
    if (count == 0 || count > kMostRegions)
        return false;
    uint64_t begin = first_begin;
    uint64_t segments = 0;
    for (uint64_t i = 0; i < count; ++i) {
        if (ends[i] / kPageBytes >= UINT32_MAX || !plan_region(begin, ends[i], segments, regions_[i]))
            return false;
        begin = ends[i];
        segments += regions_[i].segment_count;
    }
    count_.store(static_cast<uint32_t>(count), std::memory_order_release);
    return true;
}

void Regions::add(const Region& region) {
    REQUIRES(count() < kMostRegions && (count() == 0 || region.begin == end()));
    const uint32_t count = count_.load(std::memory_order_relaxed);
    regions_[count] = region;
    count_.store(count + 1, std::memory_order_release);
}

const Region* Regions::of_page_slowly(uint64_t page) const {
    const uint32_t known = count();
    for (uint32_t i = 0; i < known; ++i) {
        if (regions_[i].has_page(page))
            return &regions_[i];
    }
    return nullptr;
}

Segment Regions::segment(uint64_t number) const {
    uint32_t i = count() - 1;
    while (regions_[i].first_segment > number)
        --i;
    const Region& region = regions_[i];
    const uint64_t within = number - region.first_segment;
    const uint64_t first = region.first_page + within * kSegmentPages;
    return {&region, region.segment_table + within * sizeof(SegmentEntry), first,
            std::min(first + kSegmentPages, region.first_page + region.page_count)};
}

}  // namespace terrace::persist
