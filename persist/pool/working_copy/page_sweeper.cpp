// See page_sweeper.hpp.
// The images of a batch are copied while the pages are held, so no commit has anything on its way there; words
// are copied whole, since other threads may be storing to them. A store that comes later makes the page differ
// from home again: the dropper sees it, for it compares once more where nobody can store.
#include "persist/pool/working_copy/page_sweeper.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>

#include "persist/pool/populate.hpp"

namespace terrace::persist {
namespace {

constexpr uint64_t kPageWords = kPageBytes / 8;

// Whether the page differs from `home`, or may: null for a home that is not looked at. Copied to `image` in any
// case. The program may be storing there: that is meant to be so.
__attribute__((no_sanitize("thread"))) bool copy_and_compare(char* image, const char* copy,
                                                             const char* home) {
    const auto* const from = reinterpret_cast<const volatile uint64_t*>(copy);
    const auto* const same = reinterpret_cast<const uint64_t*>(home);
    auto* const to = reinterpret_cast<uint64_t*>(image);
    uint64_t difference = 0;
    for (uint64_t i = 0; i < kPageWords; ++i) {
        const uint64_t word = from[i];
        if (same != nullptr)
            difference |= word ^ same[i];
        to[i] = word;
    }
    return same == nullptr || difference != 0;
}

}  // namespace

int PageSweeper::start(PoolHome& media, PageDropper& dropper, PagePins& pins, PrivatePages& pages,
                       Mutex& between_forks) {
    void* const memory =
        mmap(nullptr, kBatchPages * kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return errno;
    images_ = static_cast<char*>(memory);
    media_ = &media;
    dropper_ = &dropper;
    pins_ = &pins;
    pages_ = &pages;
    between_forks_ = &between_forks;
    hand_ = 0;
    return 0;
}

void PageSweeper::stop() {
    if (images_ != nullptr)
        munmap(images_, kBatchPages * kPageBytes);
    images_ = nullptr;
}

PageSweeper::Progress PageSweeper::step(uint64_t pages) {
    constexpr uint64_t kRuns = 32;
    constexpr uint64_t kEnough = 512;
    PageRun runs[kRuns];
    Progress progress;
    pages_of_pool_ = pages;
    while (progress.seen < kEnough && !progress.is_round) {
        const uint64_t found = pages_->find(media_->base, hand_, pages, runs, kRuns, hand_);
        for (uint64_t i = 0; i < found; ++i)
            take_run(runs[i], progress);
        progress.is_round = hand_ >= pages;
    }
    drop_candidates(progress);
    if (progress.is_round)
        hand_ = 0;
    return progress;
}

void PageSweeper::take_run(PageRun run, Progress& progress) {
    progress.seen += run.count;
    const uint64_t end = run.first + run.count;
    for (uint64_t first = run.first; first < end;) {
        const uint64_t count = std::min(end, (first / kBatchPages + 1) * kBatchPages) - first;
        take_batch(first, count, progress);  // which lies in one block
        first += count;
    }
}

// Holds those of the pages that nobody relies on, writes home what differs, and lets go.
void PageSweeper::take_batch(uint64_t first, uint64_t count, Progress& progress) {
    if (dropper_->is_closed(first))
        return;  // by this sweep, after it had found these pages
    const char* const home = dropper_->twin() + first * kPageBytes;
    unsigned char residency[kBatchPages];
    const bool all_are_cached = is_cached(first, count, residency);
    if (all_are_cached)
        madvise(const_cast<char*>(home), count * kPageBytes, MADV_POPULATE_READ);
    bool has_written = false;
    bool is_held[kBatchPages];
    bool is_candidate[kBatchPages];
    bool is_different[kBatchPages];
    for (uint64_t i = 0; i < count; ++i) {
        const uint64_t page = first + i;
        const bool is_logged = pins_->is_logged(page);
        progress.logged += is_logged;
        is_held[i] = !is_logged && pins_->try_hold(page);
        // It may have been logged between the two looks.
        is_candidate[i] = is_held[i] && !pins_->is_logged(page);
        is_different[i] = false;
        if (!is_candidate[i])
            continue;
        // To look at a home that is not cached would mean to read it from the disk: it is rather written at once.
        const char* const compared =
            all_are_cached || (residency[i] & 1) != 0 ? home + i * kPageBytes : nullptr;
        is_different[i] =
            copy_and_compare(images_ + i * kPageBytes, media_->base + page * kPageBytes, compared);
        // The engine brings its own tables home, and may have done so before it changes the copy.
        if (is_different[i] && media_->regions.of_page(page) == nullptr)
            is_candidate[i] = is_different[i] = false;
    }
    for (uint64_t i = 0; i < count;) {
        uint64_t end = i;
        while (end < count && is_different[end])
            ++end;
        if (end == i) {
            ++i;
            continue;
        }
        has_written = true;
        const bool is_home = bring_home(images_ + i * kPageBytes, first + i, end - i);
        for (; i < end; ++i)
            is_candidate[i] = is_home;
    }
    for (uint64_t i = 0; i < count; ++i) {
        if (is_held[i])
            pins_->let_go(first + i);
    }
    // Pages of the cache that are written can be had by others. Nobody waits for this.
    if (has_written)
        sync_file_range(media_->file, static_cast<off64_t>(first * kPageBytes),
                        static_cast<off64_t>(count * kPageBytes), SYNC_FILE_RANGE_WRITE);
    for (uint64_t i = 0; i < count; ++i) {
        if (is_candidate[i])
            add_candidate(first + i, progress);
    }
}

// Where homes are written as whole pages, which need not be read for that: whether they are all at hand, and which.
bool PageSweeper::is_cached(uint64_t first, uint64_t count, unsigned char* residency) const {
    if (media_->granularity != Granularity::kPage ||
        mincore(const_cast<char*>(dropper_->twin()) + first * kPageBytes, count * kPageBytes, residency) != 0)
        return true;
    bool all_are = true;
    for (uint64_t i = 0; i < count; ++i) {
        // Metadata is compared in any case: it is never written here.
        if (media_->regions.of_page(first + i) == nullptr)
            residency[i] |= 1;
        all_are = all_are && (residency[i] & 1) != 0;
    }
    return all_are;
}

// REQUIRES: the pages are held; `image` is their content.
bool PageSweeper::bring_home(const char* image, uint64_t first, uint64_t count) {
    const uint64_t offset = first * kPageBytes;
    if (media_->granularity == Granularity::kPage)
        return medium::write_file(media_->file, image, count * kPageBytes, offset) == 0;
    medium::store_and_flush(media_->home + offset, image, count * kPageBytes);
    return true;
}

void PageSweeper::add_candidate(uint64_t page, Progress& progress) {
    const bool is_near = window_end_ > window_first_ && page >= window_end_ &&
                         page - window_end_ <= kLargestGap &&
                         page / PageGate::kBlockPages == window_first_ / PageGate::kBlockPages;
    if (!is_near || page + 1 - window_first_ > dropper_->most_pages()) {
        drop_candidates(progress);
        window_first_ = page;
    }
    window_end_ = page + 1;
    ++candidates_;
}

void PageSweeper::drop_candidates(Progress& progress) {
    if (window_end_ == window_first_)
        return;
    if (dropper_->is_closed(window_first_)) {
        window_first_ = window_end_ = candidates_ = 0;
        return;
    }
    // Most of a block: then the whole of it, which can be left closed.
    const uint64_t block = window_first_ / PageGate::kBlockPages * PageGate::kBlockPages;
    if (candidates_ > PageGate::kBlockPages / 2 && dropper_->most_pages() == PageGate::kBlockPages &&
        block + PageGate::kBlockPages <= pages_of_pool_) {
        window_first_ = block;
        window_end_ = block + PageGate::kBlockPages;
    }
    LockGuard guard(*between_forks_);
    progress.dropped +=
        std::min(candidates_, dropper_->drop(window_first_, window_end_ - window_first_, *pins_));
    window_first_ = window_end_ = candidates_ = 0;
}

// Blocks that have private pages now are behind whoever stored there; the next ones, before and after, are in the way.
void PageSweeper::build_walls(uint64_t pages) {
    constexpr uint64_t kMostSeen = (uint64_t{1} << 30) / kPageBytes;
    constexpr uint64_t kRuns = 64;
    constexpr uint64_t kNone = UINT64_MAX;
    PageRun runs[kRuns];
    pages_of_pool_ = pages;
    uint64_t written = kNone;  // the last block that has private pages
    uint64_t walls = 0;
    const uint64_t end = std::min(pages, wall_hand_ + kMostSeen);
    while (wall_hand_ < end && walls < kMostWalls) {
        const uint64_t found = pages_->find(media_->base, wall_hand_, end, runs, kRuns, wall_hand_);
        for (uint64_t i = 0; i < found; ++i) {
            const uint64_t first = runs[i].first / PageGate::kBlockPages;
            if (written == kNone || first > written + 1) {
                if (written != kNone)
                    walls += close_some(written, 1);
                walls += close_some(first, -1);
            }
            written = (runs[i].first + runs[i].count - 1) / PageGate::kBlockPages;
        }
    }
    if (written != kNone)
        close_some(written, 1);
    if (wall_hand_ >= pages)
        wall_hand_ = 0;
}

// How many were closed. The nearest is far enough to be closed before somebody who stores page after page is there.
uint64_t PageSweeper::close_some(uint64_t block, int64_t direction) {
    uint64_t closed = 0;
    for (const int64_t distance : {4, 8, 16, 32})
        closed += close_block(block + static_cast<uint64_t>(direction * distance)) ? 1 : 0;
    return closed;
}

bool PageSweeper::close_block(uint64_t block) {
    const uint64_t first = block * PageGate::kBlockPages;
    const uint64_t last = first + PageGate::kBlockPages - 1;
    if (block >= pages_of_pool_ / PageGate::kBlockPages || dropper_->most_pages() != PageGate::kBlockPages ||
        media_->regions.of_page(first) == nullptr ||
        media_->regions.of_page(first) != media_->regions.of_page(last) || dropper_->is_closed(first))
        return false;
    PageRun run;
    uint64_t next = 0;
    if (pages_->find(media_->base, first, last + 1, &run, 1, next) != 0)
        return false;  // the hand will come by
    LockGuard guard(*between_forks_);
    return dropper_->drop(first, PageGate::kBlockPages, *pins_) == PageGate::kBlockPages;
}

}  // namespace terrace::persist
