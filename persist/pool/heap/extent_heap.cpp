// See extent_heap.hpp. Bins: one for each length up to 32 pages, then eight to each doubling. Within a bin
// the search is first fit over a few entries; every extent in a later bin fits a plain request. The tag array
// has addresses for all that the pool may grow to, and memory for what it has: the kernel counts memory that could be
// written (RLIMIT_DATA, vm.overcommit_memory=2). A page of it costs DRAM only when a tag on it is written.
#include "persist/pool/heap/extent_heap.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>

#include "src/check.hpp"

namespace terrace::persist {

bool ExtentHeap::start(const Regions& regions, uint64_t most_pages) {
    regions_ = &regions;
    page_count_ = 0;
    most_pages_ = most_pages;
    void* memory = mmap(nullptr, most_pages * sizeof(PageInfo), PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    pages_ = static_cast<PageInfo*>(memory);
    for (uint32_t& head : heads_)
        head = kNone;
    return reach(regions.end() / kPageBytes);
}

bool ExtentHeap::reach(uint64_t pages) {
    if (pages > most_pages_ || mprotect(pages_, pages * sizeof(PageInfo), PROT_READ | PROT_WRITE) != 0)
        return false;
    page_count_ = std::max(page_count_, pages);
    return true;
}

void ExtentHeap::stop() {
    if (pages_ != nullptr)
        munmap(pages_, most_pages_ * sizeof(PageInfo));
    pages_ = nullptr;
}

uint32_t ExtentHeap::bin_of(uint64_t count) {
    if (count <= kExactBins)
        return static_cast<uint32_t>(count - 1);
    const auto doubling = static_cast<uint32_t>(std::bit_width(count)) - 6;  // 33..63 pages: 0
    return kExactBins + doubling * 8 + static_cast<uint32_t>((count >> (doubling + 2)) & 7);
}

void ExtentHeap::link(uint32_t first, uint32_t count) {
    const uint32_t bin = bin_of(count);
    PageInfo& head = pages_[first];
    PageInfo& tail = pages_[first + count - 1];
    head.pages = tail.pages = count;
    head.tag.store(PageTag::kFree, std::memory_order_relaxed);
    tail.tag.store(PageTag::kFree, std::memory_order_relaxed);
    head.previous = kNone;
    head.next = heads_[bin];
    if (head.next != kNone)
        pages_[head.next].previous = first;
    heads_[bin] = first;
    used_bins_[bin / 64] |= 1ull << (bin % 64);
    free_pages_ += count;
}

void ExtentHeap::unlink(uint32_t first) {
    PageInfo& head = pages_[first];
    const uint32_t count = head.pages;
    const uint32_t bin = bin_of(count);
    if (head.previous != kNone)
        pages_[head.previous].next = head.next;
    else
        heads_[bin] = head.next;
    if (head.next != kNone)
        pages_[head.next].previous = head.previous;
    if (heads_[bin] == kNone)
        used_bins_[bin / 64] &= ~(1ull << (bin % 64));
    head.tag.store(PageTag::kUnknown, std::memory_order_relaxed);
    pages_[first + count - 1].tag.store(PageTag::kUnknown, std::memory_order_relaxed);
    free_pages_ -= count;
}

void ExtentHeap::give(uint64_t first, uint64_t count) {
    REQUIRES(count > 0 && first + count <= page_count_);
    if (first > 0 && pages_[first - 1].tag.load(std::memory_order_relaxed) == PageTag::kFree) {
        const uint32_t before = pages_[first - 1].pages;
        unlink(static_cast<uint32_t>(first - before));
        first -= before;
        count += before;
    }
    if (first + count < page_count_ &&
        pages_[first + count].tag.load(std::memory_order_relaxed) == PageTag::kFree) {
        const uint32_t after = pages_[first + count].pages;
        unlink(static_cast<uint32_t>(first + count));
        count += after;
    }
    link(static_cast<uint32_t>(first), static_cast<uint32_t>(count));
}

// Where in the free extent at `first` the request fits; kNone when it does not.
uint64_t ExtentHeap::place_in(uint32_t first, uint64_t count, uint64_t alignment, bool inside_segment) const {
    const uint64_t end = uint64_t{first} + pages_[first].pages;
    uint64_t at = (first + alignment - 1) / alignment * alignment;
    if (inside_segment) {
        const uint64_t start = regions_->of_page(first)->first_page;
        const uint64_t segment = (at - start) / kSegmentPages;
        if (segment != (at + count - 1 - start) / kSegmentPages)
            at = start + (segment + 1) * kSegmentPages;
    }
    return at + count <= end ? at : kNone;
}

// The pages [at, at + count) of the free extent at `first`; what is left of it stays free.
uint32_t ExtentHeap::cut(uint32_t first, uint64_t at, uint64_t count) {
    const uint64_t end = uint64_t{first} + pages_[first].pages;
    unlink(first);
    if (at > first)
        link(first, static_cast<uint32_t>(at - first));
    if (at + count < end)
        link(static_cast<uint32_t>(at + count), static_cast<uint32_t>(end - at - count));
    return static_cast<uint32_t>(at);
}

uint64_t ExtentHeap::largest_free() const {
    for (uint32_t bin = kBins; bin-- > 0;) {
        uint64_t largest = 0;
        for (uint32_t first = heads_[bin]; first != kNone; first = pages_[first].next)
            largest = std::max<uint64_t>(largest, pages_[first].pages);
        if (largest != 0)
            return largest;
    }
    return 0;
}

uint32_t ExtentHeap::take(uint64_t count, uint64_t alignment, bool inside_segment) {
    if (count == 0 || count > page_count_)
        return kNone;
    for (uint32_t bin = bin_of(count); bin < kBins; ++bin) {
        const uint64_t rest = used_bins_[bin / 64] >> (bin % 64);
        if (rest == 0) {
            bin = bin / 64 * 64 + 63;
            continue;
        }
        bin += static_cast<uint32_t>(std::countr_zero(rest));
        // The lowest address of a few: so the pool's end stays free, in large pieces.
        uint32_t best = kNone;
        uint64_t best_at = kNone;
        uint32_t seen = 0;
        for (uint32_t first = heads_[bin]; first != kNone && seen < kLookedAt; first = pages_[first].next) {
            const uint64_t at = place_in(first, count, alignment, inside_segment);
            if (at == kNone)
                continue;
            ++seen;
            if (at < best_at) {
                best = first;
                best_at = at;
            }
        }
        if (best != kNone)
            return cut(best, best_at, count);
    }
    return kNone;
}

}  // namespace terrace::persist
