#include "kinds/page_nodes.hpp"

#include <errno.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace terrace::kinds {
namespace {

struct PageRange {
    std::uintptr_t first;  // of the first page
    std::size_t count;
    std::size_t page_size;
};

// False when the range wraps around.
bool pages_of(const void* address, std::size_t size, PageRange* pages) {
    const auto start = reinterpret_cast<std::uintptr_t>(address);
    std::uintptr_t last = 0;
    if (__builtin_add_overflow(start, size - 1, &last))
        return false;
    pages->page_size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    pages->first = start & ~(pages->page_size - 1);
    pages->count = (last - pages->first) / pages->page_size + 1;
    return true;
}

// word |= 0 by the kernel, in one step with regard to other threads: a page that cannot be written to is an
// EFAULT and not a SIGSEGV. The futex itself is nobody's.
bool write_nothing_to(std::uintptr_t word) {
    std::uint32_t nobody_waits_here = 0;
    constexpr long kNoWaiters = 0;
    constexpr unsigned kOperation = FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 0);
    return syscall(SYS_futex, &nobody_waits_here, FUTEX_WAKE_OP_PRIVATE, 0, kNoWaiters, word, kOperation) >=
           0;
}

}  // namespace

bool touch_pages(void* address, std::size_t size) {
    PageRange pages{};
    if (!pages_of(address, size, &pages))
        return false;
    void* const first = reinterpret_cast<void*>(pages.first);
    if (madvise(first, pages.count * pages.page_size, MADV_POPULATE_WRITE) == 0)
        return true;
    // EINVAL: a kernel before 5.14, or memory of a device, which it does not populate.
    if (errno != EINVAL)
        return false;
    for (std::size_t page = 0; page < pages.count; ++page)
        if (!write_nothing_to(pages.first + page * pages.page_size))
            return false;
    return true;
}

PagesLie where_pages_lie(void* address, std::size_t size, const NodeSet& nodes) {
    constexpr std::size_t kBatch = 512;
    PageRange pages{};
    if (!pages_of(address, size, &pages))
        return PagesLie::kUnknown;
    for (std::size_t done = 0; done < pages.count;) {
        const std::size_t count = pages.count - done < kBatch ? pages.count - done : kBatch;
        std::uintptr_t addresses[kBatch];
        int status[kBatch];
        for (std::size_t i = 0; i < count; ++i)
            addresses[i] = pages.first + (done + i) * pages.page_size;
        // Without nodes to move to, move_pages tells where each page is, or a negative errno value.
        if (syscall(SYS_move_pages, 0, count, addresses, nullptr, status, 0) < 0)
            return PagesLie::kUnknown;
        for (std::size_t i = 0; i < count; ++i)
            if (status[i] < 0 || !nodes.has(NodeId{static_cast<unsigned>(status[i])}))
                return PagesLie::kOutside;
        done += count;
    }
    return PagesLie::kInside;
}

}  // namespace terrace::kinds
