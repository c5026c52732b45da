// Reading and writing a source so that a bad block is an error and not a SIGBUS. For a file the kernel does
// it: pread(2) and pwrite(2) of lost memory are EIO. A device DAX has neither; it is mapped and copied, and
// SIGBUS is caught meanwhile. Thread safety: any thread. The handler is the process's: it is in place while
// any thread copies, and passes on what is not its.
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>

#include "persist/flush/flush.hpp"
#include "persist/pmem2/public.hpp"
#include "persist/pmem2/result.hpp"
#include "persist/pmem2/source.hpp"
#include "src/mutex.hpp"

using namespace terrace::persist;

namespace {

// ---- catching SIGBUS ----

// What the calling thread is copying.
struct GuardedCopy {
    uintptr_t begin;
    uintptr_t end;
    sigjmp_buf way_out;
};
thread_local std::atomic<GuardedCopy*> copy_of_this_thread{nullptr};

terrace::Mutex handler_lock;
unsigned users = 0;  // of the handler: copies under way
struct sigaction before;

void pass_on(int signal, siginfo_t* info, void* context) {
    if ((before.sa_flags & SA_SIGINFO) != 0) {
        before.sa_sigaction(signal, info, context);
    } else if (before.sa_handler == SIG_DFL || (before.sa_handler == SIG_IGN && info->si_code > 0)) {
        // The instruction is run again when this returns, and ends the process as it would have.
        struct sigaction standard = {};
        standard.sa_handler = SIG_DFL;
        sigaction(SIGBUS, &standard, nullptr);
        if (info->si_code <= 0)
            raise(SIGBUS);
    } else if (before.sa_handler != SIG_IGN) {
        before.sa_handler(signal);
    }
}

void on_sigbus(int signal, siginfo_t* info, void* context) {
    GuardedCopy* const copy = copy_of_this_thread.load(std::memory_order_relaxed);
    const uintptr_t address = reinterpret_cast<uintptr_t>(info->si_addr);
    if (copy != nullptr && info->si_code > 0 && address >= copy->begin && address < copy->end)
        siglongjmp(copy->way_out, 1);
    pass_on(signal, info, context);
}

// Returns false with errno.
bool begin_catching() {
    terrace::LockGuard guard(handler_lock);
    if (users == 0) {
        struct sigaction ours = {};
        ours.sa_sigaction = on_sigbus;
        ours.sa_flags = SA_SIGINFO | SA_NODEFER;
        if (sigaction(SIGBUS, &ours, &before) != 0)
            return false;
    }
    ++users;
    return true;
}

void end_catching() {
    terrace::LockGuard guard(handler_lock);
    if (--users != 0)
        return;
    // A handler that the program has installed meanwhile stays.
    struct sigaction now;
    if (sigaction(SIGBUS, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0 &&
        now.sa_sigaction == on_sigbus)
        sigaction(SIGBUS, &before, nullptr);
}

// Returns false if SIGBUS came from the mapping. Nothing here has a destructor, so that the jump skips none.
bool copy_guarded(char* to, const char* from, size_t size, const char* mapping, size_t mapped,
                  bool is_write) {
    GuardedCopy copy;
    copy.begin = reinterpret_cast<uintptr_t>(mapping);
    copy.end = copy.begin + mapped;
    if (sigsetjmp(copy.way_out, 1) != 0) {
        copy_of_this_thread.store(nullptr, std::memory_order_relaxed);
        return false;
    }
    copy_of_this_thread.store(&copy, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (is_write) {
        copy_and_write_back(to, from, size);
        fence();
    } else {
        memcpy(to, from, size);
    }
    std::atomic_signal_fence(std::memory_order_seq_cst);
    copy_of_this_thread.store(nullptr, std::memory_order_relaxed);
    return true;
}

// ---- the two kinds of sources ----

struct Request {
    const pmem2_source& source;
    char* buffer;
    size_t size;
    size_t offset;
    bool is_write;
    const char* function;
};

int medium_failed(const Request& request) {
    errno = EIO;
    return fail(PMEM2_E_IO_FAIL, "%s: the medium failed in the %zu bytes at offset %zu of fd %d: a bad block",
                request.function, request.size, request.offset, request.source.fd);
}

int transfer_file(const Request& request) {
    size_t done = 0;
    do {
        char* const at = request.buffer + done;
        const size_t left = request.size - done;
        const off_t offset = static_cast<off_t>(request.offset + done);
        const ssize_t moved = request.is_write ? pwrite(request.source.fd, at, left, offset)
                                               : pread(request.source.fd, at, left, offset);
        if (moved < 0 && errno == EINTR)
            continue;
        if (moved < 0 && errno == EIO)
            return medium_failed(request);
        if (moved < 0)
            return fail_with_errno("%s: %zu bytes at offset %zu of fd %d", request.function, request.size,
                                   request.offset, request.source.fd);
        if (moved == 0 && left != 0)  // somebody has shortened the file meanwhile
            return fail(PMEM2_E_LENGTH_OUT_OF_RANGE, "%s: fd %d ends after %zu of %zu bytes at offset %zu",
                        request.function, request.source.fd, done, request.size, request.offset);
        done += static_cast<size_t>(moved);
    } while (done < request.size);
    return 0;
}

int transfer_device(const Request& request) {
    if (request.size == 0)
        return 0;
    size_t alignment = 0;
    if (const int result = pmem2_source_alignment(&request.source, &alignment); result != 0)
        return result;
    const size_t first = request.offset & ~(alignment - 1);
    const size_t mapped = (request.offset + request.size - first + alignment - 1) & ~(alignment - 1);
    const int protection = request.is_write ? PROT_READ | PROT_WRITE : PROT_READ;
    void* const mapping =
        mmap(nullptr, mapped, protection, MAP_SHARED, request.source.fd, static_cast<off_t>(first));
    if (mapping == MAP_FAILED)
        return fail_with_errno("%s: cannot map %zu bytes at offset %zu of fd %d", request.function, mapped,
                               first, request.source.fd);
    if (!begin_catching()) {
        const int result = fail_with_errno("%s: cannot catch SIGBUS", request.function);
        munmap(mapping, mapped);
        return result;
    }
    char* const there = static_cast<char*>(mapping) + (request.offset - first);
    char* const to = request.is_write ? there : request.buffer;
    const char* const from = request.is_write ? request.buffer : there;
    const bool is_done =
        copy_guarded(to, from, request.size, static_cast<char*>(mapping), mapped, request.is_write);
    end_catching();
    munmap(mapping, mapped);
    return is_done ? 0 : medium_failed(request);
}

int transfer(const Request& request) {
    if (request.source.kind == pmem2_source::kAnonymous)
        return fail(PMEM2_E_SOURCE_TYPE_NOT_SUPPORTED,
                    "%s: the source is anonymous memory, which holds nothing", request.function);
    size_t size = 0;
    if (const int result = pmem2_source_size(&request.source, &size); result != 0)
        return result;
    if (request.offset > size || request.size > size - request.offset)
        return fail(PMEM2_E_LENGTH_OUT_OF_RANGE,
                    "%s: %zu bytes at offset %zu reach past the end of fd %d, which has %zu bytes",
                    request.function, request.size, request.offset, request.source.fd, size);
    return request.source.kind == pmem2_source::kDeviceDax ? transfer_device(request)
                                                           : transfer_file(request);
}

}  // namespace

int pmem2_source_pread_mcsafe(struct pmem2_source* src, void* buf, size_t size, size_t offset) {
    constexpr const char* kHere = "pmem2_source_pread_mcsafe";
    if (src == nullptr || (buf == nullptr && size != 0))
        return fail(-EINVAL, "%s: %s is NULL", kHere, src == nullptr ? "src" : "buf");
    return transfer({*src, static_cast<char*>(buf), size, offset, false, kHere});
}

int pmem2_source_pwrite_mcsafe(struct pmem2_source* src, void* buf, size_t size, size_t offset) {
    constexpr const char* kHere = "pmem2_source_pwrite_mcsafe";
    if (src == nullptr || (buf == nullptr && size != 0))
        return fail(-EINVAL, "%s: %s is NULL", kHere, src == nullptr ? "src" : "buf");
    return transfer({*src, static_cast<char*>(buf), size, offset, true, kHere});
}
