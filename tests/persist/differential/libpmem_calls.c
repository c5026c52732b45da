/* libpmem_calls DIRECTORY: calls every function of libpmem 1.12 with good and bad arguments, and writes one line for each
 * call: what it was asked and what it answered. The program is built twice, with Debian's header and library and with
 * ours, and the lines must be the same. What the peer crashes on, or is known to do worse, is left out here and tested in
 * libpmem_*_test.cpp.
 *
 * Every group runs in a process of its own, in an empty directory, so that one cannot change another's answers. */
#include <errno.h>
#include <fcntl.h>
#include <libpmem.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kPage = 4096 };
static const size_t kMegabyte = (size_t)1 << 20;

/* ---- what is printed ---- */

static const char* name_of(int error) {
    return error == 0 ? "0" : strerrorname_np(error);
}

/* One pmem_map_file, and whether a message came with the failure. The mapping is given back at once. */
static void map(const char* path, size_t length, int flags, mode_t mode) {
    size_t mapped = 77;
    int is_pmem = 77;
    errno = 0;
    char* const address = pmem_map_file(path, length, flags, mode, &mapped, &is_pmem);
    const int error = errno;
    printf("map_file('%.40s', %zu, 0x%x, %o): ", path, length, (unsigned)flags, (unsigned)mode);
    if (address == NULL) {
        printf("NULL, %s, %s message, mapped %zu, is_pmem %d\n", name_of(error),
               pmem_errormsg()[0] != '\0' ? "a" : "no", mapped, is_pmem);
        return;
    }
    memset(address, 'x', mapped < 100 ? mapped : 100);
    printf("%zu bytes, is_pmem %d, at a multiple of %s; unmapped: ", mapped, is_pmem,
           (uintptr_t)address % (2 * kMegabyte) == 0 && mapped >= 2 * kMegabyte ? "2 MiB" : "a page");
    printf("%d\n", pmem_unmap(address, mapped));
}

static void map_and_look(const char* path, size_t length, int flags, mode_t mode) {
    map(path, length, flags, mode);
    struct stat file;
    if (stat(path, &file) != 0)
        printf("  %s\n", name_of(errno));
    else
        printf("  %lld bytes, mode %o, %s\n", (long long)file.st_size, (unsigned)file.st_mode,
               file.st_blocks * 512 >= file.st_size ? "all blocks" : "sparse");
}

static void answer(const char* what, int result, int error) {
    printf("%s: %d, %s\n", what, result, result < 0 ? name_of(error) : "-");
}

#define ANSWER(call)                   \
    do {                               \
        errno = 0;                     \
        const int result_ = (call);    \
        answer(#call, result_, errno); \
    } while (0)

static void make_file(const char* path, off_t length, mode_t mode) {
    const int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, mode);
    if (fd < 0 || ftruncate(fd, length) != 0 || fchmod(fd, mode) != 0)
        printf("FAULT: cannot make %s: %s\n", path, strerror(errno));
    close(fd);
}

/* ---- the groups ---- */

static void files_that_map(void) {
    map_and_look("new", kPage, PMEM_FILE_CREATE, 0640);
    map_and_look("new", 3 * kPage, PMEM_FILE_CREATE, 0600); /* longer */
    map_and_look("new", 100, PMEM_FILE_CREATE, 0600);       /* shorter */
    map_and_look("new", 0, 0, 0);
    map_and_look("new", 0, PMEM_FILE_EXCL, 0);
    map_and_look("new", 0, PMEM_FILE_SPARSE, 0);
    map_and_look("new", 0, PMEM_FILE_EXCL | PMEM_FILE_SPARSE, 0);
    map_and_look("exclusive", 5000, PMEM_FILE_CREATE | PMEM_FILE_EXCL, 0604);
    map_and_look("sparse", kMegabyte, PMEM_FILE_CREATE | PMEM_FILE_SPARSE, 0666);
    map_and_look("sparse", kMegabyte, PMEM_FILE_CREATE, 0666);
    map_and_look("both", 8 * kPage, PMEM_FILE_CREATE | PMEM_FILE_SPARSE | PMEM_FILE_EXCL, 0200);
    map_and_look("huge", 3 * kMegabyte, PMEM_FILE_CREATE | PMEM_FILE_SPARSE, 0600);
    map_and_look("giant", 1100 * kMegabyte, PMEM_FILE_CREATE | PMEM_FILE_SPARSE, 0600);
    map_and_look("setuid", kPage, PMEM_FILE_CREATE, 04755);
    map(".", kPage, PMEM_FILE_CREATE | PMEM_FILE_TMPFILE, 0);
    map(".", kPage, PMEM_FILE_CREATE | PMEM_FILE_TMPFILE | PMEM_FILE_EXCL, 0);
    map(".", 2 * kMegabyte, PMEM_FILE_CREATE | PMEM_FILE_TMPFILE | PMEM_FILE_SPARSE, 0600);
    symlink("new", "link");
    map_and_look("link", 0, 0, 0);
    map_and_look("link", 9000, PMEM_FILE_CREATE, 0600);
    symlink("made-through-a-link", "dangling");
    map_and_look("dangling", 9000, PMEM_FILE_CREATE, 0600);
    map_and_look("made-through-a-link", 0, 0, 0);
    /* Nobody has to ask for the length and is_pmem. */
    char* const address = pmem_map_file("new", 0, 0, 0, NULL, NULL);
    printf("without places for the answers: %s\n", address != NULL ? "mapped" : "NULL");
    ANSWER(pmem_unmap(address, 9000));
}

static void arguments_that_do_not_fit(void) {
    make_file("file", 2 * kPage, 0600);
    for (int flags = 0; flags < 0x20; ++flags)
        for (int size = 0; size < 2; ++size) {
            if ((flags & (PMEM_FILE_CREATE | PMEM_FILE_TMPFILE)) == (PMEM_FILE_CREATE | PMEM_FILE_TMPFILE) &&
                size != 0)
                continue; /* right, on a directory */
            map("file", size == 0 ? 0 : kPage, flags, 0600);
        }
    for (int bit = 4; bit < 32; ++bit)
        map("file", 0, (int)(1U << bit), 0600);
    map("file", SIZE_MAX, PMEM_FILE_CREATE, 0600);
    map("file", (size_t)1 << 63, PMEM_FILE_CREATE, 0600);
    map("file", SIZE_MAX, 0, 0600);
    map("absent", 0, 0, 0);
    map("absent", kPage, 0, 0);
    map("absent", 0, PMEM_FILE_CREATE, 0);
    map("absent", 0, PMEM_FILE_EXCL, 0);
    map("", 0, 0, 0);
    map("", kPage, PMEM_FILE_CREATE, 0600);
    map_and_look("absent", SIZE_MAX, PMEM_FILE_CREATE, 0600);
}

static void files_that_do_not_fit(void) {
    make_file("file", 2 * kPage, 0600);
    make_file("empty", 0, 0600);
    mkdir("directory", 0700);
    symlink("loop", "loop");
    mkfifo("pipe", 0600);
    char longest[5000];
    memset(longest, 'n', sizeof longest);
    longest[300] = '\0';
    map(longest, 0, 0, 0);
    map(longest, kPage, PMEM_FILE_CREATE, 0600);
    longest[300] = 'n';
    longest[sizeof longest - 1] = '\0';
    map(longest, 0, 0, 0);
    map("empty", 0, 0, 0);
    map("directory", 0, 0, 0);
    map("directory", kPage, PMEM_FILE_CREATE, 0600);
    map("loop", 0, 0, 0);
    map("loop", kPage, PMEM_FILE_CREATE, 0600);
    map("pipe", 0, 0, 0);
    map("file/below", 0, 0, 0);
    map("file/below", kPage, PMEM_FILE_CREATE, 0600);
    map("absent/below", kPage, PMEM_FILE_CREATE, 0600);
    map("file", kPage, PMEM_FILE_CREATE | PMEM_FILE_TMPFILE, 0600);
    map("absent", kPage, PMEM_FILE_CREATE | PMEM_FILE_TMPFILE, 0600);
    map_and_look("file", kPage, PMEM_FILE_CREATE | PMEM_FILE_EXCL, 0600);
    map_and_look("loop", kPage, PMEM_FILE_CREATE | PMEM_FILE_EXCL, 0600);
    map("/dev/null", 0, 0, 0);
    map("/dev/null", kPage, PMEM_FILE_CREATE, 0600);
    map("/dev/zero", 0, 0, 0);
    map("/dev/full", kPage, PMEM_FILE_CREATE, 0600);
    map("/proc/version", 0, 0, 0);
    map("/proc/self/status", kPage, PMEM_FILE_CREATE, 0600);
    /* More than a file can have; on tmpfs more than there is, and that is asked first. */
    struct statfs system;
    statfs(".", &system);
    map("file", (size_t)1 << 62, PMEM_FILE_CREATE, 0600);
    if (system.f_type == 0x01021994) {
        map_and_look("full", (size_t)1 << 42, PMEM_FILE_CREATE | PMEM_FILE_EXCL, 0600);
        map(".", (size_t)1 << 42, PMEM_FILE_CREATE | PMEM_FILE_TMPFILE, 0600);
    }
    map_and_look("too long", (size_t)1 << 62, PMEM_FILE_CREATE | PMEM_FILE_EXCL, 0600);
}

static void files_of_others(void) {
    make_file("secret", kPage, 0600);
    make_file("readable", kPage, 0644);
    make_file("writable", kPage, 0222);
    mkdir("closed", 0700);
    mkdir("open", 0777);
    chmod("open", 0777);
    make_file("closed/file", kPage, 0666);
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        printf("FAULT: cannot become nobody\n");
    map("secret", 0, 0, 0);
    map("readable", 0, 0, 0);
    map("readable", kPage, PMEM_FILE_CREATE, 0600);
    map("writable", 0, 0, 0);
    map("closed/file", 0, 0, 0);
    map("closed/new", kPage, PMEM_FILE_CREATE, 0600);
    map("closed", kPage, PMEM_FILE_CREATE | PMEM_FILE_TMPFILE, 0600);
    map("open", kPage, PMEM_FILE_CREATE | PMEM_FILE_TMPFILE, 0600);
    map_and_look("open/new", kPage, PMEM_FILE_CREATE | PMEM_FILE_EXCL, 0400);
    map("open/new", 0, 0, 0);
    map("new", kPage, PMEM_FILE_CREATE, 0600);
    map("/proc/version", 0, 0, 0);
}

static void mappings_and_their_parts(void) {
    size_t mapped;
    char* const address = pmem_map_file("file", 16 * kPage, PMEM_FILE_CREATE, 0600, &mapped, NULL);
    if (address == NULL) {
        printf("FAULT: %s\n", pmem_errormsg());
        return;
    }
    ANSWER(pmem_is_pmem(address, 16 * kPage));
    ANSWER(pmem_is_pmem(address, 1));
    ANSWER(pmem_is_pmem(address, 17 * kPage));
    ANSWER(pmem_is_pmem(&mapped, sizeof mapped));
    ANSWER(pmem_is_pmem(NULL, 1));
    ANSWER(pmem_msync(address, 16 * kPage));
    ANSWER(pmem_msync(address + 1, 1));
    ANSWER(pmem_msync(address + kPage - 1, 2));
    ANSWER(pmem_msync(address + 5, 0));
    ANSWER(pmem_msync(&mapped, sizeof mapped)); /* not a file */
    ANSWER(pmem_msync(NULL, kPage));
    ANSWER(pmem_deep_drain(address, 16 * kPage));
    ANSWER(pmem_deep_drain(address + 100, 1));
    ANSWER(pmem_deep_drain(address, 0));
    ANSWER(pmem_deep_persist(address, 16 * kPage));
    ANSWER(pmem_deep_persist(address + 63, 2));
    pmem_deep_flush(address + 63, 2000);
    ANSWER(pmem_unmap(address + 1, kPage));
    ANSWER(pmem_unmap(address + kPage / 2, kPage / 2));
    ANSWER(pmem_unmap(address, 0));
    ANSWER(pmem_unmap(address + 8 * kPage, kPage));
    ANSWER(pmem_unmap(address + 8 * kPage, kPage)); /* of nothing */
    ANSWER(pmem_msync(address + 8 * kPage, kPage));
    ANSWER(pmem_msync(address, 16 * kPage)); /* with a hole */
    ANSWER(pmem_deep_drain(address + 8 * kPage, kPage));
    ANSWER(pmem_is_pmem(address, 16 * kPage));
    ANSWER(pmem_unmap(address, 16 * kPage)); /* over the hole */
    printf("a message of the past: %s\n", pmem_errormsg()[0] != '\0' ? "kept" : "gone");
}

static uint64_t sum_of(const unsigned char* bytes, size_t length) {
    uint64_t sum = 1469598103934665603u;
    for (size_t i = 0; i < length; ++i)
        sum = (sum ^ bytes[i]) * 1099511628211u;
    return sum;
}

typedef void* copy_function(void*, const void*, size_t);
typedef void* fill_function(void*, int, size_t);

static void copies(void) {
    static const struct {
        const char* name;
        copy_function* function;
    } copy[] = {{"memmove_persist", pmem_memmove_persist},
                {"memcpy_persist", pmem_memcpy_persist},
                {"memmove_nodrain", pmem_memmove_nodrain},
                {"memcpy_nodrain", pmem_memcpy_nodrain}};
    static const struct {
        const char* name;
        fill_function* function;
    } fill[] = {{"memset_persist", pmem_memset_persist}, {"memset_nodrain", pmem_memset_nodrain}};
    const size_t area = 64 * 1024;
    unsigned char* const memory =
        (unsigned char*)pmem_map_file("area", area, PMEM_FILE_CREATE, 0600, NULL, NULL);
    unsigned char* const source = malloc(area);
    if (memory == NULL || source == NULL) {
        printf("FAULT: no memory\n");
        return;
    }
    uint32_t random = 12345;
    for (size_t i = 0; i < area; ++i)
        source[i] = (unsigned char)((random = random * 1664525u + 1013904223u) >> 24);
    memcpy(memory, source, area);
    for (unsigned round = 0; round < 3000; ++round) {
        random = random * 1664525u + 1013904223u;
        const size_t length = (random >> 8) % (round % 10 == 0 ? 20000 : 700);
        random = random * 1664525u + 1013904223u;
        const size_t to = (random >> 8) % (area - length);
        random = random * 1664525u + 1013904223u;
        const size_t from =
            round % 3 == 0 && to > 100 ? to - (random >> 8) % 100 : (random >> 8) % (area - length);
        const unsigned flags = round % 64; /* each combination, sensible or not */
        const int value = (int)(random >> 4) - 1000;
        const char* what = "";
        void* result = NULL;
        switch (round % 9) {
            case 0:
                result = pmem_memmove(memory + to, memory + from, length, flags), what = "memmove";
                break;
            case 1:
                result = pmem_memcpy(memory + to, source + from, length, flags), what = "memcpy";
                break;
            case 2:
                result = pmem_memset(memory + to, value, length, flags), what = "memset";
                break;
            case 3:
            case 4:
            case 5:
            case 6: {
                const unsigned which = round % 9 - 3;
                const unsigned char* const begin = which % 2 == 0 ? memory + from : source + from;
                result = copy[which].function(memory + to, begin, length), what = copy[which].name;
                break;
            }
            default:
                result = fill[round % 9 - 7].function(memory + to, value, length),
                what = fill[round % 9 - 7].name;
        }
        pmem_drain();
        if (round % 50 == 0 || result != memory + to)
            printf("%s of %zu bytes, flags %u: returns %s, %016llx\n", what, length, flags,
                   result == memory + to ? "the destination" : "SOMETHING ELSE",
                   (unsigned long long)sum_of(memory, area));
    }
    for (size_t length = 0; length < 3000; length = length * 2 + 1) {
        pmem_flush(memory + length, length);
        pmem_persist(memory + 3 * length, length);
    }
    printf("in the end: %016llx\n", (unsigned long long)sum_of(memory, area));
    ANSWER(pmem_unmap(memory, area));
    free(source);
}

static void* other_thread(void* nothing) {
    printf("another thread's message: '%s'\n", pmem_errormsg());
    return nothing;
}

static void the_library(void) {
    printf("at first: '%s'\n", pmem_errormsg());
    for (unsigned major = 0; major < 4; ++major)
        for (unsigned minor = 0; minor < 4; ++minor)
            printf("check_version(%u, %u): %s\n", major, minor,
                   pmem_check_version(major, minor) == NULL ? "serves" : "does not serve");
    printf("check_version(UINT_MAX, 0): %s\n",
           pmem_check_version(UINT32_MAX, 0) == NULL ? "serves" : "does not serve");
    ANSWER(pmem_has_hw_drain());
    ANSWER(pmem_has_auto_flush());
    map("absent", 0, 0, 0);
    pthread_t thread;
    pthread_create(&thread, NULL, other_thread, NULL);
    pthread_join(thread, NULL);
    printf("versions %d.%d, part %zu\n", PMEM_MAJOR_VERSION, PMEM_MINOR_VERSION, (size_t)PMEM_MIN_PART);
    printf("flags %d %d %d %d, %u %u %u %u %u %u, %u\n", PMEM_FILE_CREATE, PMEM_FILE_EXCL, PMEM_FILE_SPARSE,
           PMEM_FILE_TMPFILE, PMEM_F_MEM_NODRAIN, PMEM_F_MEM_NONTEMPORAL, PMEM_F_MEM_TEMPORAL, PMEM_F_MEM_WC,
           PMEM_F_MEM_WB, PMEM_F_MEM_NOFLUSH, PMEM_F_MEM_VALID_FLAGS);
}

/* PMEM_MMAP_HINT=10000000000: where four mappings go, one after the other, and one after two of them have gone. */
static void places(void) {
    char* address[5];
    for (int i = 0; i < 5; ++i) {
        char name[16];
        snprintf(name, sizeof name, "place%d", i);
        const size_t length = i == 2 ? 3 * kMegabyte : 5 * kPage;
        if (i == 4) {
            pmem_unmap(address[1], 5 * kPage);
            pmem_unmap(address[2], 3 * kMegabyte);
        }
        address[i] = pmem_map_file(name, length, PMEM_FILE_CREATE | PMEM_FILE_SPARSE, 0600, NULL, NULL);
        if (getenv("PMEM_MMAP_HINT") != NULL && strtoull(getenv("PMEM_MMAP_HINT"), NULL, 16) != 0)
            printf("place %d: %p\n", i, (void*)address[i]);
    }
}

static const struct {
    const char* name;
    void (*run)(void);
} groups[] = {{"files that map", files_that_map},
              {"arguments that do not fit", arguments_that_do_not_fit},
              {"files that do not fit", files_that_do_not_fit},
              {"files of others", files_of_others},
              {"mappings and their parts", mappings_and_their_parts},
              {"copies", copies},
              {"the library", the_library},
              {"places", places}};

int main(int count, char** arguments) {
    if (count != 2 || chdir(arguments[1]) != 0) {
        fprintf(stderr, "usage: %s DIRECTORY\n", arguments[0]);
        return 2;
    }
    umask(022);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; ++i) {
        char folder[32];
        snprintf(folder, sizeof folder, "group%zu", i);
        mkdir(folder, 0755);
        printf("== %s\n", groups[i].name);
        fflush(stdout);
        const pid_t child = fork();
        if (child == 0) {
            if (chdir(folder) != 0)
                printf("FAULT: %s\n", strerror(errno));
            else
                groups[i].run();
            fflush(stdout);
            _exit(0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        if (status != 0)
            printf("FAULT: ended with status 0x%x\n", (unsigned)status);
    }
    return 0;
}
