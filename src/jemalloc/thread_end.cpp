#include "src/jemalloc/thread_end.hpp"

#include <limits.h>
#include <pthread.h>

// Defined in programs that ThreadSanitizer watches.
extern "C" __attribute__((weak)) void __tsan_init();

namespace terrace::jemalloc {
namespace {

using Destructor = void (*)(void*);

// jemalloc makes one key, while it initialises itself and before any thread has a value for it.
pthread_key_t jemallocs_key;
Destructor jemallocs_destructor = nullptr;
void (*before_cleanup)() = nullptr;
__thread int rounds = 0;

// The last round, so that other destructors of the thread may still allocate and free.
int cleanup_round() {
    // ThreadSanitizer forgets the thread in the last round, and the cleanup takes locks, which it watches.
    return __tsan_init != nullptr ? PTHREAD_DESTRUCTOR_ITERATIONS - 1 : PTHREAD_DESTRUCTOR_ITERATIONS;
}

void in_each_round(void* value) {
    if (++rounds < cleanup_round()) {
        pthread_setspecific(jemallocs_key, value);
        return;
    }
    // jemalloc sets its key when it is done, to hear of one more round, in which it would do nothing.
    if (rounds > cleanup_round())
        return;
    if (void (*const function)() = __atomic_load_n(&before_cleanup, __ATOMIC_ACQUIRE); function != nullptr)
        function();
    jemallocs_destructor(value);
}

}  // namespace

void call_at_thread_end(void (*function)()) {
    __atomic_store_n(&before_cleanup, function, __ATOMIC_RELEASE);
}

}  // namespace terrace::jemalloc

extern "C" __attribute__((visibility("hidden"))) int terrace_je_pthread_key_create(
    pthread_key_t* key, void (*destructor)(void*)) {
    using namespace terrace::jemalloc;
    jemallocs_destructor = destructor;
    const int error = pthread_key_create(&jemallocs_key, in_each_round);
    *key = jemallocs_key;
    return error;
}
