// See working_copy.hpp.
// The watch costs a read of /proc/self/statm, between once and a thousand times in a second: the more often the
// fewer pages are left to the limit. All pages of the pool are counted only now and then.
#include "persist/pool/working_copy/working_copy.hpp"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <algorithm>

#include "persist/pool/working_copy/own_files.hpp"
#include "persist/pool/working_copy/quiet_thread.hpp"
#include "src/log.hpp"

namespace terrace::persist {
namespace {

constexpr uint64_t kStackBytes = 256u << 10;
// Private pages that a few storing threads make in a millisecond at most: 2 GB/s.
constexpr uint64_t kPagesPerMillisecond = 500;
constexpr uint64_t kLongestPause = 100;
constexpr uint64_t kCountEvery = 1000;
constexpr uint64_t kCountCostsAtMost = 50;  // one part in so many of the time
constexpr uint64_t kLongestWaitForRoom = 20;
// The part of the limit that the gate lets through when nothing can be dropped, after each round of the sweep.
constexpr uint64_t kPartWithoutRoom = 64;

uint64_t milliseconds_now() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1000000;
}

// REQUIRES: the mutex is held. Condition variables here have the clock of their initialiser, which can be set.
void wait_on(pthread_cond_t& condition, Mutex& mutex, uint64_t milliseconds) {
    timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    const uint64_t nanoseconds = static_cast<uint64_t>(until.tv_nsec) + milliseconds * 1000000;
    until.tv_sec += static_cast<time_t>(nanoseconds / 1000000000);
    until.tv_nsec = static_cast<long>(nanoseconds % 1000000000);
    pthread_cond_timedwait(&condition, mutex.native(), &until);
}

std::atomic<bool> g_was_told{false};

}  // namespace

void WorkingCopy::start(const Parts& parts, uint64_t limit, const char* path) {
    if (limit >= parts.mapping->bytes)
        return;
    parts_ = parts;
    // At page granularity the log is kept in DRAM too.
    const uint64_t mirror =
        parts.media->granularity == Granularity::kPage ? parts.media->superblock->log_bytes : 0;
    limit_ = (limit - std::min(limit / 2, mirror)) / kPageBytes;
    const char* missing = nullptr;
    if (const int error = start_parts(missing)) {
        if (!g_was_told.exchange(true))
            log_error("%s: the DRAM of pools is not bounded: this takes %s (%s); see docs/working-copy.md",
                      path, missing, strerror(error));
        return;
    }
    is_bounded_ = true;
    parts_.media->pins = &pins_;
    log_info("%s: at most %llu MiB of the pool are private memory", path,
             static_cast<unsigned long long>(limit >> 20));
}

int WorkingCopy::start_parts(const char*& missing) {
    missing = "/proc/self/pagemap and /proc/self/statm";
    int error = pages_.open();
    if (error == 0)
        error = anonymous_.open();
    if (error == 0) {
        missing = "addresses";
        const uint64_t most = parts_.mapping->most_bytes();
        error = pins_.start(most) && gate_.start(dropper_, most / kPageBytes) ? 0 : ENOMEM;
    }
    if (error == 0) {
        const auto denied = [](void* self) {
            auto& copy = *static_cast<WorkingCopy*>(self);
            LockGuard guard(copy.lock_);
            copy.is_wanted_ = true;
            pthread_cond_signal(&copy.wake_up_);
        };
        error = dropper_.start(*parts_.mapping, parts_.media->file, gate_, denied, this, missing);
        if (error == 0) {
            missing = "memory and a thread";
            error = sweeper_.start(*parts_.media, dropper_, pins_, pages_, between_forks_);
            if (error == 0) {
                close_blocks();
                error = start_thread();
            }
            if (error != 0)
                dropper_.stop();
        }
    }
    if (error != 0)
        stop_parts();
    return error;
}

// All whole blocks of objects. When that is not possible they are open, and who stores there is not held back.
void WorkingCopy::close_blocks() {
    const Region& first = parts_.media->regions[0];
    const uint64_t begin =
        (first.first_page + PageGate::kBlockPages - 1) / PageGate::kBlockPages * PageGate::kBlockPages;
    const uint64_t end = first.end / kPageBytes / PageGate::kBlockPages * PageGate::kBlockPages;
    if (begin >= end || dropper_.most_pages() != PageGate::kBlockPages)
        return;
    if (const int error = dropper_.close_unused(begin, end - begin))
        log_info("the blocks of a pool cannot be closed: %s", strerror(error));
}

int WorkingCopy::start_thread() {
    stopping_ = false;
    watch_error_ = -1;
    int error = start_quiet_thread(thread_, kStackBytes, run, this);
    if (error != 0)
        return error;
    {
        LockGuard guard(lock_);
        while (watch_error_ < 0)
            wait_on(has_room_, lock_, kLongestPause);
        error = watch_error_;
    }
    if (error != 0)
        pthread_join(thread_, nullptr);
    if (error == 0) {
        dropper_.lend();
        pages_.file().lend();
        anonymous_.file().lend();
    }
    return error;
}

// The thread's own descriptors, which the program cannot close.
int WorkingCopy::take_files() {
    int files[PageDropper::kMostFiles + 3];
    uint32_t count = dropper_.files(files);
    files[count++] = pages_.file().number();
    files[count++] = anonymous_.file().number();
    files[count++] = parts_.media->file;
    return keep_only_files(files, count);
}

void WorkingCopy::stop_parts() {
    gate_.stop();
    sweeper_.stop();
    pins_.stop();
    anonymous_.file().close();
    pages_.file().close();
}

void WorkingCopy::stop() {
    if (!is_bounded_)
        return;
    is_bounded_ = false;
    lock_.lock();
    stopping_ = true;
    pthread_cond_signal(&wake_up_);
    lock_.unlock();
    pthread_join(thread_, nullptr);
    set_full(false);
    parts_.media->pins = nullptr;
    dropper_.stop();
    stop_parts();
}

void* WorkingCopy::run(void* self) {
    static_cast<WorkingCopy*>(self)->watch();
    return nullptr;
}

uint64_t WorkingCopy::private_pages() {
    const uint64_t all = anonymous_.count();
    return all - std::min(all, others_);
}

void WorkingCopy::count_again() {
    const uint64_t before = milliseconds_now();
    const uint64_t here = pages_.count(parts_.media->base, pages_of_pool());
    const uint64_t all = anonymous_.count();
    others_ = all - std::min(all, here);
    counted_at_ = milliseconds_now();
    counting_takes_ = counted_at_ - before;
}

void WorkingCopy::watch() {
    const int error = take_files();
    {
        LockGuard guard(lock_);
        watch_error_ = error;
        pthread_cond_broadcast(&has_room_);
    }
    if (error != 0)
        return;
    count_again();
    bool stopping = false;
    while (!stopping) {
        const uint64_t age = milliseconds_now() - counted_at_;
        if (age >= std::max(kCountEvery, counting_takes_ * kCountCostsAtMost))
            count_again();
        uint64_t here = private_pages();
        if (here >= limit_ && age >= counting_takes_) {
            count_again();  // the program's own memory may have grown instead
            here = private_pages();
        }
        if (here >= limit_) {
            make_room();
            here = private_pages();
        }
        set_room(here);
        const uint64_t left = limit_ - std::min(limit_, here);
        pause(std::clamp<uint64_t>(left / kPagesPerMillisecond, 1, kLongestPause));
        LockGuard guard(lock_);
        stopping = stopping_;
    }
}

// Far more than have private pages: most are open because they were read.
bool WorkingCopy::has_many_open_blocks(uint64_t pages) {
    return pages - std::min(pages, gate_.closed_blocks() * PageGate::kBlockPages) > 2 * limit_;
}

// Down to seven eighths of the limit, so that the next time is not at once.
void WorkingCopy::make_room() {
    const uint64_t enough = limit_ - limit_ / 8;
    const uint64_t far_too_many = limit_ + limit_ / 8;
    PageSweeper::Progress round;
    uint64_t pause_after_round = 1;
    bool has_checkpointed = false;  // in this round
    gate_.set_room(0);
    for (uint64_t here = private_pages(); here > enough; here = private_pages()) {
        set_full(here > far_too_many);
        const uint64_t pages = pages_of_pool();
        if (dropper_.extend(pages * kPageBytes) != 0)
            break;
        if (here >= limit_ && has_many_open_blocks(pages))
            sweeper_.build_walls(pages);
        const PageSweeper::Progress step = sweeper_.step(pages);
        dropped_.fetch_add(step.dropped, std::memory_order_relaxed);
        round.seen += step.seen;
        round.dropped += step.dropped;
        round.logged += step.logged;
        // Pages that wait for a checkpoint: once they are many, or there is nothing else.
        if (round.logged > limit_ / 4 || (step.is_round && round.logged > round.dropped)) {
            has_checkpointed = parts_.checkpoint(parts_.context) == 0;
            round.logged = 0;
        }
        if (step.is_round) {
            if (round.dropped * 16 >= limit_ || has_checkpointed) {
                pause_after_round = 1;
            } else if (here < limit_) {
                break;  // most of them are in use: try again when there are more
            } else {    // all of them are in use, by a transaction that may want more
                gate_.set_room(std::max<uint64_t>(limit_ / PageGate::kBlockPages / kPartWithoutRoom, 1));
                pause_after_round = std::min(pause_after_round * 2, kLongestPause);
                pause(pause_after_round);
            }
            round = {};
            has_checkpointed = false;
            count_again();
        }
        LockGuard guard(lock_);
        if (stopping_)
            break;
    }
    set_full(private_pages() > far_too_many);
}

void WorkingCopy::set_full(bool is_full) {
    if (is_full_.exchange(is_full, std::memory_order_relaxed) && !is_full) {
        LockGuard guard(lock_);
        pthread_cond_broadcast(&has_room_);
    }
}

void WorkingCopy::pause(uint64_t milliseconds) {
    LockGuard guard(lock_);
    if (!stopping_ && !is_wanted_)
        wait_on(wake_up_, lock_, milliseconds);
    is_wanted_ = false;
}

void WorkingCopy::set_room(uint64_t private_pages) {
    const uint64_t left = limit_ - std::min(limit_, private_pages);
    gate_.set_room((left + PageGate::kBlockPages - 1) / PageGate::kBlockPages);
}

void WorkingCopy::wait_for_room() {
    LockGuard guard(lock_);
    if (is_full_.load(std::memory_order_relaxed))
        wait_on(has_room_, lock_, kLongestWaitForRoom);
}

// Reading one byte opens its block. The program may be storing there: the value is of no interest.
__attribute__((no_sanitize("thread"))) void WorkingCopy::open_pinned(uint64_t offset, uint64_t bytes) const {
    constexpr uint64_t kBlockBytes = PageGate::kBlockPages * kPageBytes;
    const volatile char* const base = parts_.mapping->base;
    for (uint64_t at = offset; at < offset + bytes; at = (at / kBlockBytes + 1) * kBlockBytes)
        static_cast<void>(base[at]);
}

void WorkingCopy::before_fork() {
    if (!is_bounded_)
        return;
    between_forks_.lock();
    gate_.lock();
}

void WorkingCopy::after_fork_in_parent() {
    if (!is_bounded_)
        return;
    gate_.unlock();
    between_forks_.unlock();
}

// The table of pins stays: a record that was being built when the fork happened may still unpin its pages.
void WorkingCopy::after_fork_in_child() {
    if (!is_bounded_)
        return;
    is_bounded_ = false;
    is_full_.store(false, std::memory_order_relaxed);
    parts_.media->pins = nullptr;
    dropper_.forget_in_child();
    sweeper_.stop();
}

}  // namespace terrace::persist
