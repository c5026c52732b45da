/*
 * Reading mapped memory that may be gone: a file that somebody truncates, or a bad block of the medium, is a SIGBUS at the load or
 * store that meets it. Here a handler jumps out of the one place that expects it; any other SIGBUS ends the program as ever.
 *
 *     pmem_sigbus FILE     makes the file, truncates it under its own mapping, and reads on
 */
#include <libpmem.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the thread is reading, and where it goes on when that is gone. The signal comes to the thread that made the access. */
static _Thread_local const char* volatile guarded;
static _Thread_local volatile size_t guarded_length;
static _Thread_local sigjmp_buf way_out;

static void on_sigbus(int signal_number, siginfo_t* information, void* context) {
    (void)context;
    const char* const address = information->si_addr;
    if (guarded != NULL && address >= guarded && address < guarded + guarded_length)
        siglongjmp(way_out, 1);
    signal(signal_number, SIG_DFL); /* not ours: the access is repeated, and ends the program */
}

/* As memcpy from mapped memory: 0, or -1 when some of it is gone. Copy first, look at the copy then: no lock is held and
 * nothing half done when the jump comes. */
static int read_mapped(void* to, const char* from, size_t length) {
    if (sigsetjmp(way_out, 1) != 0) {
        guarded = NULL;
        return -1;
    }
    guarded_length = length;
    guarded = from;
    memcpy(to, from, length);
    guarded = NULL;
    return 0;
}

int main(int argc, char** argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: pmem_sigbus FILE\n");
        return 2;
    }
    struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);

    size_t length;
    char* const file = pmem_map_file(argv[1], 65536, PMEM_FILE_CREATE, 0644, &length, NULL);
    if (file == NULL) {
        fprintf(stderr, "%s\n", pmem_errormsg());
        return 1;
    }
    memset(file, 'x', length);

    char block[4096];
    int lost = 0;
    if (truncate(argv[1], 32768) != 0) { /* what another program may do at any time */
        perror(argv[1]);
        return 1;
    }
    for (size_t at = 0; at < length; at += sizeof block)
        if (read_mapped(block, file + at, sizeof block) != 0)
            ++lost;
    printf("%d of %zu blocks are gone\n", lost, length / sizeof block);
    pmem_unmap(file, length);
    unlink(argv[1]);
    return lost == 8 ? 0 : 1;
}
