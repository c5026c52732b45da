/* bench_peak SCENARIO COMMAND…: runs the command in silence and prints "SCENARIO KiB": the most memory that it, or a program
 * that it ran and waited for, had resident. Exit status 1, and nothing printed, when it failed. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char** arguments) {
    if (count < 3) {
        fprintf(stderr, "usage: %s SCENARIO COMMAND…\n", arguments[0]);
        return 2;
    }
    const pid_t child = fork();
    if (child == 0) {
        const int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
        execvp(arguments[2], arguments + 2);
        _exit(127);
    }
    int status = -1;
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) != child || status != 0)
        return 1;
    printf("%s %ld\n", arguments[1], usage.ru_maxrss);
    return 0;
}
