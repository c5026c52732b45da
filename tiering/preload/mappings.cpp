// mmap in front of the C library's. A mapping is made as asked for; then its pages, none of which is there yet, get the
// nodes of the tiers. Bytes that a tier of files or the process's own policy should have are left alone.
#include "tiering/preload/mappings.hpp"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "include/memkind_memtier.h"
#include "src/log.hpp"
#include "src/numa_policy.hpp"
#include "tiering/preload/node_tiers.hpp"
#include "tiering/static_ratio.hpp"

namespace terrace::preload {
namespace {

using tiering::TierPolicy;

constexpr const char* kVariable = "MEMKIND_MEM_TIERING_MMAP";
constexpr std::uintptr_t kHugePage = std::uintptr_t{2} << 20;

struct MappedTier {
    NodeSet nodes;  // empty: the process's own policy
    std::uint64_t ratio;
    std::uint64_t limit;               // bytes, UINT64_MAX for none
    std::atomic<std::uint64_t> bytes;  // put there so far; what is unmapped is not taken off
};

// Written before `least_size` is, constant but for the bytes.
constinit MappedTier tiers[tiering::kMostConfiguredTiers] = {};
unsigned tier_count = 0;
bool in_order = false;

// Mappings of so many bytes and more; SIZE_MAX: none.
constinit std::atomic<std::size_t> least_size{SIZE_MAX};

// The code of libmemkind, which has its own plans for what it maps.
std::uintptr_t own_code = 0;
std::uintptr_t own_code_end = 0;

void find_own_code() {
    dl_iterate_phdr(
        [](dl_phdr_info* library, std::size_t, void* wanted) {
            const auto address = reinterpret_cast<std::uintptr_t>(wanted);
            for (unsigned i = 0; i < library->dlpi_phnum; ++i) {
                const auto& segment = library->dlpi_phdr[i];
                const std::uintptr_t start = library->dlpi_addr + segment.p_vaddr;
                if (segment.p_type == PT_LOAD && address >= start && address < start + segment.p_memsz) {
                    own_code = start;
                    own_code_end = start + segment.p_memsz;
                    return 1;
                }
            }
            return 0;
        },
        reinterpret_cast<void*>(&memkind_malloc));
}

// The tier for the next `size` bytes; tier_count when none has room.
unsigned choose(std::size_t size) {
    const auto has_room = [size](const MappedTier& tier) {
        return tier.bytes.load(std::memory_order_relaxed) + size <= tier.limit;
    };
    if (!in_order) {
        const unsigned chosen = tiering::choose_by_static_ratio(tier_count, [](unsigned i) {
            return tiering::TierLoad{tiers[i].bytes.load(std::memory_order_relaxed), tiers[i].ratio};
        });
        if (has_room(tiers[chosen]))
            return chosen;
    }
    unsigned first = 0;
    while (first < tier_count && !has_room(tiers[first]))
        ++first;
    return first;
}

void bind(std::uintptr_t start, std::uintptr_t end, unsigned tier) {
    if (tier >= tier_count || tiers[tier].nodes.empty())
        return;
    // Preferred: a page that the node has no room for is better elsewhere than a killed process.
    const int error = set_node_policy(reinterpret_cast<void*>(start), end - start, NodePolicy::kPreferredMany,
                                      tiers[tier].nodes);
    static constinit std::atomic<bool> said{false};
    if (error != 0 && !said.exchange(true))
        log_info("mbind: %s; anonymous mappings stay where the kernel puts them", strerrordesc_np(error));
}

// In stretches of whole huge pages, at most some 512 of them: each is a mapping of its own to the kernel.
void spread(void* mapping, std::size_t size) {
    const auto start = reinterpret_cast<std::uintptr_t>(mapping);
    const std::uintptr_t end = start + size;
    const std::uintptr_t stretch = (size / 512 + kHugePage) / kHugePage * kHugePage;
    std::uintptr_t begin = start;
    unsigned current = tier_count;
    for (std::uintptr_t at = start; at < end;) {
        const std::uintptr_t next = at / kHugePage * kHugePage + stretch;
        const std::size_t bytes = (next < end ? next : end) - at;
        const unsigned tier = choose(bytes);
        if (tier < tier_count)
            tiers[tier].bytes.fetch_add(bytes, std::memory_order_relaxed);
        if (at != start && tier != current) {
            bind(begin, at, current);
            begin = at;
        }
        current = tier;
        at += bytes;
    }
    bind(begin, end, current);
}

bool is_to_be_tiered(std::size_t size, int protection, int flags, const void* caller) {
    if (size < least_size.load(std::memory_order_acquire))
        return false;
    constexpr int kOfNoUse = MAP_STACK | MAP_GROWSDOWN | MAP_HUGETLB | MAP_LOCKED | MAP_POPULATE;
    const auto code = reinterpret_cast<std::uintptr_t>(caller);
    return (flags & MAP_TYPE) == MAP_PRIVATE && (flags & MAP_ANONYMOUS) != 0 && (flags & kOfNoUse) == 0 &&
           protection != PROT_NONE && (code < own_code || code >= own_code_end);
}

void* map(void* address, std::size_t size, int protection, int flags, int file, off_t offset,
          const void* caller) {
    const long result = syscall(SYS_mmap, address, size, protection, flags, file, offset);
    if (result == -1)
        return MAP_FAILED;
    void* const mapping = reinterpret_cast<void*>(result);
    if (is_to_be_tiered(size, protection, flags, caller)) [[unlikely]] {
        const int saved_errno = errno;
        spread(mapping, size);
        errno = saved_errno;
    }
    return mapping;
}

}  // namespace

void start_tiering_mappings(const tiering::TierConfig& wanted, const unsigned* order, TiersInUse* in_use) {
    const char* const value = secure_getenv(kVariable);
    if (value == nullptr || value[0] == '\0')
        return;
    std::uint64_t least = 0;
    if (!tiering::parse_bytes(value, least) || least < kHugePage) {
        log_error("%s: '%.80s'; accepted: the least size of a mapping, 2M or more", kVariable, value);
        return;
    }
    in_order = wanted.policy == TierPolicy::kCapacityOrder;
    bool any_nodes = false;
    for (unsigned i = 0; i < in_use->count; ++i) {
        const tiering::TierSpec& spec = wanted.tiers[order[i]];
        if (spec.kind == tiering::kFileTier)
            continue;
        MappedTier& tier = tiers[tier_count++];
        if (spec.kind != tiering::kDramTier)
            tier.nodes = nodes_of(in_use->tiers[i].memory);
        tier.ratio = spec.ratio;
        tier.limit = spec.size_limit == 0 ? UINT64_MAX : spec.size_limit;
        any_nodes = any_nodes || !tier.nodes.empty();
        in_use->tiers[i].mapped = &tier.bytes;
    }
    if (!any_nodes) {
        log_info("%s: no tier is one of nodes; mappings stay as they are", kVariable);
        return;
    }
    find_own_code();
    least_size.store(least, std::memory_order_release);
}

}  // namespace terrace::preload

extern "C" __attribute__((visibility("default"))) void* mmap(void* address, size_t size, int protection,
                                                             int flags, int file, off_t offset) noexcept {
    return terrace::preload::map(address, size, protection, flags, file, offset, __builtin_return_address(0));
}

extern "C" __attribute__((visibility("default"))) void* mmap64(void* address, size_t size, int protection,
                                                               int flags, int file, off64_t offset) noexcept {
    return terrace::preload::map(address, size, protection, flags, file, offset, __builtin_return_address(0));
}
