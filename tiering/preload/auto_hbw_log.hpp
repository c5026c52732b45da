// What libautohbw tells on stderr about single calls, when AUTO_HBW_LOG asks for it. One line, one write(2).
// What is said allocates nothing itself, but for the first backtrace, during which the thread says nothing more.
#pragma once

#include <cstddef>

#include "include/memkind_memtier.h"

namespace terrace::preload {

// An allocation meant for `wished`, and its result, nullptr included.
void log_allocation(const char* function, memkind_t wished, std::size_t size, void* block);

void log_free(void* block);

}  // namespace terrace::preload
