#include "tests/persist/states/token_scheduler.hpp"

#include <chrono>
#include <thread>

namespace terrace::persist::states {
namespace {

// So long a thread may run between two events before it counts as blocked by one that waits for the token.
constexpr auto kPatience = std::chrono::milliseconds(10);

thread_local size_t t_number = SIZE_MAX;

}  // namespace

void TokenScheduler::run(const std::vector<std::function<void()>>& bodies) {
    states_.assign(bodies.size(), State::kWaiting);
    token_ = SIZE_MAX;
    std::vector<std::thread> threads;
    for (size_t i = 0; i < bodies.size(); ++i) {
        threads.emplace_back([this, i, &bodies] {
            t_number = i;
            turn();
            bodies[i]();
            const std::lock_guard guard(mutex_);
            states_[i] = State::kEnded;
            pass_on();
        });
    }
    {
        const std::lock_guard guard(mutex_);
        pass_on();
    }
    for (std::thread& thread : threads)
        thread.join();
}

void TokenScheduler::pass_on() {
    ++steps_;
    std::vector<size_t> waiting;
    for (size_t i = 0; i < states_.size(); ++i) {
        if (states_[i] == State::kWaiting)
            waiting.push_back(i);
    }
    token_ = waiting.empty() ? SIZE_MAX : waiting[random_() % waiting.size()];
    changed_.notify_all();
}

void TokenScheduler::turn() {
    if (t_number == SIZE_MAX)
        return;  // a thread of the library's own, or the one that started us
    std::unique_lock guard(mutex_);
    states_[t_number] = State::kWaiting;
    pass_on();
    while (token_ != t_number) {
        const uint64_t before = steps_;
        if (changed_.wait_for(guard, kPatience) == std::cv_status::timeout && steps_ == before &&
            token_ != t_number) {
            ++blocked_;
            pass_on();
        }
    }
    states_[t_number] = State::kRunning;
}

}  // namespace terrace::persist::states
