#include "tests/persist/states/seam.hpp"

#include <algorithm>
#include <vector>

#include "persist/flush/flush.hpp"
#include "persist/pool/medium.hpp"

namespace terrace::persist::states {
namespace {

std::vector<SeamListener*> g_listeners;
FlushMethods g_watched;         // the table that the engine uses meanwhile
const FlushMethods* g_methods;  // this machine's

void tell_written_back(const void* address, size_t bytes) {
    for (SeamListener* listener : g_listeners)
        listener->written_back(static_cast<const char*>(address), bytes);
}
void write_back(const void* address, size_t bytes) {
    tell_written_back(address, bytes);
    g_methods->write_back(address, bytes);
}
void stream_lines(void* to, const void* from, size_t lines) {
    g_methods->stream_lines(to, from, lines);
    tell_written_back(to, lines * kCacheLine);
}
void stream_fill(void* to, unsigned char value, size_t lines) {
    g_methods->stream_fill(to, value, lines);
    tell_written_back(to, lines * kCacheLine);
}
void fence() {
    for (SeamListener* listener : g_listeners)
        listener->about_to_fence();
    g_methods->fence();
}
int write(void*, int file, const void* source, size_t bytes, uint64_t offset) {
    for (SeamListener* listener : g_listeners)
        listener->about_to_write(file, static_cast<const char*>(source), bytes, offset);
    return 0;
}
int sync(void*, int file) {
    for (SeamListener* listener : g_listeners)
        listener->about_to_sync(file);
    return 0;
}

// What is optional in the table and not watched here is left out, so that copies take the ways that are.
void put_in_front() {
    use_flush_methods(nullptr);
    g_methods = &flush_methods();
    g_watched = FlushMethods{};
    g_watched.name = "watched";
    g_watched.stream_from = g_methods->stream_from;
    g_watched.write_back = write_back;
    g_watched.stream_lines = g_methods->stream_lines != nullptr ? stream_lines : nullptr;
    g_watched.stream_fill = g_methods->stream_fill != nullptr ? stream_fill : nullptr;
    g_watched.fence = fence;
    use_flush_methods(&g_watched);
    static const FileObserver observer{write, sync, nullptr};
    observe_files(&observer);
}

}  // namespace

void listen(SeamListener& listener) {
    if (g_listeners.empty())
        put_in_front();
    g_listeners.push_back(&listener);
}

void stop_listening(SeamListener& listener) {
    g_listeners.erase(std::remove(g_listeners.begin(), g_listeners.end(), &listener), g_listeners.end());
    if (g_listeners.empty()) {
        use_flush_methods(nullptr);
        observe_files(nullptr);
    }
}

}  // namespace terrace::persist::states
