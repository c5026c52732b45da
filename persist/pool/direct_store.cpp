// See direct_store.hpp.
// Two threads may persist the same bytes at the same time (lock-free code does): the one whose record has the
// larger sequence must have read the bytes later. Stripes, one for each cache line by hash, are held from
// reading the bytes until they are home. A range of more lines than there are stripes holds them all.
#include "persist/pool/direct_store.hpp"

#include <errno.h>
#include <sched.h>

#include <algorithm>
#include <bit>

#include "persist/pool/registry.hpp"
#include "persist/pool/thread_state.hpp"

namespace terrace::persist {
namespace {

constexpr uint64_t kStripes = sizeof(Pool::stripes) / sizeof(Pool::stripes[0]);
constexpr uint64_t kMostPending = 1024;

void lock_stripe(std::atomic<uint32_t>& stripe) {
    for (unsigned spins = 0; stripe.exchange(1, std::memory_order_acquire) != 0;) {
        if (++spins % 32 == 0)
            sched_yield();
    }
}

// Neighbouring lines have neighbouring stripes, so a range is at most two runs of them: locking in index
// order is locking the wrapped part first.
class StripeGuard {
  public:
    StripeGuard(Pool& pool, uint64_t offset, uint64_t bytes) : pool_(pool) {
        const uint64_t first_line = offset / kLineBytes;
        const uint64_t lines = (offset + bytes - 1) / kLineBytes - first_line + 1;
        first_ = first_line % kStripes;
        const uint64_t last = first_ + std::min(lines, kStripes);
        wrapped_ = last > kStripes ? last - kStripes : 0;
        last_ = std::min(last, kStripes);
        for (uint64_t i = 0; i < wrapped_; ++i)
            lock_stripe(pool_.stripes[i]);
        for (uint64_t i = first_; i < last_; ++i)
            lock_stripe(pool_.stripes[i]);
    }
    ~StripeGuard() {
        for (uint64_t i = first_; i < last_; ++i)
            pool_.stripes[i].store(0, std::memory_order_release);
        for (uint64_t i = 0; i < wrapped_; ++i)
            pool_.stripes[i].store(0, std::memory_order_release);
    }
    StripeGuard(const StripeGuard&) = delete;
    StripeGuard& operator=(const StripeGuard&) = delete;

  private:
    Pool& pool_;
    uint64_t first_;
    uint64_t last_;
    uint64_t wrapped_;
};

// The same for many ranges at once.
class StripeSetGuard {
  public:
    StripeSetGuard(Pool& pool, const GrowArray<PendingFlush>& ranges) : pool_(pool) {
        for (const PendingFlush& range : ranges) {
            const uint64_t first = range.offset / kLineBytes;
            const uint64_t last = (range.offset + range.bytes - 1) / kLineBytes;
            for (uint64_t line = first; line <= last && line < first + kStripes; ++line)
                held_[line % kStripes / 64] |= 1ull << (line % 64);
        }
        for_each([](std::atomic<uint32_t>& stripe) { lock_stripe(stripe); });
    }
    ~StripeSetGuard() {
        for_each([](std::atomic<uint32_t>& stripe) { stripe.store(0, std::memory_order_release); });
    }
    StripeSetGuard(const StripeSetGuard&) = delete;
    StripeSetGuard& operator=(const StripeSetGuard&) = delete;

  private:
    template <class Action>
    void for_each(Action action) {
        for (uint64_t word = 0; word < kStripes / 64; ++word) {
            for (uint64_t bits = held_[word]; bits != 0; bits &= bits - 1)
                action(pool_.stripes[word * 64 + static_cast<uint64_t>(std::countr_zero(bits))]);
        }
    }

    Pool& pool_;
    uint64_t held_[kStripes / 64] = {};
};

int persist_uncovered(Pool& pool, uint64_t offset, uint64_t bytes) {
    StripeGuard guard(pool, offset, bytes);
    if (bytes >= direct_write_threshold(pool))
        return write_home_directly(pool, offset, bytes);
    RecordBuilder& record = thread_state().record;
    record.reset(pool.media.pins);
    record.add_data(offset, pool.media.base + offset, bytes);
    return commit_record(pool, record);
}

// What the transaction covers must not become durable before it commits; the rest must, now.
int persist_around(Pool& pool, Transaction& transaction, uint64_t offset, uint64_t bytes) {
    const uint64_t end = offset + bytes;
    const auto is_left_out = [&](uint64_t at, uint64_t count) { return transaction.touches(at, count); };
    while (offset < end) {
        const uint64_t in_line = std::min(end, (offset / kLineBytes + 1) * kLineBytes) - offset;
        const uint64_t step = is_left_out(offset, in_line) ? 1 : in_line;
        if (step == 1 && is_left_out(offset, 1)) {
            ++offset;
            continue;
        }
        uint64_t run_end = offset + step;
        while (run_end < end) {
            const uint64_t more = std::min(end, (run_end / kLineBytes + 1) * kLineBytes) - run_end;
            if (!is_left_out(run_end, more))
                run_end += more;
            else if (!is_left_out(run_end, 1))
                run_end += 1;
            else
                break;
        }
        if (int error = persist_uncovered(pool, offset, run_end - offset))
            return error;
        offset = run_end;
    }
    return 0;
}

bool is_being_constructed(const ThreadState& state, const Pool& pool, uint64_t offset, uint64_t bytes) {
    return state.constructing_pool == &pool && offset >= state.constructing_offset &&
           offset + bytes <= state.constructing_offset + state.constructing_bytes;
}

bool is_pending_for(const ThreadState& state, const Pool& pool) {
    return state.pending_pool == &pool && state.pending_registration == pool.registration &&
           !state.pending.empty();
}

}  // namespace

int persist_range(Pool& pool, uint64_t offset, uint64_t bytes) {
    if (bytes == 0)
        return 0;
    if (need_thread_state() != 0)
        return ENOMEM;
    ThreadState& state = thread_state();
    if (is_being_constructed(state, pool, offset, bytes))
        return 0;
    if (!state.transaction.is_running_in(pool))
        return persist_uncovered(pool, offset, bytes);
    Transaction& transaction = state.transaction;
    if (transaction.covers(offset, bytes))
        return 0;
    return persist_around(pool, transaction, offset, bytes);
}

int flush_range(Pool& pool, uint64_t offset, uint64_t bytes) {
    if (bytes == 0)
        return 0;
    if (need_thread_state() != 0)
        return ENOMEM;
    ThreadState& state = thread_state();
    if (state.pending_pool != &pool || state.pending_registration != pool.registration) {
        int error = drain_pending();
        state.pending.clear();
        state.pending_pool = &pool;
        state.pending_registration = pool.registration;
        if (error != 0)
            return error;
    }
    if (state.pending.size() >= kMostPending || bytes >= direct_write_threshold(pool) ||
        !state.pending.push({offset, bytes}))
        return persist_range(pool, offset, bytes);
    return 0;
}

int drain(Pool& pool) {
    if (existing_thread_state() == nullptr)
        return 0;
    ThreadState& state = thread_state();
    if (!is_pending_for(state, pool)) {
        state.pending.clear();
        return 0;
    }
    int result = 0;
    if (state.transaction.is_running_in(pool)) {
        for (const PendingFlush& flush : state.pending) {
            if (const int error = persist_range(pool, flush.offset, flush.bytes))
                result = error;
        }
    } else {
        StripeSetGuard guard(pool, state.pending);
        state.record.reset(pool.media.pins);
        add_pending_flushes(pool, state.record);
        result = commit_record(pool, state.record);
    }
    state.pending.clear();
    return result;
}

int drain_pending() {
    const ThreadState* const state = existing_thread_state();
    if (state == nullptr || state->pending.empty() ||
        !is_open(state->pending_pool, state->pending_registration))
        return 0;
    return drain(const_cast<Pool&>(*state->pending_pool));
}

bool has_pending_flushes(const Pool& pool) {
    const ThreadState* state = existing_thread_state();
    return state != nullptr && is_pending_for(*state, pool);
}

void add_pending_flushes(const Pool& pool, RecordBuilder& record) {
    ThreadState& state = thread_state();
    if (!is_pending_for(state, pool))
        return;
    for (const PendingFlush& flush : state.pending)
        record.add_data(flush.offset, pool.media.base + flush.offset, flush.bytes);
}

void forget_pending_flushes(const Pool& pool) {
    ThreadState& state = thread_state();
    if (is_pending_for(state, pool))
        state.pending.clear();
}

}  // namespace terrace::persist
