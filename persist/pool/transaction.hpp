// A thread's transaction. add_range notes a range and keeps its old bytes in DRAM; commit gathers everything
// into one log record; abort puts the old bytes back, newest first. Nesting is flat: only the outermost level
// commits. This is the mechanism; stages, longjmp and the documented misuse are in api/tx.cpp. Thread safety:
// each thread has its own. No destructor may be alive in a frame that an abort jumps over.
#pragma once

#include <setjmp.h>

#include <cstdint>

#include "include/libpmemobj/tx_base.h"
#include "persist/pool/grow_buffer.hpp"
#include "persist/pool/pool.hpp"
#include "persist/pool/range_index.hpp"

namespace terrace::persist {

class Transaction {
  public:
    // The documented state, kept by api/tx.cpp.
    struct Level {
        jmp_buf environment;
        bool has_environment;
        pobj_tx_failure_behavior failure_behavior;
    };
    Pool* pool = nullptr;
    pobj_tx_stage stage = TX_STAGE_NONE;
    int last_error = 0;
    GrowArray<Level> levels;
    pmemobj_tx_callback callback = nullptr;
    void* callback_argument = nullptr;
    void* user_data = nullptr;
    bool may_commit_later = false;  // the next commit need not wait until it is durable
    uint64_t ticket = 0;            // of such a commit; 0: it is durable
    struct HeldLock {
        pobj_tx_param type;
        void* lock;
    };
    GrowArray<HeldLock> locks;

    bool is_running_in(const Pool& other) const { return stage == TX_STAGE_WORK && pool == &other; }

    // All return 0 or an errno; on an errno nothing was noted.
    // REQUIRES: [offset, offset + bytes) lies in the pool's objects.
    [[nodiscard]] int add_range(uint64_t offset, uint64_t bytes, bool keep_old_bytes);
    // For one aligned word (kWords is 1) or two of a line (2: an OID) in `region`, kept: does the same in a few instructions,
    // without a call, or returns false with nothing done: then add_range has to look. 2 lines of DRAM, 1 of the pool.
    // REQUIRES: stage is TX_STAGE_WORK; the region is the pool's.
    template <uint64_t kWords>
    [[nodiscard, gnu::always_inline]] bool try_add_words(const void* address, const Region& region) {
        constexpr uint64_t kBytes = 8 * kWords;
        const uint64_t offset =
            reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(pool->media.base);
        if (offset % 8 != 0 || (kWords != 1 && offset % kLineBytes > kLineBytes - kBytes) ||
            !region.has_page(offset / kPageBytes) || !words_.has_room(kWords) || pool->media.pins != nullptr)
            [[unlikely]]
            return false;
        // The commit will store there; by then the line has arrived. Asked for before the table is, which may miss too.
        if (pool->media.home != nullptr)
            __builtin_prefetch(pool->media.home + offset, 1);
        uint64_t before;
        if (!index_.cover_at_once<kBytes>(offset, before)) [[unlikely]]
            return false;
        if (before != 0)
            return true;
        const auto* const old_words = static_cast<const uint64_t*>(address);
        Word* const words = words_.end();
        for (uint64_t i = 0; i < kWords; ++i)
            words[i] = {offset + 8 * i, __atomic_load_n(old_words + i, __ATOMIC_RELAXED)};
        words_.take(kWords);
        return true;
    }
    // The transaction owns the block from here on. `content_bytes` of it are made durable with the commit.
    [[nodiscard]] int add_allocation(const Block& block, uint64_t type_number, uint64_t content_bytes);
    [[nodiscard]] int add_free(const Block& block);
    [[nodiscard]] int add_store(uint64_t offset, uint64_t word);

    // Whether this transaction allocated the block; if so it is released and forgotten.
    bool cancel_allocation(uint64_t offset);
    bool will_free(uint64_t offset);
    // Whether the commit will make all of the range durable anyhow.
    bool covers(uint64_t offset, uint64_t bytes);
    // Whether it will make any byte of it durable. REQUIRES: the range lies within one cache line.
    bool touches(uint64_t offset, uint64_t bytes);

    // ENSURES: on 0 everything is durable; on an errno the transaction is as before, to be rolled back.
    [[nodiscard]] int commit();
    void roll_back();
    void release_memory();

  private:
    static constexpr uint64_t kNoOldBytes = UINT64_MAX;
    struct Range {
        uint64_t offset;
        uint64_t bytes;
        uint64_t old_bytes;  // position in old_bytes_, or kNoOldBytes
    };
    struct Allocation {
        Block block;
        uint64_t type_number;
        uint64_t content_bytes;
        bool is_zero;  // the content; known at commit
    };
    struct Store {
        uint64_t offset;
        uint64_t word;
    };

    // An aligned word of 8 bytes and what it was: the most common range by far.
    struct Word {
        uint64_t offset;
        uint64_t old_word;
    };

    [[nodiscard]] int note(uint64_t offset, uint64_t bytes, bool keep_old_bytes);
    [[nodiscard]] int add_word(uint64_t offset);
    [[nodiscard]] int note_missing_in_line(uint64_t offset, uint64_t missing, bool keep_old_bytes);
    [[nodiscard]] int note_in_line(uint64_t offset, uint64_t bytes, bool keep_old_bytes);
    [[nodiscard]] int prepare_contents();
    void add_contents();
    void add_words();
    void build_record();
    void restore(char* to, const char* from, uint64_t bytes);
    void forget();
    void unpin_pages();

    RangeIndex index_;
    // The pages of words_ and ranges_ are pinned, each page of a range once, when the working copy is bounded.
    // Noted only as long as no large range is, so of a byte that both cover, `words_` has the older content.
    GrowArray<Word> words_;
    GrowArray<Range> ranges_;
    GrowBuffer old_bytes_;
    GrowArray<Allocation> allocations_;
    GrowArray<Block> cancelled_;  // allocated and freed again: released at the end
    GrowArray<Block> frees_;
    GrowArray<Store> stores_;
    RecordBuilder record_;
};

}  // namespace terrace::persist
