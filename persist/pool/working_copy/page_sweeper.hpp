// Chooses the private pages that the working copy can do without and has them dropped: a hand goes round through
// the pool and takes every page in its way whose content is home. A page that differs from home for stores
// outside any transaction is written home first: such stores may reach the medium at any time, as they do
// where a file is mapped shared. Uncommitted ranges, records on their way and (at page granularity) bytes that
// only the log has keep their pages: page_pins.hpp.
// Thread safety: one owner, the thread of working_copy.hpp.
#pragma once

#include <cstdint>

#include "persist/pool/log/log_home.hpp"
#include "persist/pool/working_copy/page_dropper.hpp"
#include "persist/pool/working_copy/page_pins.hpp"
#include "persist/pool/working_copy/private_pages.hpp"
#include "src/mutex.hpp"

namespace terrace::persist {

class PageSweeper {
  public:
    // `between_forks` is held while an access may meet the barrier: a fork takes it too.
    [[nodiscard]] int start(PoolHome& media, PageDropper& dropper, PagePins& pins, PrivatePages& pages,
                            Mutex& between_forks);
    void stop();

    struct Progress {
        uint64_t seen = 0;      // private pages
        uint64_t dropped = 0;   // of these
        uint64_t logged = 0;    // kept because their home lacks bytes that the log has
        bool is_round = false;  // the hand has passed the end of the pool
    };
    // Moves the hand over some hundred private pages, or to the end. `pages`: of the pool.
    Progress step(uint64_t pages);

    // Closes some blocks in the way of those who store where blocks are open because they were read: the gate holds them back
    // only at closed ones. Cost: looks at a gigabyte of the pool at most, and closes kMostWalls blocks, each some
    // hundred microseconds.
    void build_walls(uint64_t pages);

  private:
    static constexpr uint64_t kMostWalls = 16;

    static constexpr uint64_t kBatchPages = 32;
    // Pages between two that can be dropped, which are taken along: cheaper than two barriers.
    static constexpr uint64_t kLargestGap = 4;

    void take_run(PageRun run, Progress& progress);
    void take_batch(uint64_t first, uint64_t count, Progress& progress);
    [[nodiscard]] bool is_cached(uint64_t first, uint64_t count, unsigned char* residency) const;
    [[nodiscard]] bool bring_home(const char* image, uint64_t first, uint64_t count);
    void add_candidate(uint64_t page, Progress& progress);
    void drop_candidates(Progress& progress);
    uint64_t close_some(uint64_t block, int64_t direction);
    [[nodiscard]] bool close_block(uint64_t block);

    PoolHome* media_ = nullptr;
    PageDropper* dropper_ = nullptr;
    PagePins* pins_ = nullptr;
    PrivatePages* pages_ = nullptr;
    Mutex* between_forks_ = nullptr;
    uint64_t hand_ = 0;
    uint64_t wall_hand_ = 0;
    uint64_t window_first_ = 0;
    uint64_t window_end_ = 0;  // == window_first_: empty
    uint64_t candidates_ = 0;  // in it
    uint64_t pages_of_pool_ = 0;
    char* images_ = nullptr;  // of a batch
};

}  // namespace terrace::persist
