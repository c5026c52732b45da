// The log at page granularity: one log for all threads, with group commit. A committer appends its record to
// a DRAM mirror of the log; one of those waiting writes everything new to the file and calls fdatasync once
// for all of them. Homes are written by a checkpoint, from the mirror, when the log is full and when the pool
// is closed. Thread safety: any number of threads.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>

#include "persist/pool/grow_buffer.hpp"
#include "persist/pool/log/file_patcher.hpp"
#include "persist/pool/log/log_home.hpp"
#include "persist/pool/log/record.hpp"
#include "src/mutex.hpp"

namespace terrace::persist {

class PageLog {
  public:
    [[nodiscard]] int start(PoolHome& pool, uint64_t last_sequence);
    void stop();

    // REQUIRES: record.padded_bytes() <= largest_record(). `extension`: the entries that the record refers
    // to, or null. ENSURES: on 0, the record is durable and its heap metadata is in the working copy. On an
    // error nothing of it will ever be seen; while the medium does not let that be guaranteed, every later
    // commit fails too.
    [[nodiscard]] int commit(RecordBuilder& record, const RecordBuilder* extension = nullptr);

    // The same without waiting: on 0 the record is in the log, its heap metadata is in the working copy, and it is
    // durable once wait(ticket) is 0, or anything that was committed later is. The effects are seen before they are
    // durable, so when the medium fails the log is lost for good: every later commit and wait fails with that errno.
    [[nodiscard]] int append(RecordBuilder& record, uint64_t& ticket);
    [[nodiscard]] int wait(uint64_t ticket);
    bool is_durable(uint64_t ticket);

    // ENSURES: on 0, every record committed before the call is durable at home and below the durable watermark.
    [[nodiscard]] int checkpoint();

    // Says durably that the log need not be looked at. REQUIRES: checkpoint() was 0, and nobody commits any more.
    [[nodiscard]] int close_log();

    uint64_t largest_record() const { return pool_->superblock->log_bytes / 4; }
    uint64_t syncs() const { return syncs_.load(std::memory_order_relaxed); }

  private:
    // One committer waiting for its record; lives on that thread's stack.
    struct Waiter {
        uint64_t end;
        Waiter* next = nullptr;
        int error = 0;
        bool settled = false;
    };

    [[nodiscard]] int append_locked(RecordBuilder& record, Waiter* waiter);
    void lead_or_wait();  // REQUIRES: lock_ is held; it is let go of meanwhile
    void lead();          // REQUIRES: lock_ is held and nobody leads; lets go of lock_ meanwhile
    void gather();        // REQUIRES: lock_ is held and the caller leads; lets go of lock_ meanwhile
    void settle_waiters(int error);
    [[nodiscard]] int write_group(uint64_t from, uint64_t to);
    [[nodiscard]] int checkpoint_locked();
    [[nodiscard]] int patch_homes(uint64_t end);
    void withdraw_from(uint64_t from, int error);
    [[nodiscard]] int clear_withdrawn();
    void note_logged(EntryReader reader);
    void apply_metadata(EntryReader reader);
    [[nodiscard]] int patch_entries(EntryReader reader);

    PoolHome* pool_ = nullptr;
    char* mirror_ = nullptr;
    Mutex lock_;
    pthread_cond_t changed_ = PTHREAD_COND_INITIALIZER;
    // All guarded by lock_; positions are bytes from the start of the log.
    uint64_t appended_ = 0;
    uint64_t durable_ = 0;
    Waiter* waiters_ = nullptr;
    uint64_t waiting_ = 0;        // how many they are
    uint64_t expected_ = 0;       // how many there were around the last sync: as many may come again
    uint64_t sync_ns_ = 0;        // that a sync takes, about
    uint64_t withdrawn_end_ = 0;  // up to here the file's log may hold records that were never committed
    uint64_t next_sequence_ = 1;
    uint64_t durable_sequence_ = 0;  // this and every smaller one
    uint64_t watermark_ = 0;
    uint64_t last_appended_unwaited_ = 0;  // the sequence of the latest record that append() took
    int lost_ = 0;                         // the errno with which records of append() were lost
    bool leader_at_work_ = false;
    FilePatcher patcher_;
    GrowBuffer extension_;  // read back by a checkpoint
    std::atomic<uint64_t> syncs_{0};
};

}  // namespace terrace::persist
