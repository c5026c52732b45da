// The settings of libautohbw in this process: found in the environment at the first allocation that can,
// never changed again but for the switch. Thread safety: everything here, from any thread.
#pragma once

#include <atomic>

#include "include/memkind_memtier.h"
#include "tiering/auto_hbw_settings.hpp"

namespace terrace::preload {

using tiering::AutoHbwLog;

struct AutoHbw {
    tiering::AutoHbwSizes sizes;
    memkind_t kind = nullptr;
    AutoHbwLog log = AutoHbwLog::kAllocations;
};

namespace internal {
extern std::atomic<const AutoHbw*> auto_hbw;
extern std::atomic<bool> auto_hbw_enabled;
const AutoHbw* start_auto_hbw();
}  // namespace internal

// Where an allocation of this size goes. 1 load and 1 comparison for a small one.
inline memkind_t kind_for(std::size_t size) {
    const AutoHbw* settings = internal::auto_hbw.load(std::memory_order_acquire);
    if (settings == nullptr) [[unlikely]]
        settings = internal::start_auto_hbw();
    if (settings == nullptr || !settings->sizes.contain(size) ||
        !internal::auto_hbw_enabled.load(std::memory_order_relaxed))
        return MEMKIND_DEFAULT;
    return settings->kind;
}

// Nothing is said before the settings are known.
inline AutoHbwLog log_level() {
    const AutoHbw* settings = internal::auto_hbw.load(std::memory_order_acquire);
    return settings != nullptr ? settings->log : AutoHbwLog::kNone;
}

}  // namespace terrace::preload
