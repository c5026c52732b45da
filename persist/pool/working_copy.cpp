// See working_copy.hpp.
// The watch costs a read of /proc/self/statm, between once and a thousand times in a second: the more often the
// fewer pages are left to the limit. All pages of the pool are counted only now and then.
#include "persist/pool/working_copy.hpp"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include <algorithm>

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
    limit_ = limit / kPageBytes;
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
        error = pins_.start(parts_.mapping->most_bytes()) ? 0 : ENOMEM;
    }
    if (error == 0) {
        error = dropper_.start(*parts_.mapping, parts_.media->file, missing);
        if (error == 0) {
            missing = "memory and a thread";
            error = sweeper_.start(*parts_.media, dropper_, pins_, pages_, between_forks_);
            pthread_attr_t attributes;
            if (error == 0)
                error = pthread_attr_init(&attributes);
            if (error == 0) {
                pthread_attr_setstacksize(&attributes, kStackBytes);
                sigset_t all;
                sigset_t before;
                sigfillset(&all);
                pthread_sigmask(SIG_SETMASK, &all, &before);
                stopping_ = false;
                error = pthread_create(&thread_, &attributes, run, this);
                pthread_sigmask(SIG_SETMASK, &before, nullptr);
                pthread_attr_destroy(&attributes);
            }
            if (error != 0)
                dropper_.stop();
        }
    }
    if (error != 0)
        stop_parts();
    return error;
}

void WorkingCopy::stop_parts() {
    sweeper_.stop();
    pins_.stop();
    anonymous_.close();
    pages_.close();
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
    count_again();
    bool stopping = false;
    while (!stopping) {
        const uint64_t age = milliseconds_now() - counted_at_;
        if (age >= std::max(kCountEvery, counting_takes_ * kCountCostsAtMost))
            count_again();
        uint64_t here = private_pages();
        if (here > limit_ && age >= counting_takes_) {
            count_again();  // the program's own memory may have grown instead
            here = private_pages();
        }
        if (here > limit_) {
            make_room();
            here = private_pages();
        }
        const uint64_t left = limit_ - std::min(limit_, here);
        pause(std::clamp<uint64_t>(left / kPagesPerMillisecond, 1, kLongestPause));
        LockGuard guard(lock_);
        stopping = stopping_;
    }
}

// Down to seven eighths of the limit, so that the next time is not at once.
void WorkingCopy::make_room() {
    const uint64_t enough = limit_ - limit_ / 8;
    const uint64_t far_too_many = limit_ + limit_ / 8;
    PageSweeper::Progress round;
    uint64_t pause_after_round = 1;
    for (uint64_t here = private_pages(); here > enough; here = private_pages()) {
        set_full(here > far_too_many);
        const uint64_t pages = pages_of_pool();
        if (dropper_.extend(pages * kPageBytes) != 0)
            break;
        const PageSweeper::Progress step = sweeper_.step(pages);
        dropped_.fetch_add(step.dropped, std::memory_order_relaxed);
        round.seen += step.seen;
        round.dropped += step.dropped;
        round.logged += step.logged;
        // Pages that wait for a checkpoint: once they are many, or there is nothing else.
        if (round.logged > limit_ / 4 || (step.is_round && round.logged > round.dropped)) {
            if (parts_.checkpoint(parts_.context) == 0)
                round.logged = 0;
        }
        if (step.is_round) {
            if (round.dropped * 16 >= limit_)
                pause_after_round = 1;
            else if (here <= limit_)
                break;  // most of them are in use: try again when there are more
            else
                pause_after_round = std::min(pause_after_round * 2, kLongestPause);
            round = {};
            pause(pause_after_round);
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
    if (!stopping_)
        wait_on(wake_up_, lock_, milliseconds);
}

void WorkingCopy::wait_for_room() {
    LockGuard guard(lock_);
    if (is_full_.load(std::memory_order_relaxed))
        wait_on(has_room_, lock_, kLongestWaitForRoom);
}

void WorkingCopy::before_fork() {
    if (is_bounded_)
        between_forks_.lock();
}

void WorkingCopy::after_fork_in_parent() {
    if (is_bounded_)
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
    anonymous_.close();
    pages_.close();
}

}  // namespace terrace::persist
