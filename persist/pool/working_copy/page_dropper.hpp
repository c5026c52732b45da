// Replaces private pages of the working copy by the file's, while threads and the kernel go on storing there.
// No access ever fails and no store is lost or unseen; one that meets a run that is being replaced waits, some
// tens of microseconds. docs/working-copy.md tells the whole story. One run of pages at a time:
//
//   1. MADV_POPULATE_WRITE: every page of the run is private, present and this process's alone
//      (MADV_DONTFORK before it: not even a fork without handlers shares them now)
//   2. vmsplice: a pipe holds the pages themselves. What is stored there from now on is seen in the pipe too
//   3. mremap of the barrier over the run: anonymous memory that userfaultfd watches, so each access waits.
//      Atomic: an access sees the private page before it, or waits after it
//   4. The pipe is read: the run's final content. Each page is compared with the file's, in the twin: a second
//      private mapping of the file, which nobody stores to. Equal: nothing to do. Not equal, or somebody relies
//      on it: the content is put into the twin
//   5. mremap of the twin's run over the barrier, and UFFDIO_WAKE: those who wait go on. Or the barrier stays: a
//      whole block without private pages is closed until somebody wants it, see page_gate.hpp
//
// Between 3 and 5 nothing is done that could wait for a thread which waits here: no lock, no write to a file
// (write(2) from the working copy holds the file's lock while it waits), no memory of the working copy.
//
// Needs Linux 6.1, and userfaultfd that also sees accesses of the kernel: CAP_SYS_PTRACE, or access to
// /dev/userfaultfd, or vm.unprivileged_userfaultfd=1. Thread safety: one owner, and a thread of its own inside.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>

#include "persist/pool/working_copy/mapping.hpp"
#include "persist/pool/working_copy/page_gate.hpp"
#include "persist/pool/working_copy/page_pins.hpp"

namespace terrace::persist {

class PageDropper {
  public:
    static constexpr uint64_t kMostPages =
        PageGate::kBlockPages;  // of a run: the largest pipe that everybody may have

    // Told by the reader thread: somebody waits at a closed block for which there is no room.
    using Denied = void (*)(void* context);

    // 0, or an errno and in `missing` what this system lacks or forbids. Tries everything out on the first page
    // of the working copy. REQUIRES: nobody uses the working copy yet.
    [[nodiscard]] int start(const Mapping& mapping, int file, PageGate& gate, Denied denied, void* context,
                            const char*& missing);
    void stop();  // REQUIRES: start succeeded, nobody drops
    // After a fork. The child has neither the thread nor the barrier.
    void forget_in_child();

    // Maps what the working copy was extended by. 0 or an errno.
    [[nodiscard]] int extend(uint64_t bytes);

    // Replaces a run of pages where they are equal to the file, unless they are pinned or logged; how many are the
    // file's now. A run that is a whole block may be left closed. REQUIRES: the calling thread blocks all signals;
    // 0 < count <= most_pages(); the run lies in one block, which is open.
    uint64_t drop(uint64_t first_page, uint64_t count, const PagePins& pins);

    // Closes whole blocks in place. REQUIRES: nobody uses the working copy yet; whole blocks.
    [[nodiscard]] int close_unused(uint64_t first_page, uint64_t count);
    // Maps the file over closed blocks and wakes who waits there.
    void open_closed(uint64_t first_page, uint64_t count);
    void wake(uint64_t first_page, uint64_t count);

    // The descriptors that whoever drops has to have, at most kMostFiles; how many. lend: the calling thread closes
    // its own, since that one has them now.
    static constexpr uint32_t kMostFiles = 3;
    uint32_t files(int* numbers) const;
    void lend();

    uint64_t most_pages() const { return most_pages_; }
    bool is_closed(uint64_t page) const { return gate_->is_block_closed(page / PageGate::kBlockPages); }
    // What the file has, at the pool's offsets. Never stored to.
    const char* twin() const { return twin_; }

  private:
    [[nodiscard]] int reserve_twin(uint64_t bytes);
    [[nodiscard]] int make_barrier(const char*& missing);
    [[nodiscard]] int start_reader();
    [[nodiscard]] int try_out();
    static void* read_events(void* self);
    void close_files();
    void hear(uint64_t fault_address);

    [[nodiscard]] bool close_barrier(char* run, uint64_t bytes);
    void map_twin(char* run, uint64_t bytes);
    [[nodiscard]] bool hold_pages(char* run, uint64_t bytes);
    void read_pipe(uint64_t bytes);

    char* base_ = nullptr;
    int file_ = -1;
    PageGate* gate_ = nullptr;
    Denied denied_ = nullptr;
    void* denied_context_ = nullptr;
    char* twin_ = nullptr;
    std::atomic<uint64_t> twin_bytes_{0};  // of it that are mapped
    uint64_t twin_reserved_ = 0;
    char* barrier_ = nullptr;
    char* content_ = nullptr;  // of the run, as the pipe had it
    int events_ = -1;          // the userfaultfd
    int pipe_[2] = {-1, -1};
    bool is_lent_ = false;
    uint64_t most_pages_ = 0;
    pthread_t reader_ = {};
    std::atomic<bool> stopping_{false};
    std::atomic<int> reader_error_{-1};  // -1: it has not begun
};

}  // namespace terrace::persist
