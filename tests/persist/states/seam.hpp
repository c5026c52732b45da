// The seam between the engine and the medium, as tests see it: every write-back, streamed copy, fence, file
// write and sync of this process is told to those who listen. FlushMethods and FileObserver are the engine's own
// hooks (persist/flush/flush.hpp, persist/pool/medium.hpp); nothing here depends on what the engine does with them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace terrace::persist::states {

class SeamListener {
  public:
    virtual ~SeamListener() = default;
    virtual void about_to_write(int /*file*/, const char* /*source*/, size_t /*bytes*/, uint64_t /*offset*/) {
    }
    virtual void about_to_sync(int /*file*/) {}
    // What lies there now is durable after this thread's next fence.
    virtual void written_back(const char* /*address*/, size_t /*bytes*/) {}
    virtual void about_to_fence() {}
};

// Listeners are told in the order in which they came. REQUIRES: no other thread is in the engine.
void listen(SeamListener& listener);
void stop_listening(SeamListener& listener);

}  // namespace terrace::persist::states
