// The seam to the medium: every byte that becomes durable passes through one of these functions.
// Stores to a mapped home (cache-line granularity) go through the flush layer, whose table of methods a test
// can replace to watch each of them; writes to the file (page granularity) are watched, or made to fail, by a
// FileObserver.
#pragma once

#include <cstddef>
#include <cstdint>

namespace terrace::persist {

enum class Granularity : uint8_t { kCacheLine, kPage };

// Sees every write to a pool file and every sync before it is done; an errno as the answer makes it fail undone.
struct FileObserver {
    int (*write)(void* context, int file, const void* source, size_t bytes, uint64_t offset);
    int (*sync)(void* context, int file);
    void* context;
};
// Null for none. REQUIRES: no other thread is in the engine.
void observe_files(const FileObserver* observer);

namespace medium {

// Copies past the cache, to whole lines. Durable after the next fence.
// REQUIRES: home and source are 64-byte aligned, bytes is a multiple of 64.
void stream_lines(void* home, const void* source, size_t bytes);
// Copies and flushes, whatever the alignment. Durable after the next fence.
void store_and_flush(void* home, const void* source, size_t bytes);
void flush(const void* home, size_t bytes);
void fence();

// 0 or an errno. A short write is continued, EINTR is retried.
[[nodiscard]] int write_file(int file, const void* source, size_t bytes, uint64_t offset);
[[nodiscard]] int write_zeros(int file, uint64_t bytes, uint64_t offset);
[[nodiscard]] int read_file(int file, void* target, size_t bytes, uint64_t offset);
[[nodiscard]] int sync_file(int file);

}  // namespace medium
}  // namespace terrace::persist
