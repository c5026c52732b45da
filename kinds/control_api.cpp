// memkind.h: kinds that are made of what exists already (a buffer, other kinds), their end, and what they hold.
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "include/memkind.h"
#include "kinds/fixed_source.hpp"
#include "kinds/heap.hpp"
#include "kinds/places.hpp"
#include "kinds/registry.hpp"
#include "kinds/statistics.hpp"
#include "src/own_memory.hpp"

using namespace terrace;
using namespace terrace::kinds;

namespace {

constexpr std::uintptr_t kPage = 4096;

int invalid(int error) {
    errno = error;
    return MEMKIND_ERROR_INVALID;
}

void trim(memkind* kind) {
    if (state_of(kind) != KindState::kReady)
        return;
    if (kind->foreign_heap != nullptr)
        return kind->foreign_heap->trim(kind);
    empty_caches_of(kind);
    for_each_shard(kind, [](Shard* shard) { give_free_memory_back(shard); });
}

// The block of 16 KiB or more that an address lies in: the nearest beginning below it decides.
bool find_run(const memkind* kind, const char* address, memkind_block* block) {
    const char* page = address - reinterpret_cast<std::uintptr_t>(address) % kPage;
    for (unsigned i = 0; i < kind->window_count; ++i) {
        const windows::Window& window = kind->windows[i];
        // Nothing lies beyond what is carved, and a window may be huge.
        const std::size_t used = i + 1 == kind->window_count ? kind->carved : window.size;
        if (address < window.base || address >= window.base + used)
            continue;
        for (; page >= window.base; page -= kPage) {
            const page_map::Entry entry = page_map::entry_of(page);
            const unsigned class_number = page_map::class_in(entry);
            if (class_number > kSmallClasses && (class_number <= kCachedClasses || class_number == kLarge)) {
                const std::size_t size = size_of_run(page);
                if (static_cast<std::size_t>(address - page) >= size)
                    return false;
                block->start = const_cast<char*>(page);
                block->size = size;
                return true;
            }
            if (class_number != 0 && class_number <= kSmallClasses)
                return false;
        }
    }
    return false;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

int memkind_create_fixed(void* addr, size_t size, memkind_t* kind) {
    const auto begin = reinterpret_cast<std::uintptr_t>(addr);
    if (kind == nullptr || (addr == nullptr && size != 0) || begin + size < begin ||
        begin + size > std::uintptr_t{1} << windows::kAddressBits)
        return invalid(EINVAL);
    const std::uintptr_t first_page = (begin + kPage - 1) & ~(kPage - 1);
    const std::uintptr_t end = (begin + size) & ~(kPage - 1);
    const std::size_t whole_pages = end > first_page ? end - first_page : 0;
    initialise();
    const windows::Window pages = {reinterpret_cast<char*>(first_page), whole_pages};
    FixedSource* const source = FixedSource::create(size);
    if (source == nullptr)
        return MEMKIND_ERROR_MALLOC;
    memkind* made = nullptr;
    const int result = add_kind_over_buffer({.name = "memkind_fixed",
                                             .source = source,
                                             .foreign_heap = nullptr,
                                             .foreign_state = nullptr,
                                             .shard_count = 1,
                                             .first_window = windows::kGranule,
                                             .fixed = pages},
                                            begin, begin + size, &made);
    if (result != MEMKIND_SUCCESS) {
        source->dispose();
        return result == MEMKIND_ERROR_INVALID ? invalid(EINVAL) : result;
    }
    if (whole_pages == 0)
        made->limit = 0;  // nothing to give out
    *kind = made;
    return MEMKIND_SUCCESS;
}

int memkind_create_fallback(const memkind_t* kinds, size_t count, memkind_t* kind) {
    if (kinds == nullptr || kind == nullptr || count == 0 || count > kMaxKinds)
        return invalid(EINVAL);
    for (size_t i = 0; i < count; ++i)
        if (kinds[i] == nullptr || !is_kind(kinds[i]) ||
            (kinds[i]->parts != nullptr && kinds[i]->choice == nullptr))
            return invalid(EINVAL);
    void* const memory = map_own_memory(count * sizeof(memkind_t));
    if (memory == nullptr)
        return MEMKIND_ERROR_MALLOC;
    memcpy(memory, kinds, count * sizeof(memkind_t));
    const int result = add_kind({.name = "memkind_fallback",
                                 .source = nullptr,
                                 .foreign_heap = nullptr,
                                 .foreign_state = nullptr,
                                 .shard_count = 1,
                                 .first_window = 0,
                                 .parts = static_cast<memkind**>(memory),
                                 .part_count = static_cast<unsigned>(count)},
                                kind);
    if (result != MEMKIND_SUCCESS)
        munmap(memory, count * sizeof(memkind_t));
    return result;
}

int memkind_destroy_kind(memkind_t kind) {
    return remove_kind(kind);
}

int memkind_check_available(memkind_t kind) {
    return kind == nullptr ? MEMKIND_ERROR_INVALID : availability(kind);
}

int memkind_trim(memkind_t kind) {
    if (kind == nullptr) {
        LockGuard guard(registry_mutex());
        for_each_kind(trim);
    } else {
        for_each_part(kind, trim);
    }
    return MEMKIND_SUCCESS;
}

int memkind_get_usage(memkind_t kind, struct memkind_usage* usage) {
    if (kind == nullptr || usage == nullptr)
        return MEMKIND_ERROR_INVALID;
    *usage = {0, 0, __atomic_load_n(&kind->limit, __ATOMIC_RELAXED)};
    if (kind->foreign_heap != nullptr)
        usage->limit = kind->foreign_heap->usage(kind).limit;
    if (state_of(kind) == KindState::kNotPrepared)
        return MEMKIND_SUCCESS;
    for_each_part(kind, [usage](memkind* part) {
        const Holdings held = holdings_of(part);
        usage->taken += held.taken;
        usage->peak += held.peak;
    });
    return MEMKIND_SUCCESS;
}

int memkind_set_limit(memkind_t kind, size_t bytes) {
    const bool is_fallback = kind != nullptr && kind->parts != nullptr && kind->choice == nullptr;
    if (kind == nullptr || is_fallback)
        return MEMKIND_ERROR_INVALID;
    const std::size_t limit = bytes == 0 ? SIZE_MAX : bytes;
    if (kind->foreign_heap != nullptr)
        kind->foreign_heap->set_limit(kind, limit);
    else if (kind->fixed.base == nullptr || kind->fixed.size != 0)
        __atomic_store_n(&kind->limit, limit, __ATOMIC_RELAXED);
    return MEMKIND_SUCCESS;
}

int memkind_find_block(const void* address, struct memkind_block* block) {
    if (block == nullptr)
        return MEMKIND_ERROR_INVALID;
    memkind_t const shown = kind_of(address);
    if (shown == nullptr)
        return MEMKIND_ERROR_INVALID;
    *block = {shown, nullptr, 0};
    const page_map::Entry entry = page_map::entry_of(address);
    const auto* const span = reinterpret_cast<const Span*>(page_map::span_in(entry));
    if (page_map::class_in(entry) - 1 < kSmallClasses && span != nullptr) {
        const unsigned index = span->index_of(address);
        if (!span->is_free(index)) {
            block->start = span->block(index);
            block->size = span->its_class().size;
        }
        return MEMKIND_SUCCESS;
    }
    const windows::Owner owner = windows::owner_of(address);
    memkind* const kind =
        owner == windows::kMixed ? kind_with_fixed_buffer_at(address) : kind_in_slot(owner - 1U);
    if (kind != nullptr && kind->foreign_heap != nullptr)
        kind->foreign_heap->find_block(kind, address, &block->start, &block->size);
    else if (kind != nullptr)
        find_run(kind, static_cast<const char*>(address), block);
    return MEMKIND_SUCCESS;
}

}  // extern "C"
#pragma GCC visibility pop
