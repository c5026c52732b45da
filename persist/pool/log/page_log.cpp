// See page_log.hpp.
// A failed write or sync: the kernel may or may not have kept the pages, so the group's records are
// overwritten with zeros and synced; if even that fails, the pool is marked failed and only reading goes on.
// Each committer waits on a note on its own stack, which the leader settles: durable, or the error.
#include "persist/pool/log/page_log.hpp"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <algorithm>

#include "persist/pool/format/superblock.hpp"
#include "src/check.hpp"
#include "src/log.hpp"

namespace terrace::persist {
namespace {

uint64_t now_ns() {
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace

int PageLog::start(PoolHome& pool, uint64_t last_sequence) {
    pool_ = &pool;
    next_sequence_ = last_sequence + 1;
    watermark_ = durable_sequence_ = last_sequence;
    void* memory = mmap(nullptr, pool.superblock->log_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return ENOMEM;
    mirror_ = static_cast<char*>(memory);
    return patcher_.open(pool.file, pool.superblock->log_seed);
}

void PageLog::stop() {
    patcher_.close();
    extension_.release();
    if (mirror_ != nullptr)
        munmap(mirror_, pool_->superblock->log_bytes);
    mirror_ = nullptr;
}

// REQUIRES: lock_ is held, record.pad() was true.
int PageLog::append_locked(RecordBuilder& builder, Waiter* waiter) {
    const uint64_t bytes = builder.padded_bytes();
    while (lost_ == 0 && appended_ + bytes > pool_->superblock->log_bytes) {
        if (int error = checkpoint_locked())
            return error;
    }
    if (lost_ != 0)
        return lost_;
    if (pool_->failed.load(std::memory_order_relaxed) != 0) [[unlikely]] {
        if (int error = clear_withdrawn())
            return error;
    }
    const RecordHeader* record =
        builder.seal(next_sequence_++, durable_sequence_ | kAllBefore,
                     pool_->superblock->log_offset + appended_, pool_->superblock->log_seed);
    memcpy(mirror_ + appended_, record, bytes);
    appended_ += bytes;
    if (pool_->pins != nullptr) [[unlikely]]
        note_logged(builder.reader());
    if (waiter != nullptr) {
        waiter->end = appended_;
        waiter->next = waiters_;
        waiters_ = waiter;
        ++waiting_;
    }
    return 0;
}

int PageLog::commit(RecordBuilder& builder, const RecordBuilder* extension) {
    REQUIRES(builder.padded_bytes() <= largest_record());
    if (!builder.pad())
        return ENOMEM;
    LockGuard guard(lock_);
    Waiter me{};
    if (int error = append_locked(builder, &me))
        return error;
    if (extension != nullptr && pool_->pins != nullptr)
        note_logged(extension->reader());
    while (!me.settled)
        lead_or_wait();
    if (me.error != 0)
        return me.error;
    apply_metadata(builder.reader());
    if (extension != nullptr)
        apply_metadata(extension->reader());
    return 0;
}

int PageLog::append(RecordBuilder& builder, uint64_t& ticket) {
    REQUIRES(builder.padded_bytes() <= largest_record());
    if (!builder.pad())
        return ENOMEM;
    LockGuard guard(lock_);
    if (int error = append_locked(builder, nullptr))
        return error;
    ticket = last_appended_unwaited_ = next_sequence_ - 1;
    apply_metadata(builder.reader());
    return 0;
}

int PageLog::wait(uint64_t ticket) {
    LockGuard guard(lock_);
    while (lost_ == 0 && durable_sequence_ < ticket) {
        if (ticket >= next_sequence_)
            return EINVAL;  // nobody was given that one
        lead_or_wait();
    }
    return durable_sequence_ >= ticket ? 0 : lost_;
}

bool PageLog::is_durable(uint64_t ticket) {
    LockGuard guard(lock_);
    return durable_sequence_ >= ticket;
}

// Threads that commit one transaction after the other come back just after a sync has let them go: whoever syncs at once
// leaves all but the quickest to the next sync, and every one then waits for two. So the leader waits for as many as
// there were, but for a quarter of a sync at most, which it can only lose when somebody stopped.
void PageLog::gather() {
    constexpr uint64_t kLongest = 200'000;
    if (waiting_ >= expected_)
        return;
    const uint64_t begin = now_ns();
    const uint64_t patience = std::min(sync_ns_ / 4, kLongest);
    while (waiting_ < expected_ && now_ns() - begin < patience) {
        lock_.unlock();
        sched_yield();
        lock_.lock();
    }
}

void PageLog::lead_or_wait() {
    if (leader_at_work_)
        pthread_cond_wait(&changed_, lock_.native());
    else
        lead();
}

void PageLog::lead() {
    leader_at_work_ = true;
    gather();
    const uint64_t from = durable_;
    const uint64_t to = appended_;
    const uint64_t last = next_sequence_ - 1;
    lock_.unlock();
    const uint64_t begin = now_ns();
    const int error = write_group(from, to);
    const uint64_t end = now_ns();
    lock_.lock();
    sync_ns_ += (end - begin) / 8 - sync_ns_ / 8;
    expected_ = waiting_;  // those who were in this sync, and those who came meanwhile
    leader_at_work_ = false;
    if (error == 0) {
        durable_ = to;
        durable_sequence_ = last;
    } else {
        withdraw_from(from, error);
    }
    settle_waiters(error);
    pthread_cond_broadcast(&changed_);
}

// On success those whose record is durable; on an error everybody, for nothing behind the failure was kept either.
void PageLog::settle_waiters(int error) {
    Waiter** link = &waiters_;
    while (Waiter* waiter = *link) {
        if (error == 0 && waiter->end > durable_) {
            link = &waiter->next;
            continue;
        }
        *link = waiter->next;
        waiter->error = error;
        waiter->settled = true;
        --waiting_;
    }
}

int PageLog::write_group(uint64_t from, uint64_t to) {
    if (int error = pool_->check_file())
        return error;
    syncs_.fetch_add(1, std::memory_order_relaxed);
    if (int error =
            medium::write_file(pool_->file, mirror_ + from, to - from, pool_->superblock->log_offset + from))
        return error;
    return medium::sync_file(pool_->file);
}

// REQUIRES: lock_ is held. Everything appended and not durable is taken back: nobody was told that it is committed.
void PageLog::withdraw_from(uint64_t from, int error) {
    if (last_appended_unwaited_ > durable_sequence_ && lost_ == 0) {
        lost_ = error;
        log_error(
            "a pool's log cannot be written (%s): transactions that were committed without waiting are lost, "
            "and nothing more can be committed until the pool is opened again",
            strerror(error));
    }
    memset(mirror_ + from, 0, appended_ - from);
    withdrawn_end_ = std::max(withdrawn_end_, appended_);
    appended_ = from;
    next_sequence_ = durable_sequence_ + 1;
    if (const int failure = clear_withdrawn())
        log_error("a pool's log cannot be written (%s): every commit fails until it can", strerror(failure));
}

// REQUIRES: lock_ is held. What was withdrawn may have reached the medium: it must not be found there by recovery.
int PageLog::clear_withdrawn() {
    const int error = write_group(durable_, withdrawn_end_);
    pool_->failed.store(error, std::memory_order_relaxed);
    if (error == 0)
        withdrawn_end_ = 0;
    return error;
}

// REQUIRES: lock_ is held.
void PageLog::note_logged(EntryReader reader) {
    for (EntryView entry; reader.next(entry);) {
        if (entry.bytes() != 0)
            pool_->pins->note_logged(entry.offset, entry.bytes());
    }
}

void PageLog::apply_metadata(EntryReader reader) {
    for (EntryView entry; reader.next(entry);) {
        if (pool_->regions.is_metadata(entry.offset))
            apply_to_memory(pool_->metadata, entry, pool_->superblock->log_seed);
    }
}

int PageLog::patch_entries(EntryReader reader) {
    for (EntryView entry; reader.next(entry);) {
        if (entry.kind != EntryKind::kExtension) {
            if (int error = patch_entry(patcher_, entry))
                return error;
            continue;
        }
        extension_.truncate(0);
        char* target = extension_.room(entry.operand);
        if (target == nullptr)
            return ENOMEM;
        if (int error = medium::read_file(pool_->file, target, entry.operand, entry.offset))
            return error;
        if (int error = patch_entries(EntryReader(target, entry.operand)))
            return error;
    }
    return 0;
}

int PageLog::patch_homes(uint64_t end) {
    for (uint64_t at = 0; at < end;) {
        const auto* record = reinterpret_cast<const RecordHeader*>(mirror_ + at);
        if (int error = patch_entries(EntryReader(record)))
            return error;
        at += record->bytes;
    }
    return patcher_.flush();
}

int PageLog::checkpoint_locked() {
    while (leader_at_work_ || durable_ < appended_)
        lead_or_wait();
    if (lost_ != 0)
        return lost_;
    if (durable_ == 0)
        return 0;
    // From here to the end the lock is held, so nothing is appended: durable_ == appended_ stays true.
    if (pool_->failed.load(std::memory_order_relaxed) != 0) {
        if (int error = clear_withdrawn())
            return error;
    }
    int error = pool_->check_file();
    if (error == 0)
        error = patch_homes(durable_);
    if (error == 0)
        error = medium::sync_file(pool_->file);
    if (error != 0)
        return error;  // the log is as it was: the records stay, and a later checkpoint does it again
    const uint64_t settled = next_sequence_ - 1;
    if ((error = write_watermarks(pool_->file, settled, pool_->superblock->log_seed)) != 0)
        return error;
    watermark_ = settled;
    appended_ = durable_ = 0;
    if (pool_->pins != nullptr)
        pool_->pins->log_is_home();
    return 0;
}

int PageLog::close_log() {
    return write_watermarks(pool_->file, watermark_ | kLogIsEmpty, pool_->superblock->log_seed);
}

int PageLog::checkpoint() {
    LockGuard guard(lock_);
    return checkpoint_locked();
}

}  // namespace terrace::persist
