// The superblock: what a pool is, written once at creation, in two copies.
// Everything that says "this file is not for us, and why" is decided here, before a byte of the file is
// changed. See docs/pool-format.md, "Superblock".
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "persist/pool/media_layout.hpp"

namespace terrace::persist {

// Lays a new pool out. REQUIRES: pool_bytes is a multiple of 4096, at least kSmallestPool; strlen(layout) < 1024.
void plan_superblock(Superblock& superblock, uint64_t pool_bytes, const char* layout);

// Fills in `copy` and the checksum.
void seal_superblock(Superblock& superblock, uint32_t copy);

// Reads and judges both copies. 0, or an errno with the message set. `repair` is set when one copy is damaged
// and the other stands in for it. `layout` may be null: any.
[[nodiscard]] int read_superblock(int file, const char* path, const char* layout, Superblock& superblock,
                                  bool& repair);

[[nodiscard]] int write_superblocks(int file, Superblock& superblock);

// The durable watermark; EINVAL when neither slot is sound.
[[nodiscard]] int read_watermark(int file, const char* path, uint32_t seed, uint64_t& sequence);
WatermarkSlot make_watermark(uint64_t sequence, uint32_t seed);

}  // namespace terrace::persist
