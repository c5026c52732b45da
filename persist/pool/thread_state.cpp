// See thread_state.hpp, and error_message.hpp whose text lives here.
// The key exists only for its destructor; the state itself is found through TLS (1 load).
#include "persist/pool/thread_state.hpp"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <atomic>
#include <new>

#include "persist/pool/error_message.hpp"
#include "src/log.hpp"

namespace terrace::persist {
namespace {

pthread_key_t g_key;
pthread_once_t g_once = PTHREAD_ONCE_INIT;
bool g_has_key = false;
std::atomic<void (*)(const char*)> g_listener{nullptr};

void give_back(void* memory) {
    auto* state = static_cast<ThreadState*>(memory);
    internal::state = nullptr;
    state->transaction.release_memory();
    state->record.release();
    state->pending.release();
    state->arena_pins.release();
    munmap(memory, sizeof(ThreadState));
}

void make_key() {
    g_has_key = pthread_key_create(&g_key, give_back) == 0;
}

}  // namespace

namespace internal {

__thread ThreadState* state = nullptr;

ThreadState* make_state() {
    pthread_once(&g_once, make_key);
    void* memory =
        mmap(nullptr, sizeof(ThreadState), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return nullptr;
    state = new (memory) ThreadState{};
    if (g_has_key)
        pthread_setspecific(g_key, state);
    return state;
}

void no_state() {
    fatal_misuse("out of memory for the state of a thread");
}

}  // namespace internal

__thread FailedBegin failed_begin;

int need_thread_state() {
    if (try_thread_state() != nullptr) [[likely]]
        return 0;
    errno = ENOMEM;
    return ENOMEM;
}

int fail(int error, const char* format, ...) {
    if (ThreadState* const state = try_thread_state()) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(state->message, sizeof state->message, format, arguments);
        va_end(arguments);
        if (const auto listener = g_listener.load(std::memory_order_acquire))
            listener(state->message);
    }
    errno = error;
    return error;
}

void tell_errors_to(void (*listener)(const char* message)) {
    g_listener.store(listener, std::memory_order_release);
}

int result_of(int error) {
    if (error == 0)
        return 0;
    errno = error;
    return -1;
}

const char* last_error_message() {
    const ThreadState* const state = existing_thread_state();
    if (state != nullptr)
        return state->message;
    return errno == ENOMEM ? "out of memory, even for a longer message" : "";
}

void fatal_misuse(const char* format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    log_error("%s", line);
    abort();
}

}  // namespace terrace::persist
