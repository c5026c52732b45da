// Whether memory is all zeros: then a record says so in one entry instead of carrying them.
// Thread safety: nobody writes to the memory meanwhile.
#pragma once

#include <cstdint>
#include <cstring>

namespace terrace::persist {

constexpr uint64_t kZerosWorthAnEntry = 64;

// Looks no further than the first byte that is not zero. REQUIRES: bytes >= 8.
inline bool is_zero(const char* content, uint64_t bytes) {
    uint64_t first;
    memcpy(&first, content, sizeof first);
    return first == 0 && memcmp(content, content + sizeof first, bytes - sizeof first) == 0;
}

}  // namespace terrace::persist
