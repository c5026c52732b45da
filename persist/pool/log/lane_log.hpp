// The log at cache-line granularity: lanes. A commit takes a lane, streams its record there, fences once, and
// then stores the homes, which nobody waits for: they are flushed when a checkpoint empties a lane, each line
// once however often it was written. No lock is shared by two committing threads. Thread safety: any number
// of threads.
#pragma once

#include <atomic>
#include <cstdint>

#include "persist/pool/log/log_home.hpp"
#include "persist/pool/log/record.hpp"
#include "src/mutex.hpp"

namespace terrace::persist {

class LaneLog {
  public:
    [[nodiscard]] bool start(PoolHome& pool, uint64_t last_sequence);  // false: DRAM is short
    void stop();

    // REQUIRES: record.padded_bytes() <= largest_record(). `extension`: the entries that the record refers
    // to, or null. ENSURES: on 0, the record is durable, and its effects are at home in memory order after it.
    [[nodiscard]] int commit(RecordBuilder& record, const RecordBuilder* extension = nullptr);

    // ENSURES: every record committed before the call has durable homes and is below the durable watermark.
    void checkpoint();

    // Says durably that the log need not be looked at. REQUIRES: checkpoint() was called, and nobody commits any more.
    void close_log();

    uint64_t largest_record() const { return lane_bytes_ / 2; }
    uint64_t durable_watermark() const { return watermark_.load(std::memory_order_acquire); }

  private:
    static constexpr uint32_t kMostLanes = 64;
    // Kept apart from the records, because those were written around the caches and would have to be fetched again.
    struct HomeLines {
        uint64_t packed;  // the first line's number in the high 44 bits, how many lines in the low 20

        static constexpr uint64_t kOneLine = 1u << 20;

        static HomeLines of(uint64_t offset, uint64_t bytes) {
            const uint64_t first = offset / kLineBytes;
            return {first * kOneLine + ((offset + bytes + kLineBytes - 1) / kLineBytes - first)};
        }
        static HomeLines of_line(uint64_t line) { return {line * kOneLine + 1}; }
        uint64_t offset() const { return packed / kOneLine * kLineBytes; }
        uint64_t bytes() const { return packed % kOneLine * kLineBytes; }
    };
    struct alignas(128) Lane {
        // kFree, kTaken, or, while a commit is under way, a lower bound of its sequence: the watermark stays
        // below it.
        std::atomic<uint64_t> state;
        std::atomic<uint64_t> last_sequence;
        uint64_t offset;
        uint64_t used;  // bytes; touched by the owner only
        // The homes that this lane's records changed, as HomeLines; those before `flushed` are durable.
        // `flushed` is guarded by checkpointing_.
        HomeLines* homes;
        std::atomic<uint64_t> home_count;
        uint64_t flushed;

        uint64_t bound() const { return last_sequence.load(std::memory_order_relaxed) + 1; }
    };
    static constexpr uint64_t kFree = 0;
    static constexpr uint64_t kTaken = UINT64_MAX;

    Lane& take_lane();
    void empty_lane(Lane& lane);
    void write_homes(Lane& lane, EntryReader reader);
    HomeLines* write_words(EntryReader& reader, HomeLines* homes);
    void write_and_flush_homes(EntryReader reader);
    void flush_homes_of(Lane& lane);                   // REQUIRES: checkpointing_ is held
    void flush_few(HomeLines* begin, HomeLines* end);  // sorts them
    void flush_many(const HomeLines* begin, const HomeLines* end);
    void advance_watermark(uint64_t at_least);  // REQUIRES: checkpointing_ is held
    void write_watermarks(uint64_t sequence);
    uint64_t settled_sequence() const;

    PoolHome* pool_ = nullptr;
    uint32_t lane_count_ = 0;
    uint64_t lane_bytes_ = 0;
    alignas(128) std::atomic<uint64_t> next_sequence_{1};
    alignas(128) std::atomic<uint64_t> watermark_{0};
    Mutex checkpointing_;
    HomeLines* homes_ = nullptr;  // of all lanes
    uint64_t homes_per_lane_ = 0;
    Lane lanes_[kMostLanes] = {};
};

}  // namespace terrace::persist
