// What keeps pages of the working copy in DRAM, where its DRAM is bounded (working_copy.hpp): two words for each
// page. A pin says that a thread relies on the page's own bytes: a running transaction has ranges there, or a
// record with bytes from it is on its way home. Such a page is neither written home nor dropped. `logged` says,
// at page granularity, that the log has bytes which the page's home still lacks.
//
// A thread pins before it reads what it commits, and unpins after home and working copy both have the result.
// The dropper either holds a page, which is only possible while nobody pins it and makes new pins wait, or it
// blocks every access to it: then a thread that pins meanwhile cannot have read anything yet.
//
// Thread safety: any number of threads pin; one thread, the dropper, holds. No memory and no cost without a bound.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>

#include "persist/pool/format/media_layout.hpp"

namespace terrace::persist {

class PagePins {
  public:
    // `bytes`: what the pool may grow to. False when there is no room for the table.
    [[nodiscard]] bool start(uint64_t bytes);
    void stop();

    // REQUIRES: bytes > 0. Waits while the dropper holds one of the pages: for one write to the page cache.
    void pin(uint64_t offset, uint64_t bytes) {
        for (uint64_t page = offset / kPageBytes; page <= (offset + bytes - 1) / kPageBytes; ++page)
            pin_page(page);
    }
    void unpin(uint64_t offset, uint64_t bytes) {
        for (uint64_t page = offset / kPageBytes; page <= (offset + bytes - 1) / kPageBytes; ++page)
            pages_[page].pins.fetch_sub(1, std::memory_order_release);
    }
    void pin_page(uint64_t page) {
        std::atomic<uint32_t>& pins = pages_[page].pins;
        if ((pins.fetch_add(1, std::memory_order_seq_cst) & kHeld) != 0) [[unlikely]] {
            while ((pins.load(std::memory_order_acquire) & kHeld) != 0)
                sched_yield();
        }
        // What follows reads the page: not before the pin can be seen. ThreadSanitizer knows no fences.
#ifndef __SANITIZE_THREAD__
        std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
    }

    // The log has bytes for these pages. REQUIRES: the caller has them pinned or holds the log's lock.
    void note_logged(uint64_t offset, uint64_t bytes) {
        const uint32_t now = checkpoints_.load(std::memory_order_relaxed);
        for (uint64_t page = offset / kPageBytes; page <= (offset + bytes - 1) / kPageBytes; ++page)
            pages_[page].logged.store(now, std::memory_order_release);
    }
    // All that the log had is home: no page is logged any more.
    void log_is_home() {
        checkpoints_.fetch_add(1, std::memory_order_release);
    }

    // ---- the dropper's side
    bool is_pinned(uint64_t page) const {
        return pages_[page].pins.load(std::memory_order_seq_cst) != 0;
    }
    bool is_logged(uint64_t page) const {
        return pages_[page].logged.load(std::memory_order_acquire) ==
               checkpoints_.load(std::memory_order_acquire);
    }
    // False when somebody pins it.
    [[nodiscard]] bool try_hold(uint64_t page) {
        uint32_t none = 0;
        return pages_[page].pins.compare_exchange_strong(none, kHeld, std::memory_order_seq_cst);
    }
    void let_go(uint64_t page) {
        pages_[page].pins.fetch_sub(kHeld, std::memory_order_release);
    }

  private:
    static constexpr uint32_t kHeld = 1u << 31;
    struct Page {
        std::atomic<uint32_t> pins;    // and kHeld
        std::atomic<uint32_t> logged;  // the value of checkpoints_ when it was logged last
    };

    Page* pages_ = nullptr;
    uint64_t mapped_bytes_ = 0;
    std::atomic<uint32_t> checkpoints_{1};
};

// A range that is pinned as long as this lives. `pins` may be null.
class PinnedRange {
  public:
    PinnedRange(PagePins* pins, uint64_t offset, uint64_t bytes)
        : pins_(bytes == 0 ? nullptr : pins), offset_(offset), bytes_(bytes) {
        if (pins_ != nullptr)
            pins_->pin(offset_, bytes_);
    }
    ~PinnedRange() {
        if (pins_ != nullptr)
            pins_->unpin(offset_, bytes_);
    }
    PinnedRange(const PinnedRange&) = delete;
    PinnedRange& operator=(const PinnedRange&) = delete;

  private:
    PagePins* pins_;
    uint64_t offset_;
    uint64_t bytes_;
};

}  // namespace terrace::persist
