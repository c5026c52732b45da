// See lane_log.hpp. Why a record may be overwritten only below the watermark: were it gone while an older
// record of another lane is still above it, recovery would replay the old bytes over the newer home.
// Sequences are taken during the commit, so transactions ordered by a lock have ordered sequences.
// A lane is filled from its start and emptied whole; half-full lanes are never searched for room.
#include "persist/pool/log/lane_log.hpp"

#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>

#include "persist/pool/format/superblock.hpp"
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

bool LaneLog::start(PoolHome& pool, uint64_t last_sequence) {
    pool_ = &pool;
    const uint64_t log_bytes = pool.superblock->log_bytes;
    lane_bytes_ = std::clamp<uint64_t>(log_bytes / 16, 64u << 10, 512u << 10) / kPageBytes * kPageBytes;
    lane_bytes_ = std::min(lane_bytes_, log_bytes);
    lane_count_ = static_cast<uint32_t>(std::min<uint64_t>(log_bytes / lane_bytes_, kMostLanes));
    // An entry takes 16 bytes of the log at least.
    homes_per_lane_ = lane_bytes_ / sizeof(Entry);
    void* memory = mmap(nullptr, lane_count_ * homes_per_lane_ * sizeof(HomeLines), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    homes_ = static_cast<HomeLines*>(memory);
    for (uint32_t i = 0; i < lane_count_; ++i) {
        lanes_[i].offset = pool.superblock->log_offset + i * lane_bytes_;
        lanes_[i].homes = homes_ + i * homes_per_lane_;
    }
    next_sequence_.store(last_sequence + 1);
    watermark_.store(last_sequence);
    return true;
}

void LaneLog::stop() {
    if (homes_ != nullptr)
        munmap(homes_, lane_count_ * homes_per_lane_ * sizeof(HomeLines));
    homes_ = nullptr;
}

// The bound is published before the sequence is taken: a checkpoint that misses it sees a smaller counter
// instead. One more than the lane's last sequence will do, and spares two threads a look at the counter that
// they both change.
LaneLog::Lane& LaneLog::take_lane() {
    if (t_lane == UINT32_MAX) [[unlikely]]
        t_lane = g_next_lane.fetch_add(1, std::memory_order_relaxed) % kMostLanes;
    unsigned spins = 0;
    for (uint32_t i = t_lane % lane_count_;; i = (i + 1) % lane_count_) {
        Lane& lane = lanes_[i];
        uint64_t free = kFree;
        if (lane.state.load(std::memory_order_relaxed) == kFree &&
            lane.state.compare_exchange_strong(free, lane.bound())) {
            t_lane = i;
            return lane;
        }
        relax(spins);
    }
}

int LaneLog::commit(RecordBuilder& builder, const RecordBuilder* extension) {
    REQUIRES(builder.padded_bytes() <= largest_record());
    if (!builder.pad())
        return ENOMEM;
    const uint64_t bytes = builder.padded_bytes();
    Lane& lane = take_lane();
    if (lane.used + bytes > lane_bytes_) [[unlikely]]
        empty_lane(lane);

    const uint64_t position = lane.offset + lane.used;
    const uint64_t previous = lane.used != 0 ? lane.last_sequence.load(std::memory_order_relaxed) : 0;
    const uint64_t sequence = next_sequence_.fetch_add(1);
    const RecordHeader* record = builder.seal(sequence, previous, position, pool_->superblock->log_seed);
    medium::stream_lines(pool_->home + position, record, bytes);
    medium::fence();

    write_homes(lane, EntryReader(record));
    if (extension != nullptr) [[unlikely]] {
        write_and_flush_homes(extension->reader());
        medium::fence();
    }
    lane.used += bytes;
    lane.last_sequence.store(sequence, std::memory_order_relaxed);
    lane.state.store(kFree, std::memory_order_release);
    return 0;
}

// Words, which are often in lines that follow each other. Returns where the next homes are noted.
inline LaneLog::HomeLines* LaneLog::write_words(EntryReader& reader, HomeLines* homes) {
    char* const home = pool_->home;
    HomeLines run{0};        // not noted yet
    uint64_t next_line = 0;  // behind the run; no word lies in the first line of a pool, or before it
    reader.take_stores([&](uint64_t offset, uint64_t word) {
        __atomic_store_n(reinterpret_cast<uint64_t*>(home + offset), word, __ATOMIC_RELAXED);
        const uint64_t line = offset / kLineBytes;  // an aligned word: one line
        if (line == next_line) {
            ++run.packed;
            ++next_line;
        } else if (line + 1 != next_line) {
            if (next_line != 0)
                *homes++ = run;
            run = HomeLines::of_line(line);
            next_line = line + 1;
        }
    });
    *homes++ = run;
    return homes;
}

void LaneLog::write_homes(Lane& lane, EntryReader reader) {
    HomeLines* homes = lane.homes + lane.home_count.load(std::memory_order_relaxed);
    EntryView entry;
    do {
        if (reader.is_at_store())
            homes = write_words(reader, homes);
        if (!reader.next(entry))
            break;
        apply_to_memory(pool_->home, entry, pool_->superblock->log_seed);
        *homes++ = HomeLines::of(entry.offset, entry.bytes());
    } while (true);
    lane.home_count.store(static_cast<uint64_t>(homes - lane.homes), std::memory_order_release);
}

void LaneLog::write_and_flush_homes(EntryReader reader) {
    for (EntryView entry; reader.next(entry);) {
        apply_to_memory(pool_->home, entry, pool_->superblock->log_seed);
        medium::flush(pool_->home + entry.offset, entry.bytes());
    }
}

// All these homes were stored before this pass began, so one flush is enough for lines that were stored often.
void LaneLog::flush_homes_of(Lane& lane) {
    constexpr uint64_t kFew = 64;
    HomeLines* const begin = lane.homes + lane.flushed;
    HomeLines* const end = lane.homes + lane.home_count.load(std::memory_order_acquire);
    if (static_cast<uint64_t>(end - begin) <= kFew)
        flush_few(begin, end);
    else
        flush_many(begin, end);
    lane.flushed = static_cast<uint64_t>(end - lane.homes);
}

// A few may be long, when large transactions wrote them, and overlap.
void LaneLog::flush_few(HomeLines* begin, HomeLines* end) {
    std::sort(begin, end, [](HomeLines a, HomeLines b) { return a.packed < b.packed; });
    for (const HomeLines* lines = begin; lines != end;) {
        const uint64_t run_begin = lines->offset();
        uint64_t run_end = run_begin;
        for (; lines != end && lines->offset() <= run_end; ++lines)
            run_end = std::max(run_end, lines->offset() + lines->bytes());
        if (run_end != run_begin)
            medium::flush(pool_->home + run_begin, run_end - run_begin);
    }
}

// A small table remembers the latest ones.
void LaneLog::flush_many(const HomeLines* begin, const HomeLines* end) {
    constexpr uint64_t kRemembered = 256;
    uint64_t remembered[kRemembered] = {};
    uint64_t run_begin = 0;  // lines that follow each other are flushed together
    uint64_t run_end = 0;
    for (; begin != end; ++begin) {
        const HomeLines lines = *begin;
        uint64_t& same = remembered[lines.packed / HomeLines::kOneLine % kRemembered];
        if (same == lines.packed)
            continue;
        same = lines.packed;
        if (lines.offset() != run_end) {
            if (run_end != run_begin)
                medium::flush(pool_->home + run_begin, run_end - run_begin);
            run_begin = lines.offset();
        }
        run_end = lines.offset() + lines.bytes();
    }
    if (run_end != run_begin)
        medium::flush(pool_->home + run_begin, run_end - run_begin);
}

// Every commit with this sequence or a smaller one has stored its homes.
uint64_t LaneLog::settled_sequence() const {
    uint64_t settled = next_sequence_.load() - 1;
    for (uint32_t i = 0; i < lane_count_; ++i) {
        const uint64_t state = lanes_[i].state.load();
        if (state != kFree)
            settled = std::min(settled, state - 1);
    }
    return settled;
}

void LaneLog::advance_watermark(uint64_t at_least) {
    uint64_t settled = settled_sequence();
    for (unsigned spins = 0; settled < at_least; settled = settled_sequence())
        relax(spins);  // a commit with a smaller sequence is between its log and its homes
    for (uint32_t i = 0; i < lane_count_; ++i) {
        if (lanes_[i].flushed != lanes_[i].home_count.load(std::memory_order_relaxed))
            flush_homes_of(lanes_[i]);
    }
    medium::fence();
    if (settled <= watermark_.load(std::memory_order_relaxed))
        return;
    write_watermarks(settled);
    watermark_.store(settled, std::memory_order_release);
}

void LaneLog::write_watermarks(uint64_t sequence) {
    const WatermarkSlot slot = make_watermark(sequence, pool_->superblock->log_seed);
    for (const uint64_t offset : kWatermarkOffset) {
        medium::store_and_flush(pool_->home + offset, &slot, sizeof slot);
        medium::fence();
    }
}

void LaneLog::close_log() {
    LockGuard guard(checkpointing_);
    write_watermarks(watermark_.load(std::memory_order_relaxed) | kLogIsEmpty);
}

// REQUIRES: the caller has taken the lane. While it waits its bound would hold up the watermark that it waits
// for, so it lets go of the bound and takes a new one.
void LaneLog::empty_lane(Lane& lane) {
    lane.state.store(kTaken);
    {
        LockGuard guard(checkpointing_);
        if (const uint64_t last = lane.last_sequence.load(std::memory_order_relaxed);
            last > watermark_.load(std::memory_order_relaxed))
            advance_watermark(last);
        lane.used = 0;
        lane.home_count.store(0, std::memory_order_relaxed);
        lane.flushed = 0;
    }
    lane.state.store(lane.bound());
}

void LaneLog::checkpoint() {
    LockGuard guard(checkpointing_);
    advance_watermark(next_sequence_.load() - 1);
}

}  // namespace terrace::persist
