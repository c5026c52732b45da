// The bound on the DRAM of a pool's working copy (docs/working-copy.md). A page that the program stores to becomes
// private memory; a pool that is larger than the limit "working_copy.limit" has a thread that watches how many
// there are and drops those whose content is home (page_sweeper.hpp). A smaller pool has nothing of all this.
// Where the kernel lacks what it takes or forbids it, there is no bound, which is said once.
//
// Thread safety: start, stop and the three of fork are the owner's; slow_down, open_pinned and figures may be
// called by any thread in between.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>

#include "persist/pool/log/log_home.hpp"
#include "persist/pool/working_copy/mapping.hpp"
#include "persist/pool/working_copy/page_dropper.hpp"
#include "persist/pool/working_copy/page_pins.hpp"
#include "persist/pool/working_copy/page_sweeper.hpp"
#include "persist/pool/working_copy/private_pages.hpp"
#include "src/mutex.hpp"

namespace terrace::persist {

class WorkingCopy {
  public:
    // Brings home what the log has. 0 or an errno.
    using Checkpoint = int (*)(void* context);
    // What the limit rests on; all of it stays where it is until stop().
    struct Parts {
        PoolHome* media;
        const Mapping* mapping;
        Checkpoint checkpoint;
        void* context;
    };
    // Bounds the working copy if it is larger than `limit` bytes; media->pins is set then.
    // REQUIRES: nobody uses the working copy yet; its home may be written.
    void start(const Parts& parts, uint64_t limit, const char* path);
    // REQUIRES: nobody uses the working copy any more. Nothing is bounded afterwards.
    void stop();

    // A thread that has committed something waits here while far too many pages are private, a moment at most.
    void slow_down() {
        if (is_full_.load(std::memory_order_relaxed)) [[unlikely]]
            wait_for_room();
    }

    // Waits until all of the range can be read without waiting for room, which holds until it is unpinned: only blocks
    // without pinned pages are closed. REQUIRES: the range is pinned, bytes > 0.
    void open_pinned(uint64_t offset, uint64_t bytes) const;

    void before_fork();
    void after_fork_in_parent();
    void after_fork_in_child();

    bool is_bounded() const { return is_bounded_; }
    uint64_t dropped_pages() const { return dropped_.load(std::memory_order_relaxed); }

  private:
    static void* run(void* self);
    void watch();
    [[nodiscard]] bool has_many_open_blocks(uint64_t pages);
    void make_room();
    uint64_t pages_of_pool() const {
        return __atomic_load_n(&parts_.mapping->bytes, __ATOMIC_ACQUIRE) / kPageBytes;
    }
    uint64_t private_pages();  // an estimate, cheap
    void count_again();
    void set_full(bool is_full);
    void set_room(uint64_t private_pages);
    void close_blocks();
    [[nodiscard]] int start_thread();
    [[nodiscard]] int take_files();
    void pause(uint64_t milliseconds);
    void wait_for_room();
    [[nodiscard]] int start_parts(const char*& missing);
    void stop_parts();

    Parts parts_ = {};
    uint64_t limit_ = 0;  // pages
    bool is_bounded_ = false;
    PagePins pins_;
    PrivatePages pages_;
    AnonymousPages anonymous_;
    PageDropper dropper_;
    PageGate gate_;
    PageSweeper sweeper_;
    uint64_t others_ = 0;      // anonymous pages of the process outside the pool, as counted last
    uint64_t counted_at_ = 0;  // milliseconds
    uint64_t counting_takes_ = 0;
    std::atomic<uint64_t> dropped_{0};
    std::atomic<bool> is_full_{false};
    Mutex between_forks_;
    Mutex lock_;  // of the two conditions
    pthread_cond_t wake_up_ = PTHREAD_COND_INITIALIZER;
    pthread_cond_t has_room_ = PTHREAD_COND_INITIALIZER;
    bool stopping_ = false;
    bool is_wanted_ = false;  // somebody waits at a closed block
    int watch_error_ = -1;    // -1: the thread has not begun
    pthread_t thread_ = {};
};

}  // namespace terrace::persist
