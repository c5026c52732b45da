// Settings of the whole process that are read where pools are made and opened. They come from
// pmemobj_ctl_set(NULL, …), PMEMOBJ_CONF and PMEMOBJ_CONF_FILE; the names are in ctl_entries.cpp.
// Thread safety: any thread. The first use of any of them reads the environment.
#pragma once

#include <cstdint>

namespace terrace::persist {

struct Pool;

bool prefault_at_create();      // "prefault.at_create": touch every page of a new pool
bool prefault_at_open();        // "prefault.at_open"
bool copy_on_write_at_open();   // "copy_on_write.at_open": nothing that is stored reaches the file
bool fallocate_at_create();     // "fallocate.at_create": set the whole size aside (else: a sparse file)
bool arenas_are_global();       // "heap.arenas_assignment_type": all threads share one arena
uint32_t arenas_of_new_pool();  // "heap.arenas_default_max"; 0: the heap's own choice

// Applies what the environment says about single pools, and looks at all of it again. 0, or an errno with a
// message that names the entry which is wrong.
[[nodiscard]] int configure_pool(Pool& pool);

}  // namespace terrace::persist
