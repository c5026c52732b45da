// A mutex and its guard, over pthreads. std::mutex would need libstdc++ at run time (it throws).
// Constant-initialised, so that it can be used before constructors run; reinitialise() is for a forked child.
#pragma once

#include <pthread.h>

namespace terrace {

class Mutex {
  public:
    constexpr Mutex() = default;
    Mutex(const Mutex&) = delete;
    Mutex& operator=(const Mutex&) = delete;

    void lock() { pthread_mutex_lock(&mutex_); }
    void unlock() { pthread_mutex_unlock(&mutex_); }
    [[nodiscard]] bool try_lock() { return pthread_mutex_trylock(&mutex_) == 0; }

    // REQUIRES: no other thread exists (the child side of a fork).
    void reinitialise() { pthread_mutex_init(&mutex_, nullptr); }

    pthread_mutex_t* native() { return &mutex_; }

  private:
    pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
};

class LockGuard {
  public:
    explicit LockGuard(Mutex& mutex) : mutex_(mutex) { mutex_.lock(); }
    ~LockGuard() { mutex_.unlock(); }
    LockGuard(const LockGuard&) = delete;
    LockGuard& operator=(const LockGuard&) = delete;

  private:
    Mutex& mutex_;
};

}  // namespace terrace
