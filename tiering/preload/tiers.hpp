// The tiers of this process: made from MEMKIND_MEM_TIERS at the first allocation that can be, and never taken
// down, for memory is allocated and freed until the very last instruction of a process. Thread safety:
// everything here, from any thread; whoever comes while the tiers are being made gets plain DRAM.
#pragma once

#include <atomic>

#include "include/memkind_memtier.h"

namespace terrace::preload {

// What a program under a configuration that cannot be had ends with, before its main: EX_CONFIG of <sysexits.h>.
inline constexpr int kConfigurationExitStatus = 78;

namespace internal {
extern std::atomic<memtier_memory*> active;
memtier_memory* start();
}  // namespace internal

// The memory that malloc takes from; nullptr while there is none, and then MEMKIND_DEFAULT serves. 1 load
// once started. Ends the process, after one line on stderr, when the configuration is wrong.
inline memtier_memory* active_memory() {
    memtier_memory* memory = internal::active.load(std::memory_order_acquire);
    return memory != nullptr ? memory : internal::start();
}

}  // namespace terrace::preload
