// See page_sweeper.hpp.
// The images of a batch are copied while the pages are held, so no commit has anything on its way there; words
// are copied whole, since other threads may be storing to them. A store that comes later makes the page differ
// from home again: the dropper sees it, for it compares once more where nobody can store.
#include "persist/pool/page_sweeper.hpp"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>

namespace terrace::persist {
namespace {

constexpr uint64_t kPageWords = kPageBytes / 8;

#ifndef MADV_POPULATE_READ  // Linux 5.14
constexpr int MADV_POPULATE_READ = 22;
#endif

// Whether the page differs from `home`; copied to `image` in any case. The program may be storing there: that is
// meant to be so.
__attribute__((no_sanitize("thread"))) bool copy_and_compare(char* image, const char* copy,
                                                             const char* home) {
    const auto* const from = reinterpret_cast<const volatile uint64_t*>(copy);
    const auto* const same = reinterpret_cast<const uint64_t*>(home);
    auto* const to = reinterpret_cast<uint64_t*>(image);
    uint64_t difference = 0;
    for (uint64_t i = 0; i < kPageWords; ++i) {
        const uint64_t word = from[i];
        difference |= word ^ same[i];
        to[i] = word;
    }
    return difference != 0;
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
    for (uint64_t at = 0; at < run.count; at += kBatchPages)
        take_batch(run.first + at, std::min(kBatchPages, run.count - at), progress);
}

// Holds those of the pages that nobody relies on, writes home what differs, and lets go.
void PageSweeper::take_batch(uint64_t first, uint64_t count, Progress& progress) {
    const char* const home = dropper_->twin() + first * kPageBytes;
    madvise(const_cast<char*>(home), count * kPageBytes, MADV_POPULATE_READ);  // one read instead of many
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
        is_different[i] =
            is_candidate[i] && copy_and_compare(images_ + i * kPageBytes, media_->base + page * kPageBytes,
                                                home + i * kPageBytes);
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
        const bool is_home = bring_home(images_ + i * kPageBytes, first + i, end - i);
        for (; i < end; ++i)
            is_candidate[i] = is_home;
    }
    for (uint64_t i = 0; i < count; ++i) {
        if (is_held[i])
            pins_->let_go(first + i);
    }
    for (uint64_t i = 0; i < count; ++i) {
        if (is_candidate[i])
            add_candidate(first + i, progress);
    }
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
    const bool is_near =
        window_end_ > window_first_ && page >= window_end_ && page - window_end_ <= kLargestGap;
    if (!is_near || page + 1 - window_first_ > dropper_->most_pages()) {
        drop_candidates(progress);
        window_first_ = page;
    }
    window_end_ = page + 1;
}

void PageSweeper::drop_candidates(Progress& progress) {
    if (window_end_ == window_first_)
        return;
    LockGuard guard(*between_forks_);
    progress.dropped += dropper_->drop(window_first_, window_end_ - window_first_, *pins_);
    window_first_ = window_end_ = 0;
}

}  // namespace terrace::persist
