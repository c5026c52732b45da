// What making and opening a pool have in common: the steps from a file to an open pool.
// REQUIRES, in all of these: registry_lock() is held.
#pragma once

#include "persist/pool/pool.hpp"

namespace terrace::persist {

struct OpenedFile {
    int file;
    const char* path;  // for messages
    Access access;
};

// Keeps every other process, and this one, from opening the file; readers keep only writers out. 0 or an errno with the
// message set.
[[nodiscard]] int lock_file(const OpenedFile& opened);

// Maps a recovered pool file and starts its logs and its heap. Null with errno and the message set.
[[nodiscard]] Pool* start_pool(const OpenedFile& opened, Superblock& superblock, uint64_t last_sequence);

}  // namespace terrace::persist
