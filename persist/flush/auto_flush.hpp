// Does this machine write its CPU caches back by itself when power fails (eADR)? Then write-backs are not
// needed. The kernel says so per NVDIMM region, in /sys/bus/nd/devices/regionN/persistence_domain. Thread
// safety: any thread; it reads files and keeps nothing.
#pragma once

namespace terrace::persist {

// 1: every region says cpu_cache. 0: not all of them, or there is no region. -1: cannot tell, errno says why.
[[nodiscard]] int platform_flushes_caches();

// The same for another directory than /sys/bus/nd/devices. For tests.
[[nodiscard]] int platform_flushes_caches(const char* devices);

}  // namespace terrace::persist
