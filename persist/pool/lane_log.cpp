// See lane_log.hpp. Why a record may be overwritten only below the watermark: were it gone while an older
// record of another lane is still above it, recovery would replay the old bytes over the newer home.
// Sequences are taken during the commit, so transactions ordered by a lock have ordered sequences.
// A lane is filled from its start and emptied whole; half-full lanes are never searched for room.
#include "persist/pool/lane_log.hpp"

#include <sched.h>

#include <algorithm>

#include "persist/pool/superblock.hpp"
#include "src/check.hpp"

namespace terrace::persist {
namespace {

// The lane a thread tried last. A hint, shared by all pools: a thread rarely works on two at a time.
thread_local uint32_t t_lane __attribute__((tls_model("initial-exec"))) = UINT32_MAX;
std::atomic<uint32_t> g_next_lane{0};

void relax(unsigned& spins) {
    if (++spins % 64 == 0) {
        sched_yield();
        return;
    }
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

}  // namespace

void LaneLog::start(PoolHome& pool, uint64_t last_sequence) {
    pool_ = &pool;
    const uint64_t log_bytes = pool.superblock->log_bytes;
    lane_bytes_ = std::clamp<uint64_t>(log_bytes / 16, 64u << 10, 512u << 10) / kPageBytes * kPageBytes;
    lane_bytes_ = std::min(lane_bytes_, log_bytes);
    lane_count_ = static_cast<uint32_t>(std::min<uint64_t>(log_bytes / lane_bytes_, kMostLanes));
    for (uint32_t i = 0; i < lane_count_; ++i)
        lanes_[i].offset = pool.superblock->log_offset + i * lane_bytes_;
    next_sequence_.store(last_sequence + 1);
    watermark_.store(last_sequence);
}

LaneLog::Lane& LaneLog::take_lane() {
    if (t_lane == UINT32_MAX) [[unlikely]]
        t_lane = g_next_lane.fetch_add(1, std::memory_order_relaxed) % kMostLanes;
    unsigned spins = 0;
    for (uint32_t i = t_lane % lane_count_;; i = (i + 1) % lane_count_) {
        Lane& lane = lanes_[i];
        if (lane.taken.load(std::memory_order_relaxed) == 0 &&
            lane.taken.exchange(1, std::memory_order_acquire) == 0) {
            t_lane = i;
            return lane;
        }
        relax(spins);
    }
}

// A fence orders the flushes of its own processor only: those of the thread that had this lane before are
// repeated here, so that the coming fence makes them durable before the record that names them is forgotten.
void LaneLog::flush_for_previous_owner(Lane& lane) {
    const auto self = reinterpret_cast<uintptr_t>(&t_lane);
    if (lane.last_owner == self) [[likely]]
        return;
    if (const uint64_t record = lane.unfenced_record.load(std::memory_order_acquire); record != 0)
        flush_homes(EntryReader(reinterpret_cast<const RecordHeader*>(pool_->home + record)));
    lane.last_owner = self;
}

int LaneLog::commit(RecordBuilder& builder, const RecordBuilder* extension) {
    REQUIRES(builder.padded_bytes() <= largest_record());
    if (!builder.pad())
        return ENOMEM;
    const uint64_t bytes = builder.padded_bytes();
    Lane& lane = take_lane();
    flush_for_previous_owner(lane);
    if (lane.used + bytes > lane_bytes_) [[unlikely]]
        empty_lane(lane);

    // The bound is published before the sequence is taken: a checkpoint that misses it sees a smaller counter
    // instead.
    lane.pending.store(next_sequence_.load(), std::memory_order_seq_cst);
    const uint64_t sequence = next_sequence_.fetch_add(1);
    const uint64_t position = lane.offset + lane.used;
    const RecordHeader* record = builder.seal(sequence, position, pool_->superblock->log_seed);
    medium::stream_lines(pool_->home + position, record, bytes);
    medium::fence();

    write_homes(EntryReader(record));
    if (extension != nullptr) [[unlikely]]
        write_homes(extension->reader());
    lane.used += bytes;
    lane.last_sequence = sequence;
    lane.unfenced_record.store(position, std::memory_order_release);
    lane.pending.store(0, std::memory_order_release);
    lane.taken.store(0, std::memory_order_release);
    return 0;
}

void LaneLog::write_homes(EntryReader reader) {
    char* home = pool_->home;
    for (EntryView entry; reader.next(entry);) {
        auto* word = reinterpret_cast<uint64_t*>(home + entry.offset);
        switch (entry.kind) {
            case EntryKind::kData:
                medium::store_and_flush(home + entry.offset, entry.data, entry.operand);
                break;
            case EntryKind::kStore:
                medium::store_word_and_flush(word, entry.operand);
                break;
            case EntryKind::kSetBits:
                medium::set_bits_and_flush(word, entry.operand);
                break;
            case EntryKind::kClearBits:
                medium::clear_bits_and_flush(word, entry.operand);
                break;
            case EntryKind::kZero:
                medium::zero_and_flush(home + entry.offset, entry.operand);
                break;
            case EntryKind::kExtension:
                break;  // commit() has its entries at hand
        }
    }
}

void LaneLog::flush_homes(EntryReader reader) {
    for (EntryView entry; reader.next(entry);) {
        if (entry.kind == EntryKind::kExtension)
            flush_homes(EntryReader(pool_->home + entry.offset, entry.operand, UINT32_MAX));
        else
            medium::flush(pool_->home + entry.offset, entry.bytes());
    }
}

uint64_t LaneLog::settled_sequence() const {
    uint64_t settled = next_sequence_.load(std::memory_order_seq_cst) - 1;
    for (uint32_t i = 0; i < lane_count_; ++i) {
        const uint64_t pending = lanes_[i].pending.load(std::memory_order_seq_cst);
        if (pending != 0)
            settled = std::min(settled, pending - 1);
    }
    return settled;
}

void LaneLog::advance_watermark(uint64_t at_least) {
    uint64_t settled = settled_sequence();
    for (unsigned spins = 0; settled < at_least; settled = settled_sequence())
        relax(spins);  // a commit with a smaller sequence is between its log and its homes
    uint64_t unfenced[kMostLanes];
    for (uint32_t i = 0; i < lane_count_; ++i) {
        unfenced[i] = lanes_[i].unfenced_record.load(std::memory_order_acquire);
        if (unfenced[i] != 0)
            flush_homes(EntryReader(reinterpret_cast<const RecordHeader*>(pool_->home + unfenced[i])));
    }
    medium::fence();
    for (uint32_t i = 0; i < lane_count_; ++i) {
        // A newer record may have taken its place; then that one stays unfenced.
        if (unfenced[i] != 0)
            lanes_[i].unfenced_record.compare_exchange_strong(unfenced[i], 0);
    }
    if (settled <= watermark_.load(std::memory_order_relaxed))
        return;
    const WatermarkSlot slot = make_watermark(settled, pool_->superblock->log_seed);
    medium::store_and_flush(pool_->home + kWatermarkOffset[next_slot_], &slot, sizeof slot);
    medium::fence();
    next_slot_ ^= 1;
    watermark_.store(settled, std::memory_order_release);
}

void LaneLog::empty_lane(Lane& lane) {
    if (lane.last_sequence > watermark_.load(std::memory_order_acquire) ||
        lane.unfenced_record.load(std::memory_order_acquire) != 0) {
        LockGuard guard(checkpointing_);
        advance_watermark(lane.last_sequence);
    }
    lane.used = 0;
}

void LaneLog::checkpoint() {
    LockGuard guard(checkpointing_);
    advance_watermark(next_sequence_.load() - 1);
}

}  // namespace terrace::persist
