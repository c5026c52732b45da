// Runs a function in a forked child and tells how it ended: 0 when it returned true, 1 when false, else the
// wait status.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

namespace terrace::tests {

template <typename Function>
int run_in_child(Function function) {
    const pid_t child = fork();
    if (child == 0)
        _exit(function() ? 0 : 1);
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : status;
}

}  // namespace terrace::tests
