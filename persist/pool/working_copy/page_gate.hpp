// Holds back those who store faster than pages can be brought home. The pool is divided into blocks of 1 MiB. An
// open block is an ordinary mapping of the file; a closed one has no pages at all and is watched by userfaultfd:
// whoever touches it waits until the gate opens it, at once while few pages are private, else as soon as the
// sweeper has made room. All blocks are closed when the pool is opened, and the sweeper leaves a block closed when
// it has dropped all of it. So the private pages exceed the limit by no more than the open blocks have others.
//
// Opening a block costs its first user some ten microseconds. Metadata is never closed, nor what was added by
// growing, until a sweep closes it. A gate that nobody can make room for opens all the same, slowly: a
// transaction that is larger than the limit goes on.
//
// Thread safety: any number of threads. Faults are told by the dropper's reader thread, which must never wait for
// the sweeper: lock_ is not held while the barrier is moved.
#pragma once

#include <atomic>
#include <cstdint>

#include "src/mutex.hpp"

namespace terrace::persist {

class PageDropper;

class PageGate {
  public:
    static constexpr uint64_t kBlockPages = 256;

    // `pages`: what the pool may grow to. False when DRAM or addresses are short.
    [[nodiscard]] bool start(PageDropper& dropper, uint64_t pages);
    void stop();

    // What was closed in place, before anybody uses the working copy.
    void note_closed(uint64_t first_page, uint64_t count);

    // Somebody waits for this page: called by the reader thread. False: there is no room now.
    [[nodiscard]] bool admit(uint64_t page);

    // So many blocks may be opened from now on; those that somebody waits for are opened at once.
    void set_room(uint64_t blocks);

    // Only the sweeper closes blocks: one that is open stays so until he has a window there.
    [[nodiscard]] bool is_block_closed(uint64_t block) {
        LockGuard guard(lock_);
        return is_closed(block);
    }

    [[nodiscard]] uint64_t closed_blocks() {
        LockGuard guard(lock_);
        return closed_blocks_;
    }

    // Around a window of the sweeper that covers the whole block.
    void begin_window(uint64_t block);
    // Whether the block is to be left closed: nobody waits for it.
    [[nodiscard]] bool end_window_closed(uint64_t block);
    void end_window_open(uint64_t block);

    // For a fork, which must find blocks and mappings in agreement.
    void lock() { lock_.lock(); }
    void unlock() { lock_.unlock(); }

    // Calls visit(context, first page, pages) for each run of closed blocks. REQUIRES: nobody else is here.
    void for_each_closed(void (*visit)(void* context, uint64_t first_page, uint64_t pages),
                         void* context) const;

  private:
    bool is_closed(uint64_t block) const { return states_[block] == kClosed || states_[block] == kWanted; }
    // kOpen → kBusy → kOpen or kClosed (or kWanted → kOpen); kClosed → kOpen, or kWanted while there is no room.
    enum State : uint8_t { kOpen, kClosed, kWanted, kBusy, kBusyAndWanted };

    void open(uint64_t block);  // REQUIRES: lock_
    // Mappings are limited (vm.max_map_count): closed runs and open ones alternate no more often than this.
    static constexpr uint64_t kMostRuns = 8192;
    void change(uint64_t block, bool closes);  // REQUIRES: lock_
    uint64_t closed_neighbours(uint64_t block) const;

    PageDropper* dropper_ = nullptr;
    Mutex lock_;
    uint8_t* states_ = nullptr;
    uint64_t blocks_ = 0;
    uint64_t closed_blocks_ = 0;
    uint64_t closed_runs_ = 0;
    uint64_t wanted_ = 0;
    uint64_t room_ = 0;  // blocks
};

}  // namespace terrace::persist
