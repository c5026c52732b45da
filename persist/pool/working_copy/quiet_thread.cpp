// See quiet_thread.hpp. A thread begins with the signal mask of the one that makes it.
#include "persist/pool/working_copy/quiet_thread.hpp"

#include <signal.h>

namespace terrace::persist {

int start_quiet_thread(pthread_t& thread, uint64_t stack_bytes, void* (*body)(void*), void* argument) {
    pthread_attr_t attributes;
    if (int error = pthread_attr_init(&attributes))
        return error;
    pthread_attr_setstacksize(&attributes, stack_bytes);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = pthread_create(&thread, &attributes, body, argument);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);
    return error;
}

}  // namespace terrace::persist
