// See identity.hpp. Replacing is idempotent, for the new identity holds no old one; so a crash needs nothing but the
// note in the superblock that it is under way. Holes of the file are not looked at.
#include "persist/pool/identity.hpp"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

#include "persist/pool/error_message.hpp"
#include "persist/pool/grow_buffer.hpp"
#include "persist/pool/medium.hpp"
#include "src/log.hpp"

namespace terrace::persist {
namespace {

constexpr uint64_t kTail = sizeof(uint64_t) - 1;  // a name may reach into the next piece

// Whether any was there. Names may lie at odd addresses, in packed structures.
bool replace_identity(char* bytes, uint64_t count, uint64_t old_identity, uint64_t new_identity) {
    bool found = false;
    for (char *at = bytes, *end = bytes + count;;) {
        at =
            static_cast<char*>(memmem(at, static_cast<size_t>(end - at), &old_identity, sizeof old_identity));
        if (at == nullptr)
            return found;
        memcpy(at, &new_identity, sizeof new_identity);
        at += sizeof new_identity;
        found = true;
    }
}

// After a crash a name at an odd address may be torn: some bytes of one identity, the rest of the other.
bool replace_torn_identities(char* bytes, uint64_t count, uint64_t old_identity, uint64_t new_identity) {
    bool found = false;
    for (unsigned split = 1; split < 8; ++split) {
        const uint64_t low = (1ull << (8 * split)) - 1;
        found |= replace_identity(bytes, count, (new_identity & low) | (old_identity & ~low), new_identity);
        found |= replace_identity(bytes, count, (old_identity & low) | (new_identity & ~low), new_identity);
    }
    return found;
}

// Calls `visit(offset, bytes)`, which returns 0 or an errno, for each piece of the region's pages that is no hole.
template <class Visit>
int for_each_piece(int file, const Region& region, uint64_t most, Visit visit) {
    for (uint64_t at = region.pages_offset; at < region.end;) {
        const off_t data = lseek(file, static_cast<off_t>(at), SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            return 0;
        const uint64_t begin = data < 0 ? at : static_cast<uint64_t>(data);  // a file system that cannot tell
        const off_t hole = data < 0 ? -1 : lseek(file, data, SEEK_HOLE);
        const uint64_t end =
            std::min({hole < 0 ? region.end : static_cast<uint64_t>(hole), region.end, begin + most});
        if (begin >= end)
            return 0;
        if (int error = visit(begin, end - begin))
            return error;
        at = end;
    }
    return 0;
}

int replace_in_region(int file, const Region& region, const Superblock& superblock, char* buffer,
                      uint64_t buffer_bytes, bool after_crash) {
    return for_each_piece(file, region, buffer_bytes - kTail, [&](uint64_t offset, uint64_t bytes) {
        bytes = std::min(bytes + kTail, region.end - offset);
        if (int error = medium::read_file(file, buffer, bytes, offset))
            return error;
        bool found = replace_identity(buffer, bytes, superblock.former_identity, superblock.identity_low);
        if (after_crash)
            found |=
                replace_torn_identities(buffer, bytes, superblock.former_identity, superblock.identity_low);
        if (!found)
            return 0;
        return medium::write_file(file, buffer, bytes, offset);
    });
}

int replace_everywhere(int file, const char* path, const Regions& regions, Superblock& superblock,
                       bool after_crash) {
    constexpr uint64_t kBufferBytes = 1 << 20;
    GrowBuffer buffer;
    char* const room = buffer.room(kBufferBytes);
    int error = room == nullptr ? ENOMEM : 0;
    for (uint32_t i = 0; i < regions.count() && error == 0; ++i)
        error = replace_in_region(file, regions[i], superblock, room, kBufferBytes, after_crash);
    buffer.release();
    if (error == 0)
        error = medium::sync_file(file);
    if (error == 0) {
        superblock.former_identity = 0;
        error = write_superblocks(file, superblock);
    }
    return error == 0 ? 0
                      : fail(error, "%s: cannot be given an identity of its own: %s", path, strerror(error));
}

}  // namespace

int finish_new_identity(int file, const char* path, const Regions& regions, Superblock& superblock) {
    return replace_everywhere(file, path, regions, superblock, true);
}

int give_new_identity(int file, const char* path, const Regions& regions, Superblock& superblock) {
    superblock.former_identity = superblock.identity_low;
    superblock.identity_low = random_identity();
    if (const int error = write_superblocks(file, superblock))
        return fail(error, "%s: cannot be given an identity of its own: %s", path, strerror(error));
    log_info("%s: a copy of a pool that is open, and gets an identity of its own", path);
    return replace_everywhere(file, path, regions, superblock, false);
}

namespace {

struct Renaming {
    char* base;
    const Regions& regions;
    uint64_t former;  // 0: none, no crash left its replacement undone
    uint64_t began;
    uint64_t is;

    void in_region(const Region& region, uint64_t offset, uint64_t bytes) const {
        bytes = std::min(bytes + kTail, region.end - offset);
        if (former != 0) {
            replace_identity(base + offset, bytes, former, began);
            replace_torn_identities(base + offset, bytes, former, began);
        }
        if (is != began)
            replace_identity(base + offset, bytes, began, is);
    }
};

// Written pages of the mapping may be holes of the file: the log was replayed into them.
int rename_in_written_pages(void* context, uint64_t offset, uint64_t bytes) {
    const auto& renaming = *static_cast<const Renaming*>(context);
    for (uint32_t i = 0; i < renaming.regions.count(); ++i) {
        const Region& region = renaming.regions[i];
        const uint64_t begin = std::max(offset, region.pages_offset);
        const uint64_t end = std::min(offset + bytes, region.end);
        if (begin < end)
            renaming.in_region(region, begin, end - begin);
    }
    return 0;
}

}  // namespace

int tell_apart_in_memory(const Mapping& mapping, int file, const Regions& regions, Superblock& superblock,
                         bool (*is_taken)(uint64_t identity)) {
    Renaming renaming{mapping.base, regions, superblock.former_identity, superblock.identity_low,
                      superblock.identity_low};
    if (is_taken(renaming.began))
        renaming.is = random_identity();
    if (renaming.former == 0 && renaming.is == renaming.began)
        return 0;
    superblock.former_identity = 0;
    superblock.identity_low = renaming.is;
    if (int error = visit_written_pages(mapping, rename_in_written_pages, &renaming))
        return error;
    for (uint32_t i = 0; i < regions.count(); ++i) {
        const int error =
            for_each_piece(file, regions[i], regions[i].end, [&](uint64_t offset, uint64_t bytes) {
                renaming.in_region(regions[i], offset, bytes);
                return 0;
            });
        if (error != 0)
            return error;
    }
    return 0;
}

}  // namespace terrace::persist
