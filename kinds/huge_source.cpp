#include "kinds/huge_source.hpp"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <new>

#include "src/check.hpp"
#include "src/log.hpp"
#include "src/own_memory.hpp"
#include "src/topology.hpp"

namespace terrace::kinds {
namespace {

constexpr int kPageSizeShift = 26;  // MAP_HUGE_SHIFT

char* round_down(char* address, std::size_t unit) {
    return reinterpret_cast<char*>(reinterpret_cast<std::uintptr_t>(address) & ~(unit - 1));
}

char* round_up(char* address, std::size_t unit) {
    return round_down(address + (unit - 1), unit);
}

// Makes the range reserved addresses again, without a moment in which it is free for others.
bool reserve(char* address, std::size_t size) {
    return mmap(address, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) ==
           address;
}

void log_once(const char* what, int error) {
    static bool said = false;
    if (!__atomic_exchange_n(&said, true, __ATOMIC_ACQ_REL))
        log_info("huge pages: %s: %s", what, strerror(error));
}

}  // namespace

HugeSource* HugeSource::create(std::size_t page_size, NodePolicy policy, const NodeSet& nodes) {
    REQUIRES(page_size == std::size_t{2} << 20 || page_size == std::size_t{1} << 30);
    REQUIRES(policy != NodePolicy::kWeightedInterleave && (policy == NodePolicy::kNone || !nodes.empty()));
    // 512 KiB, touched as far as it is used
    constexpr std::size_t kListSize = kMostGivenBack * sizeof(char*);
    void* const memory = map_own_memory(sizeof(HugeSource));
    void* const list = map_own_memory(kListSize);
    if (memory == nullptr || list == nullptr) {
        if (memory != nullptr)
            munmap(memory, sizeof(HugeSource));
        if (list != nullptr)
            munmap(list, kListSize);
        errno = ENOMEM;
        return nullptr;
    }
    return new (memory) HugeSource(page_size, policy, nodes, static_cast<char**>(list));
}

bool HugeSource::map(char* address, std::size_t size) {
    char* const end = round_up(address + size, page_size_);
    char* from = round_down(address, page_size_);
    const bool continues = from >= first_ && from <= frontier_;
    if (continues)
        from = frontier_;
    if (from >= end)
        return true;
    const std::size_t missing = static_cast<std::size_t>(end - from);
    // Mapped somewhere first: a mapping in place that fails leaves a hole in the window, for anybody to fall in.
    char* const pages = map_pages(missing);
    if (pages == nullptr)
        return false;
    if (!place(pages, from, missing))
        return false;
    if (!continues)
        first_ = from;
    frontier_ = end;
    return true;
}

// Pages that are the process's for good, under its policy, at an address of the kernel's choice.
char* HugeSource::map_pages(std::size_t size) {
    const int page_flag = __builtin_ctzl(page_size_) << kPageSizeShift;
    void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | page_flag, -1, 0);
    if (memory == MAP_FAILED)
        return nullptr;
    if (policy_ != NodePolicy::kNone && !unbound_) {
        if (const int error = set_node_policy(memory, size, policy_, nodes_); error != 0) {
            log_once("not bound to their nodes", error);
            unbound_ = true;
        }
    }
    // A reservation is good for a page of any node; a bound page must be fetched to be sure of it.
    if (policy_ == NodePolicy::kBind && !unbound_ && madvise(memory, size, MADV_POPULATE_WRITE) != 0 &&
        errno != EINVAL) {
        munmap(memory, size);
        return nullptr;
    }
    return static_cast<char*>(memory);
}

// Moves pages to their address. False: they are gone, the address is reserved as before.
bool HugeSource::place(char* pages, char* address, std::size_t size) {
    if (mremap(pages, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, address) == address)
        return true;
    // Linux before 5.16 does not move huge pages. Unmapped, they are there to be mapped again.
    munmap(pages, size);
    const int page_flag = __builtin_ctzl(page_size_) << kPageSizeShift;
    if (mmap(address, size, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_FIXED | page_flag, -1, 0) == address) {
        if (policy_ != NodePolicy::kNone && !unbound_ && set_node_policy(address, size, policy_, nodes_) != 0)
            unbound_ = true;
        return true;
    }
    // Keep the window whole; if another thread has fallen into the hole meanwhile, that stays.
    mmap(address, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    return false;
}

bool HugeSource::is_given_back(const char* page) const {
    return std::binary_search(given_back_, given_back_ + given_back_count_, page);
}

// Not MADV_DONTNEED: the kernel keeps a reservation for such a page, and nobody else could have it.
bool HugeSource::decommit(char* address, std::size_t size) {
    char* const first = round_up(address, page_size_);
    char* const last = round_down(address + size, page_size_);
    if (first >= last)
        return false;
    const std::size_t pages = static_cast<std::size_t>(last - first) / page_size_;
    if (pages > kMostGivenBack - given_back_count_ || !reserve(first, pages * page_size_))
        return false;
    char** const begin = given_back_;
    char** const at = std::lower_bound(begin, begin + given_back_count_, first);
    char** const behind = std::lower_bound(at, begin + given_back_count_, last);  // some may be there already
    memmove(at + pages, behind, static_cast<std::size_t>(begin + given_back_count_ - behind) * sizeof *at);
    for (std::size_t page = 0; page < pages; ++page)
        at[page] = first + page * page_size_;
    given_back_count_ += static_cast<unsigned>(pages - static_cast<std::size_t>(behind - at));
    return true;
}

// Fetches pages that were given back. REQUIRES: all from `from` to `to` were.
bool HugeSource::fetch(char* from, char* to) {
    const std::size_t size = static_cast<std::size_t>(to - from);
    char* const pages = map_pages(size);
    if (pages == nullptr || !place(pages, from, size))
        return false;
    char** const end = given_back_ + given_back_count_;
    char** const at = std::lower_bound(given_back_, end, from);
    const std::size_t count = size / page_size_;
    memmove(at, at + count, static_cast<std::size_t>(end - (at + count)) * sizeof *at);
    given_back_count_ -= static_cast<unsigned>(count);
    return true;
}

bool HugeSource::commit(char* address, std::size_t size) {
    char* const end = address + size;
    // The pages at the edges too: they may have been given back as part of a larger range.
    char* const first = round_down(address, page_size_);
    char* const last = round_up(end, page_size_);
    for (char* page = first; page < last;) {
        const bool fresh = is_given_back(page);
        char* next = page + page_size_;
        while (next < last && is_given_back(next) == fresh)
            next += page_size_;
        if (fresh) {
            if (!fetch(page, next)) {
                // All or nothing. A page at an edge stays: what it holds is zero.
                [[maybe_unused]] const bool done =
                    decommit(address, static_cast<std::size_t>(page - address));
                return false;
            }
        } else {
            // Not given back, because neighbours use it.
            char* const from = page < address ? address : page;
            char* const to = next > end ? end : next;
            memset(from, 0, static_cast<std::size_t>(to - from));
        }
        page = next;
    }
    return true;
}

std::size_t HugeSource::capacity() {
    if (policy_ != NodePolicy::kNone)
        return topology::capacity_of(nodes_, page_size_);
    const topology::Facts* const facts = topology::basic_facts();
    const topology::HugePage which = topology::huge_page_of(page_size_);
    return facts == nullptr ? 0 : (facts->huge_pages[which] + facts->huge_pages_extra[which]) * page_size_;
}

void HugeSource::dispose() {
    munmap(given_back_, kMostGivenBack * sizeof *given_back_);
    munmap(this, sizeof *this);
}

}  // namespace terrace::kinds
