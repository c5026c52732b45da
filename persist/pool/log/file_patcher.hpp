// Patches the pool file with log entries, page by page: each touched page is read once, changed in DRAM, and
// written once when its place is needed or at the end. Used by the checkpoint of page granularity and by
// recovery. Thread safety: one owner.
#pragma once

#include <cstdint>

#include "persist/pool/format/media_layout.hpp"
#include "persist/pool/log/record.hpp"

namespace terrace::persist {

class FilePatcher {
  public:
    constexpr FilePatcher() = default;
    [[nodiscard]] int open(int file, uint32_t log_seed);
    void close();

    // All return 0 or the errno of the read or write that failed.
    [[nodiscard]] int write(uint64_t offset, const void* source, uint64_t bytes);
    [[nodiscard]] int zero(uint64_t offset, uint64_t bytes);
    // REQUIRES: is_of_descriptors(entry.kind).
    [[nodiscard]] int describe(const EntryView& entry);
    // ENSURES: every patch was written to the file (not yet synced), and no page is cached any more.
    [[nodiscard]] int flush();

  private:
    static constexpr uint64_t kSlots = 256;
    struct Slot {
        uint64_t page_plus_one;  // 0: empty
    };
    [[nodiscard]] int page_for(uint64_t page, bool whole, char*& image);
    [[nodiscard]] int evict(uint64_t slot);

    int file_ = -1;
    uint32_t seed_ = 0;
    Slot* slots_ = nullptr;
    char* images_ = nullptr;
};

// The same interface over memory: for looking at a pool without changing its file.
struct MemoryPatcher {
    char* base;
    uint32_t seed;
    int write(uint64_t offset, const void* source, uint64_t bytes);
    int zero(uint64_t offset, uint64_t bytes);
    int describe(const EntryView& entry);
};

template <class Patcher>
int patch_entry(Patcher& patcher, const EntryView& entry) {
    switch (entry.kind) {
        case EntryKind::kData:
            return patcher.write(entry.offset, entry.data, entry.operand);
        case EntryKind::kStore:
            return patcher.write(entry.offset, &entry.operand, sizeof entry.operand);
        case EntryKind::kSetBits:
        case EntryKind::kClearBits:
        case EntryKind::kDescribe:
        case EntryKind::kFormat:
            return patcher.describe(entry);
        case EntryKind::kZero:
            return patcher.zero(entry.offset, entry.operand);
        case EntryKind::kExtension:
            return 0;
    }
    return 0;
}

}  // namespace terrace::persist
