// The superblock: what a pool is, written once at creation, in two copies.
// Everything that says "this file is not for us, and why" is decided here, before a byte of the file is
// changed. See docs/pool-format.md, "Superblock".
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "persist/pool/format/regions.hpp"

namespace terrace::persist {

// Plans a new pool. REQUIRES: pool_bytes is a multiple of 4096, at least kSmallestPool; strlen(layout) < 1024.
void plan_superblock(Superblock& superblock, uint64_t pool_bytes, const char* layout);
// A new identity for a copy of a pool.
uint64_t random_identity();

// Fills in `copy` and the checksum.
void seal_superblock(Superblock& superblock, uint32_t copy);

// Reads and judges both copies. 0, or an errno with the message set. `repair` is set when one copy is damaged
// and the other stands in for it. `layout` may be null: any.
[[nodiscard]] int read_superblock(int file, const char* path, const char* layout, Superblock& superblock,
                                  bool& repair);

[[nodiscard]] int write_superblocks(int file, Superblock& superblock);

// A word and its check: crc32c of the word, continued from `seed`, and its complement. Watermarks, root page, type numbers.
uint64_t check_word(uint64_t word, uint32_t seed);

// The durable watermark; EINVAL when neither slot is sound.
struct Watermark {
    uint64_t sequence;
    bool log_is_empty;  // the pool was closed with it
    bool is_sound[2];   // of each slot
};
[[nodiscard]] int read_watermark(int file, const char* path, uint32_t seed, Watermark& watermark);
WatermarkSlot make_watermark(uint64_t sequence, uint32_t seed);
// Both slots, one after the other, each synced. REQUIRES: both are sound, so that a crash in between leaves one.
[[nodiscard]] int write_watermarks(int file, uint64_t sequence, uint32_t seed);
// Writes a slot that a crash has torn again from the other one. To be done before anything else is written.
[[nodiscard]] int repair_watermark(int file, const Watermark& watermark, uint32_t seed);

uint64_t root_page_check(const RootPage& page, uint32_t seed);
// Finds the regions. EINVAL with the message set when the check or the places in it are wrong, or the file is shorter
// than they say.
[[nodiscard]] int judge_root_page(const char* path, const RootPage& page, const Superblock& superblock,
                                  uint64_t file_bytes, Regions& regions);

// Makes every segment of a region one that nothing was ever stored in (not synced).
[[nodiscard]] int write_segment_table(int file, const Region& region, uint32_t seed);

// The words of a segment's entry: a value in the low half, its check in the high half.
uint64_t segment_word(uint64_t value, uint64_t offset, uint32_t seed);
inline uint64_t segment_value(uint64_t word) {
    return word & UINT32_MAX;
}
inline bool is_segment_word(uint64_t word, uint64_t offset, uint32_t seed) {
    return word == segment_word(segment_value(word), offset, seed);
}

}  // namespace terrace::persist
