// The thresholds of a memory while threads allocate from it. Each thread counts its allocations in a stripe
// of the counter that it mostly has for itself; the one that completes a count looks at the ratio and moves
// the thresholds. Thread safety: everything, without a lock, so that a fork leaves nothing half done.
#pragma once

#include <atomic>
#include <cstdint>

#include "src/thread_local.hpp"
#include "tiering/dynamic_threshold.hpp"

namespace terrace::tiering {

inline constexpr unsigned kMostTiers = 32;

class Thresholds {
  public:
    // REQUIRES: find_fault() finds none; fewer than kMostTiers thresholds. Before other threads know of it.
    void set(std::span<const Threshold> initial, const ThresholdOptions& options);

    // The tier that an allocation of `size` bytes goes to. One load per threshold.
    unsigned choose(std::uint64_t size) const {
        for (unsigned i = 0; i < count_; ++i) {
            if (size < values_[i].load(std::memory_order_relaxed))
                return i;
        }
        return count_;
    }

    // Counts an allocation; true for the one in `check_count` after which the thresholds are due. Two threads
    // that share a stripe may lose a count to each other, which delays a look, and no more.
    bool is_due();

    // load_of(i) gives what is in tier i.
    template <class LoadOf>
    void adapt(LoadOf load_of) {
        TierLoad below = load_of(0U);
        for (unsigned i = 0; i < count_; ++i) {
            const TierLoad above = load_of(i + 1);
            move(i, ratio_error(below, above));
            below = above;
        }
    }

  private:
    static constexpr unsigned kStripes = 16;
    struct alignas(64) Stripe {
        std::atomic<unsigned> count{0};
    };

    void move(unsigned index, double error);

    unsigned count_ = 0;
    ThresholdOptions options_;
    std::atomic<std::uint64_t> values_[kMostTiers - 1] = {};
    std::uint64_t least_[kMostTiers - 1] = {};
    std::uint64_t most_[kMostTiers - 1] = {};
    std::atomic<double> errors_[kMostTiers - 1] = {};  // at the last look
    Stripe stripes_[kStripes];
};

}  // namespace terrace::tiering
