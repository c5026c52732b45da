// See page_dropper.hpp.
// userfaultfd: the barrier moves over a run by mremap, which keeps it watched only with UFFD_FEATURE_EVENT_REMAP,
// and then mremap returns when somebody has read the event: that is all the reader thread does.
// The twin shares the anon_vma of the working copy, so that the kernel merges what is moved back with its
// neighbours: it is made by moving the page tables of the working copy there (MREMAP_DONTUNMAP), all but the
// last page, for a mapping that is moved whole gives its anon_vma away.
#include "persist/pool/working_copy/page_dropper.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "persist/pool/populate.hpp"
#include "persist/pool/working_copy/own_files.hpp"
#include "persist/pool/working_copy/quiet_thread.hpp"
#include "src/log.hpp"

namespace terrace::persist {
namespace {

constexpr uint64_t kRunBytes = PageDropper::kMostPages * kPageBytes;
constexpr uint64_t kReaderStackBytes = 64u << 10;

#ifndef MREMAP_DONTUNMAP  // Linux 5.7, for files 5.13
constexpr int MREMAP_DONTUNMAP = 4;
#endif

// A page that only this process has stays the same page however often it is protected and faulted in: from
// Linux 5.19 on (PG_anon_exclusive). Older kernels may copy it when somebody else, our pipe, holds it too.
bool is_new_enough() {
    struct utsname name;
    if (uname(&name) != 0)
        return false;
    char* rest = nullptr;
    const unsigned long major = strtoul(name.release, &rest, 10);
    const unsigned long minor = *rest == '.' ? strtoul(rest + 1, nullptr, 10) : 0;
    return major > 6 || (major == 6 && minor >= 1);
}

// A userfaultfd whose faults may come from the kernel too.
int open_userfaultfd() {
    const long made = syscall(SYS_userfaultfd, O_CLOEXEC);
    if (made >= 0)
        return static_cast<int>(made);
    const int error = errno;
    const int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
    if (device < 0) {
        errno = error;
        return -1;
    }
    const int file = ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC);
    const int ioctl_error = errno;
    close(device);
    errno = ioctl_error;
    return file;
}

void wait_a_little() {
    const timespec pause{0, 1000000};
    nanosleep(&pause, nullptr);
}

}  // namespace

int PageDropper::reserve_twin(uint64_t bytes) {
    void* const reserved =
        mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED)
        return errno;
    twin_ = static_cast<char*>(reserved);
    twin_reserved_ = bytes;
    return 0;
}

int PageDropper::extend(uint64_t bytes) {
    if (bytes <= twin_bytes_)
        return 0;
    if (bytes > twin_reserved_)
        return ENOMEM;
    if (mmap(twin_ + twin_bytes_, bytes - twin_bytes_, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, file_, static_cast<off_t>(twin_bytes_)) == MAP_FAILED)
        return errno;
    twin_bytes_ = bytes;
    return 0;
}

int PageDropper::make_barrier(const char*& missing) {
    missing =
        "userfaultfd for accesses of the kernel (CAP_SYS_PTRACE, /dev/userfaultfd or "
        "vm.unprivileged_userfaultfd=1)";
    events_ = open_userfaultfd();
    if (events_ < 0)
        return errno;
    uffdio_api api = {};
    api.api = UFFD_API;
    api.features = UFFD_FEATURE_EVENT_REMAP;
    if (ioctl(events_, UFFDIO_API, &api) != 0)
        return errno;
    missing = "memory that userfaultfd watches";
    void* const memory =
        mmap(nullptr, kRunBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return errno;
    barrier_ = static_cast<char*>(memory);
    madvise(barrier_, kRunBytes, MADV_DONTFORK);
    uffdio_register watched = {};
    watched.range.start = reinterpret_cast<uintptr_t>(barrier_);
    watched.range.len = kRunBytes;
    watched.mode = UFFDIO_REGISTER_MODE_MISSING;
    return ioctl_here(events_, UFFDIO_REGISTER, &watched) == 0 ? 0 : errno;
}

void* PageDropper::read_events(void* self) {
    auto& dropper = *static_cast<PageDropper*>(self);
    uffd_msg messages[16];
    dropper.reader_error_.store(keep_only_files(&dropper.events_, 1), std::memory_order_release);
    while (!dropper.stopping_.load(std::memory_order_relaxed)) {
        const ssize_t got = read_here(dropper.events_, messages, sizeof messages);
        if (got < 0 && errno != EINTR && errno != EAGAIN)
            wait_a_little();
        for (ssize_t i = 0; i < got / static_cast<ssize_t>(sizeof *messages); ++i) {
            if (messages[i].event == UFFD_EVENT_PAGEFAULT)
                dropper.hear(messages[i].arg.pagefault.address);
        }
    }
    return nullptr;
}

void PageDropper::hear(uint64_t fault_address) {
    const uint64_t offset = fault_address - reinterpret_cast<uintptr_t>(base_);
    if (offset < twin_bytes_.load(std::memory_order_relaxed) && !gate_->admit(offset / kPageBytes))
        denied_(denied_context_);
}

int PageDropper::start_reader() {
    const int error = start_quiet_thread(reader_, kReaderStackBytes, read_events, this);
    // From here on it has its files to itself.
    while (error == 0 && reader_error_.load(std::memory_order_acquire) < 0)
        sched_yield();
    return error;
}

int PageDropper::start(const Mapping& mapping, int file, PageGate& gate, Denied denied, void* context,
                       const char*& missing) {
    gate_ = &gate;
    denied_ = denied;
    denied_context_ = context;
    base_ = mapping.base;
    file_ = file;
    missing = "Linux 6.1";
    if (!is_new_enough())
        return ENOSYS;
    int error = make_barrier(missing);
    if (error == 0) {
        missing = "addresses";
        error = reserve_twin(mapping.most_bytes());
    }
    if (error == 0) {
        missing = "memory and pipes";
        void* const memory =
            mmap(nullptr, kRunBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        error = memory == MAP_FAILED || pipe2(pipe_, O_CLOEXEC | O_NONBLOCK) != 0 ? errno : 0;
        content_ = memory == MAP_FAILED ? nullptr : static_cast<char*>(memory);
    }
    if (error == 0) {
        fcntl(pipe_[0], F_SETPIPE_SZ, kRunBytes);  // a smaller pipe makes shorter runs
        const int pipe_bytes = fcntl(pipe_[0], F_GETPIPE_SZ);
        most_pages_ = std::min(static_cast<uint64_t>(std::max(pipe_bytes, 0)) / kPageBytes, kMostPages);
        error = most_pages_ == 0 ? EMFILE : 0;
    }
    bool has_reader = false;
    if (error == 0) {
        missing = "a thread";
        error = start_reader();
        has_reader = error == 0;
        if (has_reader)
            error = reader_error_.load(std::memory_order_relaxed);
    }
    if (error == 0) {
        missing = "vmsplice, or mremap of a mapped file";
        error = try_out();
    }
    if (error == 0)
        error = extend(mapping.bytes);
    if (error == 0)
        return 0;
    if (has_reader)
        stop();
    else
        close_files();
    return error;
}

// Makes the twin, and drops one page for good measure.
int PageDropper::try_out() {
    auto* const first = reinterpret_cast<volatile char*>(base_);
    *first = *first;                 // from here on the working copy has an anon_vma, for the twin to share
    constexpr uint64_t kPages = 64;  // the rest is mapped behind them and merges with them
    if (mremap(base_, kPages * kPageBytes, kPages * kPageBytes,
               MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, twin_) == MAP_FAILED)
        return errno;
    twin_bytes_ = kPages * kPageBytes;
    madvise(twin_, kPageBytes, MADV_DONTNEED);
    *first = *first;
    PagePins pins;
    if (!pins.start(kPageBytes))
        return ENOMEM;
    const uint64_t dropped = drop(0, 1, pins);
    pins.stop();
    return dropped == 1 ? 0 : ENOSYS;
}

void PageDropper::stop() {
    gate_->lock();  // the reader may still hear of a fault
    gate_->for_each_closed(
        [](void* self, uint64_t first_page, uint64_t count) {
            static_cast<PageDropper*>(self)->open_closed(first_page, count);
        },
        this);
    gate_->unlock();
    stopping_.store(true, std::memory_order_relaxed);
    // One more event, for the reader to see that it is over.
    while (mremap(barrier_, kPageBytes, kPageBytes, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
                  content_) == MAP_FAILED)
        wait_a_little();
    pthread_join(reader_, nullptr);
    close_files();
}

void PageDropper::close_files() {
    if (barrier_ != nullptr)
        munmap(barrier_, kRunBytes);
    if (twin_ != nullptr)
        munmap(twin_, twin_reserved_);
    if (content_ != nullptr)
        munmap(content_, kRunBytes);
    for (int* file : {&events_, &pipe_[0], &pipe_[1]}) {
        if (*file >= 0 && !is_lent_)
            close(*file);
        *file = -1;
    }
    is_lent_ = false;
    barrier_ = twin_ = content_ = nullptr;
    twin_bytes_ = 0;
    stopping_.store(false, std::memory_order_relaxed);
    reader_error_.store(-1, std::memory_order_relaxed);
}

void PageDropper::lend() {
    for (int file : {events_, pipe_[0], pipe_[1]})
        close_here(file);
    is_lent_ = true;
}

uint32_t PageDropper::files(int* numbers) const {
    numbers[0] = events_;
    numbers[1] = pipe_[0];
    numbers[2] = pipe_[1];
    return 3;
}

void PageDropper::forget_in_child() {
    gate_->for_each_closed(
        [](void* self, uint64_t first_page, uint64_t count) {
            const auto& dropper = *static_cast<PageDropper*>(self);
            mmap(dropper.base_ + first_page * kPageBytes, count * kPageBytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, dropper.file_,
                 static_cast<off_t>(first_page * kPageBytes));
        },
        this);
    barrier_ = nullptr;  // not inherited
    close_files();
}

// Steps 1 and 2.
bool PageDropper::hold_pages(char* run, uint64_t bytes) {
    if (madvise(run, bytes, MADV_DONTFORK) != 0)
        return false;
    iovec part = {run, bytes};
    if (madvise(run, bytes, MADV_POPULATE_WRITE) == 0 &&
        vmsplice(pipe_[1], &part, 1, SPLICE_F_NONBLOCK) == static_cast<ssize_t>(bytes))
        return true;
    // Less than all fitted into the pipe, or the program has changed the mapping: leave everything as it was.
    read_pipe(bytes);
    madvise(run, bytes, MADV_DOFORK);
    return false;
}

// All that is in the pipe, which is at most `bytes`.
void PageDropper::read_pipe(uint64_t bytes) {
    for (uint64_t have = 0; have < bytes;) {
        const ssize_t got = read_here(pipe_[0], content_ + have, bytes - have);
        if (got <= 0)
            return;
        have += static_cast<uint64_t>(got);
    }
}

bool PageDropper::close_barrier(char* run, uint64_t bytes) {
    if (mremap(barrier_, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, run) != MAP_FAILED)
        return true;
    read_pipe(bytes);
    madvise(run, bytes, MADV_DOFORK);
    return false;
}

// There is no way back and nothing else to do than to go on: the kernel may be short of memory for a moment, or
// the process of mappings (vm.max_map_count).
void PageDropper::map_twin(char* run, uint64_t bytes) {
    bool was_told = false;
    while (mremap(twin_ + (run - base_), bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
                  run) == MAP_FAILED) {
        if (!was_told)
            log_error("pages of a pool cannot be mapped (%s): whoever uses them waits", strerror(errno));
        was_told = true;
        wait_a_little();
    }
}

void PageDropper::wake(uint64_t first_page, uint64_t count) {
    uffdio_range range = {reinterpret_cast<uintptr_t>(base_ + first_page * kPageBytes), count * kPageBytes};
    while (ioctl_here(events_, UFFDIO_WAKE, &range) != 0 && errno == EAGAIN) {
    }
}

int PageDropper::close_unused(uint64_t first_page, uint64_t count) {
    char* const run = base_ + first_page * kPageBytes;
    const uint64_t bytes = count * kPageBytes;
    if (mmap(run, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
             0) == MAP_FAILED)
        return errno;
    uffdio_register watched = {};
    watched.range.start = reinterpret_cast<uintptr_t>(run);
    watched.range.len = bytes;
    watched.mode = UFFDIO_REGISTER_MODE_MISSING;
    if (ioctl_here(events_, UFFDIO_REGISTER, &watched) != 0) {
        const int error = errno;
        map_twin(run, bytes);
        return error;
    }
    madvise(run, bytes, MADV_DONTFORK);
    gate_->note_closed(first_page, count);
    return 0;
}

void PageDropper::open_closed(uint64_t first_page, uint64_t count) {
    map_twin(base_ + first_page * kPageBytes, count * kPageBytes);
    wake(first_page, count);
}

uint64_t PageDropper::drop(uint64_t first_page, uint64_t count, const PagePins& pins) {
    char* const run = base_ + first_page * kPageBytes;
    char* const twin = twin_ + first_page * kPageBytes;
    const uint64_t bytes = count * kPageBytes;
    const uint64_t block = first_page / PageGate::kBlockPages;
    if (bytes > kRunBytes || first_page * kPageBytes + bytes > twin_bytes_ || !hold_pages(run, bytes))
        return 0;
    gate_->begin_window(block);
    if (!close_barrier(run, bytes)) {
        gate_->end_window_open(block);
        wake(first_page, count);
        return 0;
    }
    read_pipe(bytes);
    uint64_t dropped = 0;
    for (uint64_t page = 0; page < count; ++page) {
        const char* const content = content_ + page * kPageBytes;
        if (!pins.is_pinned(first_page + page) && !pins.is_logged(first_page + page) &&
            memcmp(twin + page * kPageBytes, content, kPageBytes) == 0)
            ++dropped;
        else
            memcpy(twin + page * kPageBytes, content, kPageBytes);
    }
    if (dropped == PageGate::kBlockPages && gate_->end_window_closed(block))
        return dropped;
    map_twin(run, bytes);
    gate_->end_window_open(block);
    wake(first_page, count);
    return dropped;
}

}  // namespace terrace::persist
