// What both forms of the log know about the pool they serve: where its bytes are and at what granularity.
// Filled once when a pool is opened, never changed while it is open (except `failed`).
// See log.hpp.
#pragma once

#include <atomic>
#include <cstdint>

#include "persist/pool/format/media_layout.hpp"
#include "persist/pool/format/regions.hpp"
#include "persist/pool/medium.hpp"
#include "persist/pool/working_copy/page_pins.hpp"

namespace terrace::persist {

struct PoolHome {
    char* base = nullptr;      // the working copy: what the program reads and writes
    char* home = nullptr;      // the shared mapping; null at page granularity
    char* metadata = nullptr;  // where committed heap metadata is read: `home`, or `base` at page granularity
    PagePins* pins = nullptr;  // null: the DRAM of the working copy is not bounded
    int file = -1;
    uint64_t device = 0;  // of that file, and its number there
    uint64_t inode = 0;
    Granularity granularity = Granularity::kPage;
    const Superblock* superblock = nullptr;
    Regions regions;
    std::atomic<int> failed{0};  // the errno that keeps the log from being written; 0: it can be

    // EBADF when the descriptor is no longer that of the pool's file: a program may have closed it with all others, and the
    // number may be another file's by now. Asked before the file is written.
    [[nodiscard]] int check_file() const;

    uint64_t* metadata_word(uint64_t offset) const { return reinterpret_cast<uint64_t*>(metadata + offset); }
};

}  // namespace terrace::persist
