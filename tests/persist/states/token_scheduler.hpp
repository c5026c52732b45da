// Lets one event on the medium through at a time: of two or three threads that work on a pool, the one with the
// token runs until its next event, and there the token goes to one of them, chosen by a seed. So an interleaving
// can be repeated. A thread that waits for another's lock cannot give the token away: then it is taken.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <random>
#include <vector>

#include "tests/persist/states/seam.hpp"

namespace terrace::persist::states {

class TokenScheduler : public SeamListener {
  public:
    explicit TokenScheduler(uint64_t seed) : random_(seed) {}

    // Runs each of them in a thread of its own; returns when all have ended. Listens meanwhile, before all others.
    void run(const std::vector<std::function<void()>>& bodies);
    // How often a thread had to be passed over because it waited for another.
    uint64_t blocked() const { return blocked_; }

  private:
    enum class State { kWaiting, kRunning, kEnded };

    void about_to_write(int, const char*, size_t, uint64_t) override { turn(); }
    void about_to_sync(int) override { turn(); }
    void written_back(const char*, size_t) override { turn(); }
    void about_to_fence() override { turn(); }

    void turn();
    void pass_on();  // REQUIRES: mutex_ is held

    std::mutex mutex_;
    std::condition_variable changed_;
    std::mt19937_64 random_;
    std::vector<State> states_;
    size_t token_ = SIZE_MAX;
    uint64_t steps_ = 0;
    uint64_t blocked_ = 0;
};

}  // namespace terrace::persist::states
