// At which address to map a file: one at which huge pages can serve it, or where the user of the program
// wants its mappings to be (PMEM_MMAP_HINT), so that a debugger sees the same addresses in every run.
// Thread safety: any thread. The answer is a hint: another thread may take the room meanwhile.
#pragma once

#include <cstddef>

namespace terrace::persist {

// For `length` bytes; nullptr leaves the choice to the kernel.
[[nodiscard]] void* address_hint(std::size_t length);

// The same without PMEM_MMAP_HINT.
[[nodiscard]] void* huge_page_hint(std::size_t length);

}  // namespace terrace::persist
