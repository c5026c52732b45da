// See ctl.hpp. The table of every name, and the entries that only keep a value.
// docs of each name: include/libpmemobj/ctl.h.
// Thread safety: see the header.
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "persist/pool/api/ctl.hpp"
#include "persist/pool/ctl_settings.hpp"
#include "persist/pool/error_message.hpp"

namespace terrace::persist {
namespace {

struct ProcessSettings {
    std::atomic<int> prefault_at_create{0};
    std::atomic<int> prefault_at_open{0};
    std::atomic<int> shutdown_state_at_create{1};  // PMDK's check for unsafe shutdowns: nothing here needs it
    std::atomic<int> fallocate_at_create{1};
    std::atomic<int> copy_on_write_at_open{0};
    std::atomic<int> arenas_assignment{POBJ_ARENAS_ASSIGNMENT_THREAD_KEY};
    std::atomic<unsigned> most_default_arenas{0};
};
constinit ProcessSettings g_process;

template <class T>
T& place(void* argument) {
    return *static_cast<T*>(argument);
}

// ---- values of the process, and of one pool ----

template <auto kMember>
int get_process(const CtlCall&, void* argument) {
    const auto value = (g_process.*kMember).load(std::memory_order_relaxed);
    memcpy(argument, &value, sizeof value);
    return 0;
}
template <auto kMember>
int set_process(const CtlCall&, void* argument) {
    auto value = (g_process.*kMember).load(std::memory_order_relaxed);
    memcpy(&value, argument, sizeof value);
    (g_process.*kMember).store(value, std::memory_order_relaxed);
    return 0;
}
template <auto kMember>
int get_pool(const CtlCall& call, void* argument) {
    const auto value = (call.pool->settings.*kMember).load(std::memory_order_relaxed);
    memcpy(argument, &value, sizeof value);
    return 0;
}
template <auto kMember>
int set_pool(const CtlCall& call, void* argument) {
    auto& member = call.pool->settings.*kMember;
    auto value = member.load(std::memory_order_relaxed);
    memcpy(&value, argument, sizeof value);
    member.store(value, std::memory_order_relaxed);
    return 0;
}

// ---- values that are checked ----

int set_assignment(const CtlCall& call, void* argument) {
    const int type = place<int>(argument);
    if (type != POBJ_ARENAS_ASSIGNMENT_THREAD_KEY && type != POBJ_ARENAS_ASSIGNMENT_GLOBAL)
        return fail(EINVAL, "heap.arenas_assignment_type: %d is neither thread (0) nor global (1)", type);
    return set_process<&ProcessSettings::arenas_assignment>(call, argument);
}

int get_default_arenas(const CtlCall&, void* argument) {
    const uint32_t count = arenas_of_new_pool();
    place<unsigned>(argument) = count != 0 ? count : Heap::default_arena_count();
    return 0;
}
int set_default_arenas(const CtlCall& call, void* argument) {
    const unsigned count = place<unsigned>(argument);
    if (count == 0 || count > Heap::kMostArenas)
        return fail(EINVAL, "heap.arenas_default_max: %u is not between 1 and %u", count, Heap::kMostArenas);
    return set_process<&ProcessSettings::most_default_arenas>(call, argument);
}

int set_statistics(const CtlCall& call, void* argument) {
    const int which = place<int>(argument);
    if (which < POBJ_STATS_ENABLED_TRANSIENT || which > POBJ_STATS_DISABLED)
        return fail(EINVAL, "stats.enabled: %d is not one of enum pobj_stats_enabled", which);
    return set_pool<&PoolSettings::statistics>(call, argument);
}

int set_snapshot_cache(const CtlCall& call, void* argument) {
    const long long bytes = place<long long>(argument);
    if (bytes < 0 || static_cast<unsigned long long>(bytes) > PMEMOBJ_MAX_ALLOC_SIZE)
        return fail(EINVAL, "tx.cache.size: %lld is not between 0 and PMEMOBJ_MAX_ALLOC_SIZE (%zu)", bytes,
                    PMEMOBJ_MAX_ALLOC_SIZE);
    return set_pool<&PoolSettings::snapshot_cache_bytes>(call, argument);
}

int set_pattern(const CtlCall& call, void* argument) {
    const int pattern = place<int>(argument);
    call.pool->settings.allocation_pattern.store(pattern < 0 ? PoolSettings::kNoPattern : pattern & 0xff,
                                                 std::memory_order_relaxed);
    return 0;
}

// ---- names that programs may still use, and that have no effect ----

int get_zero_int(const CtlCall&, void* argument) {
    place<int>(argument) = 0;
    return 0;
}
int get_zero_long(const CtlCall&, void* argument) {
    place<long long>(argument) = 0;
    return 0;
}

// ---- the table ----

using P = ProcessSettings;
using S = PoolSettings;
constexpr CtlScope kProcess = CtlScope::kProcess;
constexpr CtlScope kPool = CtlScope::kPool;
constexpr const char* kBoolean = "0, 1, y or n";
constexpr const char* kNumber = "a number";
constexpr const char* kClass = "unit_size,alignment,units_per_block,header (legacy, compact or none)";

// clang-format off
constexpr CtlEntry kEntries[] = {
    // name, scope, get, set, exec, text, accepted
    {"prefault.at_create", kProcess, get_process<&P::prefault_at_create>, set_process<&P::prefault_at_create>, nullptr, parse_boolean, kBoolean},
    {"prefault.at_open", kProcess, get_process<&P::prefault_at_open>, set_process<&P::prefault_at_open>, nullptr, parse_boolean, kBoolean},
    {"sds.at_create", kProcess, get_process<&P::shutdown_state_at_create>, set_process<&P::shutdown_state_at_create>, nullptr, parse_boolean, kBoolean},
    {"fallocate.at_create", kProcess, get_process<&P::fallocate_at_create>, set_process<&P::fallocate_at_create>, nullptr, parse_boolean, kBoolean},
    {"copy_on_write.at_open", kProcess, get_process<&P::copy_on_write_at_open>, set_process<&P::copy_on_write_at_open>, nullptr, parse_boolean, kBoolean},
    {"working_copy.limit", kProcess, get_working_copy_limit, set_working_copy_limit, nullptr, parse_bytes, "a number of bytes, 0 for no limit"},
    {"heap.arenas_assignment_type", kProcess, get_process<&P::arenas_assignment>, set_assignment, nullptr, parse_assignment, "thread or global"},
    {"heap.arenas_default_max", kProcess, get_default_arenas, set_default_arenas, nullptr, parse_unsigned, kNumber},

    {"heap.alloc_class.[id].desc", kPool, get_class, set_class, nullptr, parse_class, kClass},
    {"heap.alloc_class.new.desc", kPool, nullptr, set_new_class, nullptr, parse_class, kClass},
    {"heap.arena.[id].size", kPool, get_arena_size, nullptr, nullptr, nullptr, nullptr},
    {"heap.arena.[id].automatic", kPool, get_arena_automatic, set_arena_automatic, nullptr, parse_boolean, kBoolean},
    {"heap.arena.create", kPool, nullptr, nullptr, create_arena, nullptr, nullptr},
    {"heap.thread.arena_id", kPool, get_thread_arena, set_thread_arena, nullptr, parse_unsigned, kNumber},
    {"heap.narenas.automatic", kPool, get_automatic_arenas, nullptr, nullptr, nullptr, nullptr},
    {"heap.narenas.total", kPool, get_arenas, nullptr, nullptr, nullptr, nullptr},
    {"heap.narenas.max", kPool, get_most_arenas, set_most_arenas, nullptr, parse_unsigned, kNumber},
    {"heap.size.granularity", kPool, get_growth, set_growth, nullptr, parse_bytes, "a number of bytes"},
    {"heap.size.limit", kPool, get_pool<&S::growth_limit>, set_pool<&S::growth_limit>, nullptr, parse_bytes, "a number of bytes"},
    {"heap.size.extend", kPool, nullptr, nullptr, extend_heap, nullptr, nullptr},
    {"stats.enabled", kPool, get_pool<&S::statistics>, set_statistics, nullptr, parse_statistics, "transient, both, persistent or disabled"},
    {"stats.heap.curr_allocated", kPool, get_allocated_bytes, nullptr, nullptr, nullptr, nullptr},
    {"stats.heap.run_allocated", kPool, get_small_allocated_bytes, nullptr, nullptr, nullptr, nullptr},
    {"stats.heap.run_active", kPool, get_small_active_bytes, nullptr, nullptr, nullptr, nullptr},
    {"tx.cache.size", kPool, get_pool<&S::snapshot_cache_bytes>, set_snapshot_cache, nullptr, parse_long, kNumber},
    {"tx.cache.threshold", kPool, get_zero_long, ctl_nothing, nullptr, parse_long, kNumber},
    {"tx.debug.skip_expensive_checks", kPool, get_pool<&S::skip_expensive_checks>, set_pool<&S::skip_expensive_checks>, nullptr, parse_boolean, kBoolean},
    {"tx.debug.verify_user_buffers", kPool, get_pool<&S::verify_user_buffers>, set_pool<&S::verify_user_buffers>, nullptr, parse_boolean, kBoolean},
    {"tx.post_commit.queue_depth", kPool, get_zero_int, ctl_nothing, nullptr, parse_int, kNumber},
    {"tx.post_commit.worker", kPool, ctl_nothing, nullptr, nullptr, nullptr, nullptr},
    {"tx.post_commit.stop", kPool, ctl_nothing, nullptr, nullptr, nullptr, nullptr},
    {"debug.heap.alloc_pattern", kPool, get_pool<&S::allocation_pattern>, set_pattern, nullptr, parse_int, kNumber},
};
// clang-format on

// Whether `name` is the entry's, with a number in the place of [id].
bool matches(const char* pattern, const char* name, int64_t& index) {
    while (*pattern != 0) {
        if (*pattern != '[') {
            if (*pattern++ != *name++)
                return false;
            continue;
        }
        if (!isdigit(static_cast<unsigned char>(*name)) && *name != '-')
            return false;
        char* end = nullptr;
        errno = 0;
        index = strtoll(name, &end, 10);
        if (errno != 0 || end == name)
            return false;
        name = end;
        pattern = strchr(pattern, ']') + 1;
    }
    return *name == 0;
}

}  // namespace

int ctl_nothing(const CtlCall&, void*) {
    return 0;
}

const CtlEntry* find_ctl_entry(const char* name, int64_t& index) {
    for (const CtlEntry& entry : kEntries) {
        index = 0;
        if (matches(entry.name, name, index))
            return &entry;
    }
    return nullptr;
}

namespace {
template <class T>
T read(const std::atomic<T>& setting) {
    read_environment_once();
    return setting.load(std::memory_order_relaxed);
}
}  // namespace

bool prefault_at_create() {
    return read(g_process.prefault_at_create) != 0;
}
bool prefault_at_open() {
    return read(g_process.prefault_at_open) != 0;
}
bool copy_on_write_at_open() {
    return read(g_process.copy_on_write_at_open) != 0;
}
bool fallocate_at_create() {
    return read(g_process.fallocate_at_create) != 0;
}
bool arenas_are_global() {
    return read(g_process.arenas_assignment) == POBJ_ARENAS_ASSIGNMENT_GLOBAL;
}
uint32_t arenas_of_new_pool() {
    return read(g_process.most_default_arenas);
}

}  // namespace terrace::persist
