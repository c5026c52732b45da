// See page_gate.hpp.
// A fault that is told late finds its block open: the thread is woken once more, which does no harm.
// Thread safety: see the header.
#include "persist/pool/working_copy/page_gate.hpp"

#include <sys/mman.h>

#include "persist/pool/working_copy/page_dropper.hpp"

namespace terrace::persist {

bool PageGate::start(PageDropper& dropper, uint64_t pages) {
    dropper_ = &dropper;
    blocks_ = pages / kBlockPages + 1;
    void* const memory =
        mmap(nullptr, blocks_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    states_ = memory == MAP_FAILED ? nullptr : static_cast<uint8_t*>(memory);
    closed_runs_ = closed_blocks_ = wanted_ = room_ = 0;
    return states_ != nullptr;
}

void PageGate::stop() {
    if (states_ != nullptr)
        munmap(states_, blocks_);
    states_ = nullptr;
}

void PageGate::note_closed(uint64_t first_page, uint64_t count) {
    LockGuard guard(lock_);
    for (uint64_t page = first_page; page < first_page + count; page += kBlockPages)
        states_[page / kBlockPages] = kClosed;
    closed_blocks_ += count / kBlockPages;
    closed_runs_ = 1;
}

uint64_t PageGate::closed_neighbours(uint64_t block) const {
    return (block > 0 && is_closed(block - 1) ? 1u : 0u) +
           (block + 1 < blocks_ && is_closed(block + 1) ? 1u : 0u);
}

void PageGate::change(uint64_t block, bool closes) {
    // A block between two others of a run divides it or joins two.
    const uint64_t neighbours = closed_neighbours(block);
    closed_runs_ += closes ? 1 - neighbours : neighbours - 1;
    closed_blocks_ += closes ? 1 : -uint64_t{1};
    states_[block] = closes ? kClosed : kOpen;
}

void PageGate::open(uint64_t block) {
    if (states_[block] == kWanted)
        --wanted_;
    if (room_ > 0)
        --room_;
    dropper_->open_closed(block * kBlockPages, kBlockPages);
    change(block, false);
}

bool PageGate::admit(uint64_t page) {
    const uint64_t block = page / kBlockPages;
    LockGuard guard(lock_);
    switch (states_[block]) {
        case kOpen:
            dropper_->wake(block * kBlockPages, kBlockPages);
            return true;
        case kBusy:
            states_[block] = kBusyAndWanted;
            return true;  // the sweeper is at it
        case kClosed:
            if (room_ > 0) {
                open(block);
                return true;
            }
            states_[block] = kWanted;
            ++wanted_;
            return false;
        default:
            return states_[block] != kWanted;
    }
}

void PageGate::set_room(uint64_t blocks) {
    LockGuard guard(lock_);
    room_ = blocks;
    for (uint64_t block = 0; wanted_ > 0 && room_ > 0 && block < blocks_; ++block) {
        if (states_[block] == kWanted)
            open(block);
    }
}

void PageGate::begin_window(uint64_t block) {
    LockGuard guard(lock_);
    states_[block] = kBusy;
}

bool PageGate::end_window_closed(uint64_t block) {
    LockGuard guard(lock_);
    if (states_[block] != kBusy || closed_runs_ >= kMostRuns)
        return false;
    states_[block] = kOpen;
    change(block, true);
    return true;
}

void PageGate::end_window_open(uint64_t block) {
    LockGuard guard(lock_);
    states_[block] = kOpen;
}

void PageGate::for_each_closed(void (*visit)(void* context, uint64_t first_page, uint64_t pages),
                               void* context) const {
    for (uint64_t block = 0; block < blocks_ && states_ != nullptr;) {
        uint64_t end = block;
        while (end < blocks_ && is_closed(end))
            ++end;
        if (end > block)
            visit(context, block * kBlockPages, (end - block) * kBlockPages);
        block = end + 1;
    }
}

}  // namespace terrace::persist
