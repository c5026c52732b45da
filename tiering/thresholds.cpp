#include "tiering/thresholds.hpp"

namespace terrace::tiering {
namespace {

constinit std::atomic<unsigned> next_thread{0};
TERRACE_TLS unsigned thread_number = 0;  // from 1 on; 0 until the thread first counts

unsigned this_thread() {
    if (thread_number == 0)
        thread_number = next_thread.fetch_add(1, std::memory_order_relaxed) + 1;
    return thread_number;
}

}  // namespace

void Thresholds::set(std::span<const Threshold> initial, const ThresholdOptions& options) {
    count_ = static_cast<unsigned>(initial.size());
    options_ = options;
    for (unsigned i = 0; i < count_; ++i) {
        values_[i].store(initial[i].value, std::memory_order_relaxed);
        least_[i] = initial[i].least;
        most_[i] = initial[i].most;
    }
}

bool Thresholds::is_due() {
    if (options_.check_count == 0)
        return false;
    std::atomic<unsigned>& count = stripes_[this_thread() % kStripes].count;
    const unsigned now = count.load(std::memory_order_relaxed) + 1;
    const bool due = now >= options_.check_count;
    count.store(due ? 0 : now, std::memory_order_relaxed);
    return due;
}

void Thresholds::move(unsigned index, double error) {
    const double error_before = errors_[index].exchange(error, std::memory_order_relaxed);
    std::uint64_t value = values_[index].load(std::memory_order_relaxed);
    const std::uint64_t wanted = adapted({value, least_[index], most_[index]}, error, error_before, options_);
    // When another thread has just moved it, once is enough.
    if (wanted != value)
        values_[index].compare_exchange_strong(value, wanted, std::memory_order_relaxed);
}

}  // namespace terrace::tiering
