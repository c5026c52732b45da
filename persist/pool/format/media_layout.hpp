// Every structure of a pool file, as it lies on the medium: fixed width, little endian, sizes and offsets
// asserted. docs/pool-format.md draws the same bytes and says what each of them means; change both together.
// Offsets are bytes from the start of the file, which is also the start of the working copy.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace terrace::persist {

static_assert(std::endian::native == std::endian::little, "the pool format is little endian");

constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kLineBytes = 64;
constexpr uint64_t kSmallestPool = 8u << 20;
constexpr uint32_t kFormatVersion = 2;
constexpr char kSignature[16] = "TERRACE POOL\r\n\x1a";
constexpr size_t kLongestLayout = 1024;

// ---- fixed places -----------------------------------------------------------------------------------------
constexpr uint64_t kSuperblockOffset[2] = {0, 4096};
constexpr uint64_t kWatermarkOffset[2] = {8192, 12288};
constexpr uint64_t kRootOffset = 16384;
constexpr uint64_t kLogOffset = 65536;

// Written once, at creation; the second copy survives a torn or scribbled first one.
struct Superblock {
    char signature[16];
    uint32_t version;
    uint32_t bytes;     // sizeof(Superblock), covered by the checksum
    uint32_t copy;      // 0 or 1: which of the two this is
    uint32_t log_seed;  // starts every checksum in the log, so that another pool's records never count
    uint64_t incompatible_features;  // any bit unknown to the reader: refuse
    uint64_t compatible_features;    // any bit unknown to the reader: ignore
    uint64_t created_bytes;          // where the first region ends; later ones are in the root page
    uint64_t identity_low;           // the pool_uuid_lo of every PMEMoid into this pool; never 0
    uint64_t identity_high;
    uint64_t created_seconds;
    uint64_t log_offset;
    uint64_t log_bytes;
    uint64_t
        former_identity;  // not 0: names of this identity in the objects are being replaced by identity_low
    uint8_t reserved[1024 - 104];
    char layout[kLongestLayout];
    uint8_t reserved2[kPageBytes - 2048 - 8];
    uint32_t reserved3;
    uint32_t checksum;  // crc32c of all bytes before it
};
static_assert(sizeof(Superblock) == kPageBytes);
static_assert(offsetof(Superblock, created_bytes) == 48);
static_assert(offsetof(Superblock, former_identity) == 96);
static_assert(offsetof(Superblock, layout) == 1024);
static_assert(offsetof(Superblock, checksum) == 4092);

// Records whose sequence is at most `sequence` have their effects at home. Two slots, both written before log space is
// used again, so that either of them alone is enough.
struct WatermarkSlot {
    uint64_t sequence;  // with kLogIsEmpty: the pool was closed, and the log need not be looked at
    // crc32c of sequence, seeded with log_seed, in the low half; its complement in the high half
    uint64_t check;
};
static_assert(sizeof(WatermarkSlot) == 16);
constexpr uint64_t kLogIsEmpty = 1ull << 63;

// The one page of words that belong to the pool as a whole; changed through the log only, under the pool's root lock.
constexpr uint32_t kMostRegions = 64;
struct RootPage {
    uint64_t root_offset;               // 0: no root object yet
    uint64_t root_bytes;                // as asked for by pmemobj_root
    uint64_t region_count;              // at least 1
    uint64_t region_end[kMostRegions];  // where each ends and the next begins; 0 beyond the last
    uint64_t reserved[512 - 4 - kMostRegions];
    uint64_t check;  // as of a watermark: crc32c of all bytes before it, and its complement
};
static_assert(sizeof(RootPage) == kPageBytes);

// ---- log --------------------------------------------------------------------------------------------------
// A record is a header and entries, padded with zeros to whole cache lines, at a multiple of 64 in the log area.
constexpr uint32_t kRecordMagic = 0x31434552;  // "REC1"
struct RecordHeader {
    uint32_t magic;
    uint32_t bytes;  // header, entries and padding
    uint64_t sequence;
    // Proof of what was durable before this record was written, so that a damaged record is not taken for a torn one.
    // A sequence: that record is above the watermark or in the log. With kAllBefore: so is every one before it too.
    uint64_t previous;
    uint32_t entry_count;
    uint32_t checksum;  // over the whole record with this field 0, and over its place in the file
};
static_assert(sizeof(RecordHeader) == 32);
static_assert(offsetof(RecordHeader, checksum) == 28);
constexpr uint64_t kAllBefore = 1ull << 63;

enum class EntryKind : uint8_t {
    kData = 1,   // operand = bytes; that many bytes follow, padded to 8
    kStore = 2,  // operand = the 8-byte word to store
    // These change a word of a page descriptor, and its check with it.
    kSetBits = 3,    // operand = bits to set in the 8-byte word
    kClearBits = 4,  // operand = bits to clear in the 8-byte word
    kZero = 5,       // operand = bytes to fill with 0
    // operand = bytes at `offset` that hold further entries; one word follows: their checksum
    kExtension = 6,
    kDescribe = 7,  // operand = the new state or type number of a page descriptor
    kFormat = 8,    // operand = bytes of page descriptors that become empty
};

struct Entry {
    uint64_t target;  // offset in the low 56 bits, EntryKind in the high 8
    uint64_t operand;

    static constexpr Entry of_store(uint64_t offset, uint64_t word) {
        return {offset | uint64_t{static_cast<uint8_t>(EntryKind::kStore)} << 56, word};
    }
    EntryKind kind() const { return static_cast<EntryKind>(target >> 56); }
    uint64_t offset() const { return target & ((1ull << 56) - 1); }
};
static_assert(sizeof(Entry) == 16);

// ---- heap -------------------------------------------------------------------------------------------------
// A region is a piece of the file with tables of its own: segment table, page table, pages up to its end. The
// first is made with the pool, each growth adds one. One segment is loaded into DRAM at a time; the two words
// below let that happen in any order. Each word holds a value in its low half and a check in its high half.
constexpr uint64_t kSegmentPages = 8192;  // 32 MiB
struct SegmentEntry {
    uint64_t covered;  // pages at its start that belong to an extent which begins in an earlier segment
    uint64_t touched;  // 0: no extent ever began here, and its page descriptors are not formatted
};
static_assert(sizeof(SegmentEntry) == 16);

enum class ExtentKind : uint8_t { kFree = 0, kSlab = 1, kLarge = 2 };
constexpr uint8_t kSlabMixedTypes = 1;  // a type number per object at the slab's end, instead of one for all
// The objects were asked for with a size of their own, which is less than the class's: it is the type number of the
// slab's second page. Geometry is the class's.
constexpr uint8_t kSlabOwnSize = 2;

// One per 4 KiB page of the heap. `state` is that of the extent that begins at this page; a page inside an
// extent and a free page are empty. The bitmap of a slab runs through the descriptors of all its pages. The
// high 16 bits of `state` are a check of the rest (descriptor.hpp).
struct PageDescriptor {
    uint64_t state;
    uint64_t type_number;  // of the large object, or of all objects of a slab
    uint64_t bitmap[2];
};
static_assert(sizeof(PageDescriptor) == 32);
constexpr uint64_t kBitsPerPage = 128;

struct ExtentState {
    ExtentKind kind;
    uint8_t size_class;
    uint8_t flags;
    uint64_t pages;

    constexpr uint64_t pack() const {
        return uint64_t{static_cast<uint8_t>(kind)} | uint64_t{flags} << 4 | uint64_t{size_class} << 8 |
               pages << 16;
    }
    static constexpr ExtentState unpack(uint64_t word) {
        return {static_cast<ExtentKind>(word & 0xf), static_cast<uint8_t>(word >> 8),
                static_cast<uint8_t>(word >> 4 & 0xf), word >> 16 & UINT32_MAX};
    }
};

// In a slab of mixed types: one for each object, at the slab's end.
struct TypeEntry {
    uint64_t type_number;
    uint64_t check;  // as of a watermark, of the number at this place
};
static_assert(sizeof(TypeEntry) == 16);

}  // namespace terrace::persist
