// See superblock.hpp.
// The log takes a sixteenth of the pool, between 1 and 16 MiB. A pool's identity and the log's seed come from getrandom.
#include "persist/pool/format/superblock.hpp"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <algorithm>

#include "persist/pool/device_file.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/format/checksum.hpp"
#include "persist/pool/format/regions.hpp"
#include "persist/pool/medium.hpp"

namespace terrace::persist {
namespace {

constexpr uint64_t round_up(uint64_t value, uint64_t step) {
    return (value + step - 1) / step * step;
}

uint32_t superblock_checksum(const Superblock& superblock) {
    return crc32c(0, &superblock, offsetof(Superblock, checksum));
}

void random_bytes(void* target, size_t bytes) {
    if (getrandom(target, bytes, 0) == static_cast<ssize_t>(bytes))
        return;
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t mixed =
        static_cast<uint64_t>(now.tv_nsec) * 0x9E3779B97F4A7C15u ^ reinterpret_cast<uintptr_t>(target);
    for (size_t i = 0; i < bytes; ++i, mixed = mixed * 6364136223846793005u + 1442695040888963407u)
        static_cast<unsigned char*>(target)[i] = static_cast<unsigned char>(mixed >> 56);
}

bool has_signature(const Superblock& superblock) {
    return memcmp(superblock.signature, kSignature, sizeof kSignature) == 0;
}

bool is_whole(const Superblock& superblock, uint32_t copy) {
    return has_signature(superblock) && superblock.copy == copy &&
           superblock.checksum == superblock_checksum(superblock);
}

// A checksum can be right over nonsense that someone made by hand: every place must lie in the file, in order.
bool is_sensible(const Superblock& s) {
    Region first;
    return s.created_bytes >= kSmallestPool && s.log_offset == kLogOffset && s.log_bytes % kPageBytes == 0 &&
           s.log_bytes >= (64u << 10) && s.log_bytes < s.created_bytes &&
           plan_region(s.log_offset + s.log_bytes, s.created_bytes, 0, first) && s.identity_low != 0 &&
           memchr(s.layout, 0, sizeof s.layout) != nullptr;
}

int explain_foreign(const Superblock& first, const char* path) {
    if (memcmp(first.signature, "PMEMOBJ", 8) == 0)
        return fail(EINVAL,
                    "%s: a PMDK libpmemobj pool; its format is not Terrace's and it cannot be opened here",
                    path);
    if (memcmp(first.signature, "PMEMPOOLSET", 11) == 0)
        return fail(EINVAL, "%s: a poolset file, where a pool was expected", path);
    return fail(EINVAL, "%s: not a Terrace pool (no signature at its start)", path);
}

uint64_t with_complement(uint64_t crc) {
    return crc | (~crc << 32);
}

int fail_truncated(const char* path, uint64_t file_bytes, uint64_t pool_bytes) {
    return fail(EINVAL, "%s: truncated: %llu bytes of a pool of %llu", path,
                static_cast<unsigned long long>(file_bytes), static_cast<unsigned long long>(pool_bytes));
}

}  // namespace

uint64_t random_identity() {
    uint64_t identity = 0;
    while (identity == 0)
        random_bytes(&identity, sizeof identity);
    return identity;
}

void plan_superblock(Superblock& superblock, uint64_t pool_bytes, const char* layout) {
    memset(&superblock, 0, sizeof superblock);
    memcpy(superblock.signature, kSignature, sizeof kSignature);
    superblock.version = kFormatVersion;
    superblock.bytes = sizeof superblock;
    superblock.created_bytes = pool_bytes;
    random_bytes(&superblock.log_seed, sizeof superblock.log_seed);
    superblock.identity_low = random_identity();
    random_bytes(&superblock.identity_high, sizeof superblock.identity_high);
    superblock.created_seconds = static_cast<uint64_t>(time(nullptr));

    superblock.log_offset = kLogOffset;
    superblock.log_bytes = std::clamp<uint64_t>(round_up(pool_bytes / 16, kPageBytes), 1u << 20, 16u << 20);
    strncpy(superblock.layout, layout, kLongestLayout - 1);
}

void seal_superblock(Superblock& superblock, uint32_t copy) {
    superblock.copy = copy;
    superblock.checksum = superblock_checksum(superblock);
}

int write_superblocks(int file, Superblock& superblock) {
    for (uint32_t copy : {1u, 0u}) {
        seal_superblock(superblock, copy);
        if (int error = medium::write_file(file, &superblock, sizeof superblock, kSuperblockOffset[copy]))
            return error;
        if (int error = medium::sync_file(file))  // one of the two is whole at any time
            return error;
    }
    return 0;
}

int read_superblock(int file, const char* path, const char* layout, Superblock& superblock, bool& repair) {
    uint64_t file_bytes = 0;
    if (int error = pool_file_bytes(file, file_bytes))
        return fail(error, "%s: %s", path,
                    error == EINVAL ? "neither a regular file nor a DAX device" : strerror(error));
    alignas(8) Superblock copies[2];
    memset(copies, 0, sizeof copies);
    const uint64_t readable = std::min<uint64_t>(file_bytes, sizeof copies);
    if (int error = medium::read_file(file, copies, readable, 0))
        return fail(error, "%s: cannot be read: %s", path, strerror(error));

    int chosen = -1;
    for (uint32_t copy : {0u, 1u}) {
        if (chosen < 0 && is_whole(copies[copy], copy))
            chosen = static_cast<int>(copy);
    }
    repair = chosen == 1 || (chosen == 0 && !is_whole(copies[1], 1));
    if (chosen < 0) {
        if (!has_signature(copies[0]) && !has_signature(copies[1]))
            return explain_foreign(copies[0], path);
        if (file_bytes < kSmallestPool)
            return fail(EINVAL, "%s: truncated: %llu bytes, a pool has at least %llu", path,
                        static_cast<unsigned long long>(file_bytes),
                        static_cast<unsigned long long>(kSmallestPool));
        return fail(EINVAL, "%s: both copies of the superblock are damaged (checksum)", path);
    }
    superblock = copies[chosen];
    if (superblock.version != kFormatVersion)
        return fail(EINVAL, "%s: pool format version %u; this library reads version %u", path,
                    superblock.version, kFormatVersion);
    if (superblock.incompatible_features != 0)
        return fail(EINVAL, "%s: the pool uses features 0x%llx that this library does not know", path,
                    static_cast<unsigned long long>(superblock.incompatible_features));
    if (!is_sensible(superblock))
        return fail(EINVAL, "%s: damaged: the superblock's places contradict each other", path);
    if (file_bytes < superblock.created_bytes)
        return fail_truncated(path, file_bytes, superblock.created_bytes);
    if (layout != nullptr && strcmp(layout, superblock.layout) != 0)
        return fail(EINVAL, "%s: layout is '%s', not '%s'", path, superblock.layout, layout);
    return 0;
}

uint64_t check_word(uint64_t word, uint32_t seed) {
    return with_complement(crc32c(seed, &word, sizeof word));
}

WatermarkSlot make_watermark(uint64_t sequence, uint32_t seed) {
    return {sequence, check_word(sequence, seed)};
}

int write_watermarks(int file, uint64_t sequence, uint32_t seed) {
    const WatermarkSlot slot = make_watermark(sequence, seed);
    for (uint64_t offset : kWatermarkOffset) {
        if (int error = medium::write_file(file, &slot, sizeof slot, offset))
            return error;
        if (int error = medium::sync_file(file))
            return error;
    }
    return 0;
}

int read_watermark(int file, const char* path, uint32_t seed, Watermark& watermark) {
    watermark = {};
    for (uint32_t i : {0u, 1u}) {
        WatermarkSlot slot;
        if (int error = medium::read_file(file, &slot, sizeof slot, kWatermarkOffset[i]))
            return fail(error, "%s: cannot be read: %s", path, strerror(error));
        watermark.is_sound[i] = slot.check == make_watermark(slot.sequence, seed).check;
        if (!watermark.is_sound[i])
            continue;
        const uint64_t sequence = slot.sequence & ~kLogIsEmpty;
        const bool log_is_empty = (slot.sequence & kLogIsEmpty) != 0;
        if (sequence > watermark.sequence)
            watermark.log_is_empty = log_is_empty;
        else if (sequence == watermark.sequence)
            watermark.log_is_empty |= log_is_empty;
        watermark.sequence = std::max(watermark.sequence, sequence);
    }
    if (!watermark.is_sound[0] && !watermark.is_sound[1])
        return fail(EINVAL, "%s: both slots of the log's watermark are damaged (checksum)", path);
    return 0;
}

int repair_watermark(int file, const Watermark& watermark, uint32_t seed) {
    const WatermarkSlot slot =
        make_watermark(watermark.sequence | (watermark.log_is_empty ? kLogIsEmpty : 0), seed);
    for (uint32_t i : {0u, 1u}) {
        if (watermark.is_sound[i])
            continue;
        if (int error = medium::write_file(file, &slot, sizeof slot, kWatermarkOffset[i]))
            return error;
        if (int error = medium::sync_file(file))
            return error;
    }
    return 0;
}

uint64_t root_page_check(const RootPage& page, uint32_t seed) {
    return with_complement(checksum_words(seed, &page, offsetof(RootPage, check)));
}

int judge_root_page(const char* path, const RootPage& page, const Superblock& superblock, uint64_t file_bytes,
                    Regions& regions) {
    if (page.check != root_page_check(page, superblock.log_seed))
        return fail(EINVAL, "%s: the root page (offset %llu) is damaged (checksum)", path,
                    static_cast<unsigned long long>(kRootOffset));
    if (page.region_end[0] != superblock.created_bytes ||
        !regions.start(superblock.log_offset + superblock.log_bytes, page.region_end, page.region_count))
        return fail(EINVAL, "%s: the places of the pool's regions contradict each other", path);
    if (file_bytes < regions.end())
        return fail_truncated(path, file_bytes, regions.end());
    if (page.root_offset != 0 && !regions.has_objects(page.root_offset, page.root_bytes))
        return fail(EINVAL, "%s: the root object lies outside the heap", path);
    return 0;
}

int write_segment_table(int file, const Region& region, uint32_t seed) {
    constexpr uint64_t kBatch = 256;
    uint64_t words[kBatch];
    const uint64_t count = region.segment_count * sizeof(SegmentEntry) / 8;
    for (uint64_t i = 0; i < count; i += kBatch) {
        const uint64_t here = std::min(kBatch, count - i);
        for (uint64_t k = 0; k < here; ++k)
            words[k] = segment_word(0, region.segment_table + (i + k) * 8, seed);
        if (int error = medium::write_file(file, words, here * 8, region.segment_table + i * 8))
            return error;
    }
    return 0;
}

uint64_t segment_word(uint64_t value, uint64_t offset, uint32_t seed) {
    const uint64_t place[2] = {value, offset};
    return value | uint64_t{crc32c(seed, place, sizeof place)} << 32;
}

}  // namespace terrace::persist
