// A copy of a pool beside the original. Both have the same identity, and an object's name (PMEMoid) finds its pool by
// that, so the copy gets a new one, and every word of its objects that holds the old one is replaced. An identity is
// 64 random bits: no other word has that value. See docs/pool-format.md, "former_identity".
// Thread safety: the file has one owner.
#pragma once

#include "persist/pool/format/regions.hpp"
#include "persist/pool/format/superblock.hpp"
#include "persist/pool/working_copy/mapping.hpp"

namespace terrace::persist {

// Durably; a crash in between is finished by the next open (finish_new_identity). 0 or an errno with the message set.
// REQUIRES: the pool was recovered. Cost: reads the whole file.
[[nodiscard]] int give_new_identity(int file, const char* path, const Regions& regions,
                                    Superblock& superblock);
[[nodiscard]] int finish_new_identity(int file, const char* path, const Regions& regions,
                                      Superblock& superblock);

// For a pool that is opened for reading only or copy-on-write: in memory, what would be done in the file. First what a crash
// left undone is finished, then, if `is_taken(identity)`, another identity is given. 0 or an errno.
// REQUIRES: the log was replayed into the mapping, which nobody else uses yet.
[[nodiscard]] int tell_apart_in_memory(const Mapping& mapping, int file, const Regions& regions,
                                       Superblock& superblock, bool (*is_taken)(uint64_t identity));

}  // namespace terrace::persist
