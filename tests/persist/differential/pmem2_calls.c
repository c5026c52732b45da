/*
 * pmem2_calls SEED DIRECTORY: calls every function of libpmem2.h with good and bad arguments and prints
 * each answer as a line. Run once with each of two libraries, the outputs must be the same. What a fault of
 * memory would be in one of them (NULL, objects deleted before) is not asked here but in
 * pmem2_arguments_test.cpp.
 */
#include <fcntl.h>
#include <libpmem2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define HUGE ((size_t)2 << 20)

static uint64_t state;

/* 0 ... below - 1, the same for a seed on every machine. */
static unsigned draw(unsigned below) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(state >> 33) % below;
}

static const char* directory;

static int new_file(const char* name, size_t size, int mode) {
    char path[4096];
    int fd;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0) {
        perror(path);
        exit(1);
    }
    if (mode != O_RDWR) {
        close(fd);
        fd = open(path, mode);
    }
    return fd;
}

/* Every error comes with a message; the peer's has none in places. */
static void answer(const char* what, long value) {
    printf("%s: %ld\n", what, value);
    if (value < 0 && pmem2_errormsg()[0] == '\0')
        fprintf(stderr, "FAULT: %s: %ld without a message\n", what, value);
}

static void source_of(const char* what, int fd) {
    struct pmem2_source* source = (struct pmem2_source*)&state;
    size_t size = 77;
    size_t alignment = 77;
    int own = -7;
    char name[128];
    int result = pmem2_source_from_fd(&source, fd);
    snprintf(name, sizeof name, "source_from_fd of %s", what);
    answer(name, result);
    if (result != 0) {
        printf("source is %s\n", source == NULL            ? "NULL"
                                 : source == (void*)&state ? "as before"
                                                           : "something");
        return;
    }
    answer("size", pmem2_source_size(source, &size));
    printf("%zu\n", size);
    answer("alignment", pmem2_source_alignment(source, &alignment));
    printf("%zu\n", alignment);
    answer("get_fd", pmem2_source_get_fd(source, &own));
    printf("%s\n", own == fd ? "its own" : "another");
    answer("delete", pmem2_source_delete(&source));
    printf("%s\n", source == NULL ? "NULL" : "not NULL");
    answer("delete again", pmem2_source_delete(&source));
}

static void sources(void) {
    int pipes[2];
    int fd;
    source_of("-1", -1);
    source_of("INT_MIN", -2147483647 - 1);
    source_of("a number that is not open", 1000);
    source_of("a file", fd = new_file("a", 5 * PAGE, O_RDWR));
    close(fd);
    source_of("a closed file", fd);
    source_of("an empty file", new_file("b", 0, O_RDWR));
    source_of("an odd file", new_file("c", 5 * PAGE + 3, O_RDWR));
    source_of("a file for reading", new_file("d", PAGE, O_RDONLY));
    source_of("a file for writing", new_file("e", PAGE, O_WRONLY));
    source_of("a file for appending", new_file("f", PAGE, O_RDWR | O_APPEND));
    source_of("a directory", open(directory, O_RDONLY | O_DIRECTORY));
    source_of("a path", open(directory, O_PATH));
    source_of("/dev/null", open("/dev/null", O_RDWR));
    source_of("/dev/zero", open("/dev/zero", O_RDONLY));
    if (pipe(pipes) == 0)
        source_of("a pipe", pipes[0]);
    source_of("a socket", socket(AF_UNIX, SOCK_STREAM, 0));
    source_of("a memory file", memfd_create("memory", 0));
}

static void anonymous_sources(void) {
    static const size_t sizes[] = {0, 1, 4096, 1 << 20, SIZE_MAX / 2, SIZE_MAX};
    size_t i;
    for (i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
        struct pmem2_source* source = NULL;
        size_t size = 77;
        size_t alignment = 77;
        int fd = -7;
        int node = -7;
        uint64_t count = 77;
        char byte;
        size_t length = 77;
        struct pmem2_badblock_context* blocks = (struct pmem2_badblock_context*)&state;
        printf("anonymous source of %zu\n", sizes[i]);
        answer("source_from_anon", pmem2_source_from_anon(&source, sizes[i]));
        answer("size", pmem2_source_size(source, &size));
        answer("alignment", pmem2_source_alignment(source, &alignment));
        answer("get_fd", pmem2_source_get_fd(source, &fd));
        answer("pread_mcsafe", pmem2_source_pread_mcsafe(source, &byte, 1, 0));
        answer("pwrite_mcsafe", pmem2_source_pwrite_mcsafe(source, &byte, 1, 0));
        answer("numa_node", pmem2_source_numa_node(source, &node));
        answer("device_id", pmem2_source_device_id(source, NULL, &length));
        answer("device_usc", pmem2_source_device_usc(source, &count));
        answer("badblock_context_new", pmem2_badblock_context_new(&blocks, source));
        printf("%zu %zu %d %d %zu %lu\n", size, alignment, fd, node, length, (unsigned long)count);
        answer("delete", pmem2_source_delete(&source));
    }
}

static void configs(void) {
    static const unsigned protections[] = {0,          1,          1U << 28,      1U << 29,
                                           1U << 30,   1U << 31,   7U << 29,      6U << 29,
                                           0x7FFFFFFF, UINT32_MAX, (1U << 30) + 1};
    struct pmem2_config* config = NULL;
    unsigned i;
    answer("config_new", pmem2_config_new(&config));
    for (i = 0; i < 6; ++i)
        answer("granularity", pmem2_config_set_required_store_granularity(config, (enum pmem2_granularity)i));
    answer("granularity", pmem2_config_set_required_store_granularity(config, (enum pmem2_granularity) - 1));
    for (i = 0; i < 4; ++i)
        answer("sharing", pmem2_config_set_sharing(config, (enum pmem2_sharing_type)i));
    answer("sharing", pmem2_config_set_sharing(config, (enum pmem2_sharing_type) - 1));
    for (i = 0; i < sizeof protections / sizeof *protections; ++i)
        answer("protection", pmem2_config_set_protection(config, protections[i]));
    answer("offset", pmem2_config_set_offset(config, 0));
    answer("offset", pmem2_config_set_offset(config, 1));
    answer("offset", pmem2_config_set_offset(config, INT64_MAX));
    answer("offset", pmem2_config_set_offset(config, (size_t)INT64_MAX + 1));
    answer("offset", pmem2_config_set_offset(config, SIZE_MAX));
    answer("length", pmem2_config_set_length(config, 0));
    answer("length", pmem2_config_set_length(config, 1));
    answer("length", pmem2_config_set_length(config, SIZE_MAX));
    answer("vm reservation", pmem2_config_set_vm_reservation(config, NULL, 0));
    answer("vm reservation", pmem2_config_set_vm_reservation(config, NULL, SIZE_MAX));
    answer("config_delete", pmem2_config_delete(&config));
    printf("%s\n", config == NULL ? "NULL" : "not NULL");
    answer("config_delete again", pmem2_config_delete(&config));
}

/* Writes by every function of a map, and what a reader finds. */
static void use(struct pmem2_map* map, int fd, size_t offset, int is_writable) {
    static const unsigned flags[] = {0,
                                     PMEM2_F_MEM_NODRAIN,
                                     PMEM2_F_MEM_NONTEMPORAL,
                                     PMEM2_F_MEM_TEMPORAL,
                                     PMEM2_F_MEM_WC,
                                     PMEM2_F_MEM_WB,
                                     PMEM2_F_MEM_NOFLUSH,
                                     PMEM2_F_MEM_NODRAIN | PMEM2_F_MEM_NONTEMPORAL | PMEM2_F_MEM_WC};
    char* const address = pmem2_map_get_address(map);
    const size_t size = pmem2_map_get_size(map);
    pmem2_persist_fn persist = pmem2_get_persist_fn(map);
    pmem2_flush_fn flush = pmem2_get_flush_fn(map);
    pmem2_drain_fn drain = pmem2_get_drain_fn(map);
    pmem2_memmove_fn move = pmem2_get_memmove_fn(map);
    pmem2_memcpy_fn copy = pmem2_get_memcpy_fn(map);
    pmem2_memset_fn set = pmem2_get_memset_fn(map);
    char text[3000];
    unsigned i;
    printf("size %zu granularity %d, %s page, %s functions\n", size,
           (int)pmem2_map_get_store_granularity(map), (uintptr_t)address % PAGE == 0 ? "at a" : "not at a",
           persist && flush && drain && move && copy && set ? "all" : "not all");
    if (!is_writable || size < PAGE)
        return;
    for (i = 0; i < sizeof text; ++i)
        text[i] = (char)('a' + i % 23);
    for (i = 0; i < sizeof flags / sizeof *flags; ++i) {
        const size_t at = draw(500);
        const size_t length = i % 2 == 0 ? draw(3000) : draw(300);
        if (set(address, (int)i, PAGE, flags[i]) != address)
            printf("memset returned something else\n");
        if (copy(address + at, text, length, flags[i]) != address + at)
            printf("memcpy returned something else\n");
        if (move(address + at + 5, address + at, length, flags[i]) != address + at + 5)
            printf("memmove returned something else\n");
        flush(address + at, length + 5);
        drain();
        persist(address, PAGE);
        persist(address + 100, 0);
    }
    answer("deep_flush all", pmem2_deep_flush(map, address, size));
    answer("deep_flush some", pmem2_deep_flush(map, address + 100, 100));
    answer("deep_flush nothing", pmem2_deep_flush(map, address, 0));
    answer("deep_flush at the end", pmem2_deep_flush(map, address + size - 1, 1));
    answer("deep_flush past the end", pmem2_deep_flush(map, address + size - 1, 2));
    answer("deep_flush before", pmem2_deep_flush(map, address - 1, 2));
    answer("deep_flush from before", pmem2_deep_flush(map, address - PAGE, 2 * PAGE));
    {
        uint64_t sum = 0;
        for (i = 0; i < PAGE; ++i)
            sum = sum * 31 + (unsigned char)address[i];
        printf("sum %lu", (unsigned long)sum);
        sum = 0;
        if (fd >= 0) {
            char page[4096] = "";
            if (pread(fd, page, PAGE, (off_t)offset) != (ssize_t)PAGE)
                printf("short read");
            for (i = 0; i < PAGE; ++i)
                sum = sum * 31 + (unsigned char)page[i];
        }
        printf(" in the file %lu\n", (unsigned long)sum);
    }
}

struct setting {
    int granularity; /* -1: not set */
    size_t offset;
    size_t length;
    int sharing;
    unsigned protection;
};

static struct pmem2_config* config_of(const struct setting* setting) {
    struct pmem2_config* config = NULL;
    if (pmem2_config_new(&config) != 0)
        exit(1);
    if (setting->granularity >= 0)
        pmem2_config_set_required_store_granularity(config, (enum pmem2_granularity)setting->granularity);
    pmem2_config_set_offset(config, setting->offset);
    pmem2_config_set_length(config, setting->length);
    pmem2_config_set_sharing(config, (enum pmem2_sharing_type)setting->sharing);
    pmem2_config_set_protection(config, setting->protection);
    return config;
}

static void map_with(const char* what, int fd, size_t anonymous, const struct setting* setting) {
    struct pmem2_source* source = NULL;
    struct pmem2_config* config = config_of(setting);
    struct pmem2_map* map = (struct pmem2_map*)&state;
    uint64_t saved;
    int result;
    struct stat file;
    if (setting->length == 0 && fd >= 0 && fstat(fd, &file) == 0 && (size_t)file.st_size == setting->offset &&
        setting->offset != 0)
        return; /* The peer asks mmap for 0 bytes there. */
    draw(2);
    saved = state; /* what is drawn here must not change what the others draw */
    printf("map %s: granularity %d offset %zu length %zu sharing %d protection %x\n", what,
           setting->granularity, setting->offset, setting->length, setting->sharing, setting->protection);
    result = fd >= 0 ? pmem2_source_from_fd(&source, fd) : pmem2_source_from_anon(&source, anonymous);
    if (result != 0) {
        printf("no source\n");
        pmem2_config_delete(&config);
        return;
    }
    answer("map_new", result = pmem2_map_new(&map, config, source));
    pmem2_config_delete(&config);
    pmem2_source_delete(&source);
    if (result != 0) {
        printf("map is %s\n", map == NULL ? "NULL" : map == (void*)&state ? "as before" : "something");
        return;
    }
    use(map, fd, setting->offset,
        (setting->protection & (PMEM2_PROT_READ | PMEM2_PROT_WRITE)) == (PMEM2_PROT_READ | PMEM2_PROT_WRITE));
    answer("map_delete", pmem2_map_delete(&map));
    printf("%s\n", map == NULL ? "NULL" : "not NULL");
    state = saved;
}

static void maps(void) {
    static const size_t offsets[] = {0,
                                     1,
                                     4096,
                                     8192,
                                     2 * 4096 + 1,
                                     8 * 4096,
                                     9 * 4096,
                                     1UL << 40,
                                     INT64_MAX,
                                     INT64_MAX - 4095,
                                     (size_t)INT64_MAX + 1};
    static const size_t lengths[] = {
        0, 1, 4095, 4096, 2 * 4096, 8 * 4096, 8 * 4096 + 1, 9 * 4096, SIZE_MAX, SIZE_MAX - 4095};
    static const unsigned protections[] = {PMEM2_PROT_NONE,
                                           PMEM2_PROT_READ,
                                           PMEM2_PROT_WRITE,
                                           PMEM2_PROT_READ | PMEM2_PROT_WRITE,
                                           PMEM2_PROT_EXEC | PMEM2_PROT_READ,
                                           PMEM2_PROT_EXEC | PMEM2_PROT_READ | PMEM2_PROT_WRITE};
    const unsigned usual = PMEM2_PROT_READ | PMEM2_PROT_WRITE;
    const char* names[] = {"a file",           "an odd file",  "an empty file",       "a file for reading",
                           "anonymous memory", "a small file", "a file for appending"};
    int fds[7];
    unsigned i;
    unsigned j;
    fds[0] = new_file("map", 8 * PAGE, O_RDWR);
    fds[1] = new_file("odd", 8 * PAGE + 5, O_RDWR);
    fds[2] = new_file("empty", 0, O_RDWR);
    fds[3] = new_file("read", 8 * PAGE, O_RDONLY);
    fds[4] = -1;
    fds[5] = new_file("small", 5, O_RDWR);
    fds[6] = new_file("append", 8 * PAGE, O_RDWR | O_APPEND);
    for (i = 0; i < 7; ++i) {
        int granularity;
        for (granularity = -1; granularity < 3; ++granularity)
            for (j = 0; j < 2; ++j) {
                struct setting setting = {granularity, 0, 0, (int)j, usual};
                map_with(names[i], fds[i], 8 * PAGE, &setting);
            }
        for (j = 0; j < sizeof offsets / sizeof *offsets; ++j) {
            unsigned k;
            for (k = 0; k < sizeof lengths / sizeof *lengths; ++k) {
                struct setting setting = {PMEM2_GRANULARITY_PAGE, offsets[j], lengths[k], 0, usual};
                map_with(names[i], fds[i], 8 * PAGE, &setting);
            }
        }
        for (j = 0; j < 12; ++j) {
            struct setting setting = {PMEM2_GRANULARITY_PAGE, 0, 0, (int)(j % 2), protections[j / 2]};
            map_with(names[i], fds[i], 8 * PAGE, &setting);
        }
    }
    for (i = 0; i < 200; ++i) {
        struct setting setting;
        setting.granularity = (int)draw(4) - 1;
        setting.offset = draw(10) * (PAGE / (1 + draw(2)));
        setting.length = draw(10) * (PAGE / (1 + draw(2)));
        setting.sharing = (int)draw(2);
        setting.protection = draw(8) << 29;
        j = draw(7);
        map_with(names[j], fds[j], draw(20) * PAGE / 2, &setting);
    }
}

static void forced(void) {
    static const char* const values[] = {"BYTE", "CACHE_LINE", "PAGE", "byte",  "Cache_Line",
                                         "page", "",           "0",    "BYTES", "CACHELINE"};
    const int fd = new_file("forced", 2 * PAGE, O_RDWR);
    unsigned i;
    for (i = 0; i < sizeof values / sizeof *values; ++i) {
        unsigned j;
        setenv("PMEM2_FORCE_GRANULARITY", values[i], 1);
        printf("forced '%s'\n", values[i]);
        for (j = 0; j < 6; ++j) {
            struct setting setting = {(int)(j % 3), 0, 0, (int)(j / 3), PMEM2_PROT_READ | PMEM2_PROT_WRITE};
            map_with("a file", fd, 0, &setting);
            map_with("anonymous memory", -1, 2 * PAGE, &setting);
        }
    }
    unsetenv("PMEM2_FORCE_GRANULARITY");
}

static void existing(void) {
    const int fd = new_file("existing", 8 * PAGE, O_RDWR);
    char* const address = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    struct pmem2_source* source = NULL;
    struct pmem2_map* maps_there[4] = {NULL, NULL, NULL, NULL};
    unsigned i;
    pmem2_source_from_fd(&source, fd);
    for (i = 0; i < 3; ++i) {
        struct pmem2_map* map = NULL;
        printf("existing, granularity %u\n", i);
        answer("map_from_existing",
               pmem2_map_from_existing(&map, source, address, 8 * PAGE, (enum pmem2_granularity)i));
        if (map != NULL) {
            printf("%s\n", pmem2_map_get_address(map) == address ? "there" : "elsewhere");
            /* The peer's functions of such a map do not return at page granularity. */
            if (i != PMEM2_GRANULARITY_PAGE)
                use(map, fd, 0, 1);
            answer("map_delete", pmem2_map_delete(&map));
        }
    }
    answer("a part", pmem2_map_from_existing(&maps_there[0], source, address + 2 * PAGE, 2 * PAGE,
                                             PMEM2_GRANULARITY_PAGE));
    answer("the same", pmem2_map_from_existing(&maps_there[1], source, address + 2 * PAGE, 2 * PAGE,
                                               PMEM2_GRANULARITY_PAGE));
    answer("its first page",
           pmem2_map_from_existing(&maps_there[1], source, address + 2 * PAGE, PAGE, PMEM2_GRANULARITY_PAGE));
    answer("its last page",
           pmem2_map_from_existing(&maps_there[1], source, address + 3 * PAGE, PAGE, PMEM2_GRANULARITY_PAGE));
    answer("across its end", pmem2_map_from_existing(&maps_there[1], source, address + 3 * PAGE, 2 * PAGE,
                                                     PMEM2_GRANULARITY_PAGE));
    answer("around it",
           pmem2_map_from_existing(&maps_there[1], source, address, 8 * PAGE, PMEM2_GRANULARITY_PAGE));
    printf("%s\n", maps_there[1] == NULL ? "NULL" : "something");
    answer("before it",
           pmem2_map_from_existing(&maps_there[1], source, address, 2 * PAGE, PMEM2_GRANULARITY_PAGE));
    answer("after it",
           pmem2_map_from_existing(&maps_there[2], source, address + 4 * PAGE, PAGE, PMEM2_GRANULARITY_PAGE));
    for (i = 0; i < 3; ++i)
        if (maps_there[i] != NULL)
            answer("map_delete", pmem2_map_delete(&maps_there[i]));
    address[7 * PAGE] = 'x'; /* still mapped */
    answer("not at a page",
           pmem2_map_from_existing(&maps_there[3], source, address + 100, PAGE, PMEM2_GRANULARITY_PAGE));
    if (maps_there[3] != NULL) {
        printf("%s %zu\n", pmem2_map_get_address(maps_there[3]) == address + 100 ? "there" : "elsewhere",
               pmem2_map_get_size(maps_there[3]));
        answer("map_delete", pmem2_map_delete(&maps_there[3]));
    }
    answer("odd length",
           pmem2_map_from_existing(&maps_there[3], source, address, 100, PMEM2_GRANULARITY_PAGE));
    if (maps_there[3] != NULL) {
        printf("%zu\n", pmem2_map_get_size(maps_there[3]));
        answer("map_delete", pmem2_map_delete(&maps_there[3]));
    }
    pmem2_source_delete(&source);
    munmap(address, 8 * PAGE);
}

/* A reservation as a string: where its maps begin, from the first to the last and back. */
static void show_reservation(struct pmem2_vm_reservation* reservation) {
    char* const base = pmem2_vm_reservation_get_address(reservation);
    struct pmem2_map* map = NULL;
    int result;
    printf("  reserved %zu:", pmem2_vm_reservation_get_size(reservation));
    for (result = pmem2_vm_reservation_map_find_first(reservation, &map); result == 0 && map != NULL;
         result = pmem2_vm_reservation_map_find_next(reservation, map, &map))
        printf(" %zu+%zu", (size_t)((char*)pmem2_map_get_address(map) - base) / PAGE,
               pmem2_map_get_size(map));
    printf(" (%d) back:", result);
    for (result = pmem2_vm_reservation_map_find_last(reservation, &map); result == 0 && map != NULL;
         result = pmem2_vm_reservation_map_find_prev(reservation, map, &map))
        printf(" %zu", (size_t)((char*)pmem2_map_get_address(map) - base) / PAGE);
    printf(" (%d)\n", result);
}

/* Free addresses, at a multiple of 2 MiB: the peer takes more than it is asked for. */
static char* room(size_t size) {
    char* const found =
        mmap(NULL, size + 2 * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    munmap(found, size + 2 * HUGE);
    return found + (HUGE - (uintptr_t)found % HUGE);
}

static void reservations(void) {
    /* Not 0 and not SIZE_MAX - 4095, which the peer makes and cannot delete. */
    static const size_t sizes[] = {1, 4095, 4096, 5000, 1 << 21, (3 << 20) + 4096, 1UL << 62, SIZE_MAX};
    char* const taken = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct pmem2_vm_reservation* reservation;
    unsigned i;
    for (i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
        int result;
        reservation = NULL;
        printf("reservation of %zu\n", sizes[i]);
        answer("vm_reservation_new", result = pmem2_vm_reservation_new(&reservation, NULL, sizes[i]));
        if (result != 0)
            continue;
        printf("%zu %s\n", pmem2_vm_reservation_get_size(reservation),
               pmem2_vm_reservation_get_address(reservation) != NULL ? "somewhere" : "nowhere");
        show_reservation(reservation);
        answer("vm_reservation_delete", pmem2_vm_reservation_delete(&reservation));
        printf("%s\n", reservation == NULL ? "NULL" : "not NULL");
    }
    answer("where something is", pmem2_vm_reservation_new(&reservation, taken, 4 * PAGE));
    answer("where something is", pmem2_vm_reservation_new(&reservation, taken + 3 * PAGE, 4 * PAGE));
    answer("not at a page", pmem2_vm_reservation_new(&reservation, taken + 1, PAGE));
    answer("not at a page, odd", pmem2_vm_reservation_new(&reservation, taken + 1, PAGE + 1));
    munmap(taken, 4 * PAGE);
    reservation = NULL;
    answer("at an address", pmem2_vm_reservation_new(&reservation, room(32 * HUGE), 4 * HUGE));
    show_reservation(reservation);
    answer("vm_reservation_delete", pmem2_vm_reservation_delete(&reservation));
}

/* Maps into a reservation, by page numbers; 0 when that failed. */
static struct pmem2_map* map_into(struct pmem2_vm_reservation* reservation, struct pmem2_source* source,
                                  size_t offset, size_t length) {
    struct setting setting = {PMEM2_GRANULARITY_PAGE, 0, 0, 0, PMEM2_PROT_READ | PMEM2_PROT_WRITE};
    struct pmem2_config* config;
    struct pmem2_map* map = NULL;
    int result;
    setting.length = length;
    config = config_of(&setting);
    answer("  set_vm_reservation", pmem2_config_set_vm_reservation(config, reservation, offset));
    printf("  map %zu at %zu\n", length, offset);
    answer("  map_new", result = pmem2_map_new(&map, config, source));
    pmem2_config_delete(&config);
    return result == 0 ? map : NULL;
}

static void reservations_with_maps(int fd, size_t anonymous) {
    enum { kPages = 16 };
    struct pmem2_vm_reservation* reservation = NULL;
    struct pmem2_source* source = NULL;
    struct pmem2_map* there[kPages * 4] = {NULL};
    struct pmem2_map* found;
    unsigned i;
    char* base;
    if (fd >= 0)
        pmem2_source_from_fd(&source, fd);
    else
        pmem2_source_from_anon(&source, anonymous);
    answer("vm_reservation_new", pmem2_vm_reservation_new(&reservation, NULL, kPages * PAGE));
    base = pmem2_vm_reservation_get_address(reservation);
    there[0] = map_into(reservation, source, 0, 2 * PAGE);
    there[1] = map_into(reservation, source, 4 * PAGE, 2 * PAGE);
    there[2] = map_into(reservation, source, PAGE, PAGE);          /* taken */
    there[3] = map_into(reservation, source, 3 * PAGE, 2 * PAGE);  /* overlaps */
    there[4] = map_into(reservation, source, 100, PAGE);           /* unaligned */
    there[5] = map_into(reservation, source, 15 * PAGE, 2 * PAGE); /* past the end */
    there[6] = map_into(reservation, source, 16 * PAGE, PAGE);     /* at the end */
    there[7] = map_into(reservation, source, 100 * PAGE, PAGE);    /* far out */
    there[9] = map_into(reservation, source, 15 * PAGE, PAGE);
    there[10] = map_into(reservation, source, 8 * PAGE, 0); /* all of the source */
    there[11] = map_into(reservation, source, 2 * PAGE, PAGE);
    show_reservation(reservation);
    if (there[0] != NULL)
        use(there[0], fd, 0, 1);
    for (i = 0; i < 20; ++i) {
        const size_t offset = i * PAGE - (i % 3 == 2);
        const size_t length = i % 4 * PAGE + (i % 3 == 1);
        found = (struct pmem2_map*)&state;
        printf("find %zu %zu\n", offset, length);
        answer("map_find", pmem2_vm_reservation_map_find(reservation, offset, length, &found));
        if (found != NULL && found != (void*)&state)
            printf("at %zu\n", (size_t)((char*)pmem2_map_get_address(found) - base) / PAGE);
        else
            printf("%s\n", found == NULL ? "NULL" : "as before");
    }
    answer("delete with maps", pmem2_vm_reservation_delete(&reservation));
    printf("%s\n", reservation != NULL ? "kept" : "lost");
    answer("shrink unaligned offset", pmem2_vm_reservation_shrink(reservation, 1, PAGE));
    answer("shrink unaligned size", pmem2_vm_reservation_shrink(reservation, 0, PAGE + 1));
    answer("shrink nothing", pmem2_vm_reservation_shrink(reservation, 0, 0));
    answer("shrink nothing at the end", pmem2_vm_reservation_shrink(reservation, kPages * PAGE, 0));
    answer("shrink far out", pmem2_vm_reservation_shrink(reservation, 100 * PAGE, PAGE));
    answer("shrink past the end", pmem2_vm_reservation_shrink(reservation, 15 * PAGE, 2 * PAGE));
    answer("shrink the middle", pmem2_vm_reservation_shrink(reservation, 6 * PAGE, PAGE));
    answer("shrink all", pmem2_vm_reservation_shrink(reservation, 0, kPages * PAGE));
    answer("shrink what is mapped", pmem2_vm_reservation_shrink(reservation, 0, PAGE));
    answer("shrink what is mapped", pmem2_vm_reservation_shrink(reservation, 14 * PAGE, 2 * PAGE));
    answer("extend by nothing", pmem2_vm_reservation_extend(reservation, 0));
    answer("extend unaligned", pmem2_vm_reservation_extend(reservation, 1));
    show_reservation(reservation);
    for (i = 0; i < kPages; ++i)
        if (there[i] != NULL && i % 2 == 0)
            answer("map_delete", pmem2_map_delete(&there[i]));
    show_reservation(reservation);
    there[12] = map_into(reservation, source, 8 * PAGE, PAGE);
    for (i = 0; i < kPages; ++i)
        if (there[i] != NULL)
            answer("map_delete", pmem2_map_delete(&there[i]));
    show_reservation(reservation);
    answer("shrink the beginning", pmem2_vm_reservation_shrink(reservation, 0, 2 * PAGE));
    printf("%s\n",
           (char*)pmem2_vm_reservation_get_address(reservation) == base + 2 * PAGE ? "moved" : "not moved");
    answer("shrink the end", pmem2_vm_reservation_shrink(reservation, 12 * PAGE, 2 * PAGE));
    show_reservation(reservation);
    for (i = 0; i < 100; ++i) {
        const unsigned which = draw(kPages * 4);
        switch (draw(6)) {
            case 0:
            case 1:
            case 2:
                if (there[which] == NULL)
                    there[which] = map_into(reservation, source, draw(14) * PAGE, (1 + draw(3)) * PAGE);
                break;
            case 3:
                for (unsigned j = 0; j < kPages * 4; ++j)
                    if (there[(which + j) % (kPages * 4)] != NULL) {
                        answer("map_delete", pmem2_map_delete(&there[(which + j) % (kPages * 4)]));
                        break;
                    }
                break;
            case 4: {
                const size_t size = pmem2_vm_reservation_get_size(reservation) / PAGE;
                if (size > 6) {
                    const size_t pages = 1 + draw(3);
                    const size_t offset = draw(2) == 0 ? 0 : size - pages + draw(2);
                    printf("shrink %zu at %zu of %zu\n", pages, offset, size);
                    answer("shrink", pmem2_vm_reservation_shrink(reservation, offset * PAGE, pages * PAGE));
                }
                break;
            }
            default:
                break;
        }
        if (i % 5 == 0)
            show_reservation(reservation);
    }
    for (i = 0; i < kPages * 4; ++i)
        if (there[i] != NULL)
            answer("map_delete", pmem2_map_delete(&there[i]));
    answer("vm_reservation_delete", pmem2_vm_reservation_delete(&reservation));
    printf("%s\n", reservation == NULL ? "NULL" : "not NULL");
    pmem2_source_delete(&source);
}

/* Extending needs free addresses behind, up to something. */
static void extended_reservation(void) {
    char* const base = room(32 * HUGE);
    char* const limit = mmap(base + 30 * HUGE, HUGE, PROT_NONE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    struct pmem2_vm_reservation* reservation = NULL;
    struct pmem2_source* source = NULL;
    struct pmem2_map* map;
    pmem2_source_from_anon(&source, 64 * HUGE);
    answer("vm_reservation_new", pmem2_vm_reservation_new(&reservation, base, 8 * HUGE));
    map = map_into(reservation, source, 6 * HUGE, 2 * HUGE);
    answer("extend", pmem2_vm_reservation_extend(reservation, 4 * HUGE));
    show_reservation(reservation);
    if (map != NULL)
        ((char*)pmem2_map_get_address(map))[0] = 'x';
    answer("extend into something", pmem2_vm_reservation_extend(reservation, 19 * HUGE));
    show_reservation(reservation);
    answer("extend up to something", pmem2_vm_reservation_extend(reservation, 18 * HUGE));
    answer("extend by one page", pmem2_vm_reservation_extend(reservation, PAGE));
    show_reservation(reservation);
    if (map != NULL)
        answer("map_delete", pmem2_map_delete(&map));
    map = map_into(reservation, source, 7 * HUGE, 20 * HUGE);
    show_reservation(reservation);
    if (map != NULL)
        answer("map_delete", pmem2_map_delete(&map));
    answer("vm_reservation_delete", pmem2_vm_reservation_delete(&reservation));
    pmem2_source_delete(&source);
    munmap(limit, HUGE);
}

static void safe_reads_of(const char* what, int fd, size_t size) {
    static const long sizes[] = {0, 1, 100, 4096, 5000, 9000, -1, -4096};
    struct pmem2_source* source = NULL;
    char* const buffer = malloc(16384);
    unsigned i;
    memset(buffer, 'w', 16384);
    printf("safe reads of %s\n", what);
    pmem2_source_from_fd(&source, fd);
    for (i = 0; i < 8 * 8; ++i) {
        const size_t offset = (size_t)sizes[i / 8];
        const size_t length = (size_t)sizes[i % 8];
        if (offset > size)
            continue; /* where the peer does not look for the end */
        printf("%zu at %zu of %zu\n", length, offset, size);
        answer("pwrite_mcsafe", pmem2_source_pwrite_mcsafe(source, buffer, length, offset));
        memset(buffer, 0, 16384);
        answer("pread_mcsafe", pmem2_source_pread_mcsafe(source, buffer, length, offset));
        printf("%d %d\n", buffer[0], buffer[4999]);
        memset(buffer, 'a' + (int)i % 20, 16384);
    }
    answer("size", pmem2_source_size(source, &size));
    printf("%zu\n", size);
    pmem2_source_delete(&source);
    free(buffer);
}

static void devices_of(const char* what, int fd) {
    struct pmem2_source* source = NULL;
    struct pmem2_badblock_context* blocks = (struct pmem2_badblock_context*)&state;
    struct pmem2_badblock block = {7, 7};
    size_t length = 77;
    uint64_t count = 77;
    int node = -7;
    char id[256] = "before";
    int result;
    printf("device of %s\n", what);
    answer("source", pmem2_source_from_fd(&source, fd));
    answer("device_id", pmem2_source_device_id(source, NULL, &length));
    printf("%zu\n", length);
    length = sizeof id;
    answer("device_id", pmem2_source_device_id(source, id, &length));
    printf("%zu %s\n", length, id);
    length = 0;
    answer("device_id in 0 bytes", pmem2_source_device_id(source, id, &length));
    printf("%zu %s\n", length, id);
    if ((result = pmem2_source_device_usc(source, &count)) == 0) /* the peer sets it to 0 when it fails */
        printf("%lu\n", (unsigned long)count);
    answer("device_usc", result);
    answer("numa_node", pmem2_source_numa_node(source, &node));
    printf("%d\n", node);
    answer("badblock_context_new", result = pmem2_badblock_context_new(&blocks, source));
    if (result == 0) {
        struct pmem2_badblock wrong = {(size_t)INT64_MAX + 1, 512};
        answer("badblock_next", pmem2_badblock_next(blocks, &block));
        answer("badblock_next", pmem2_badblock_next(blocks, &block));
        answer("clear far out", pmem2_badblock_clear(blocks, &wrong));
        wrong.offset = 0;
        wrong.length = (size_t)INT64_MAX + 1;
        answer("clear too much", pmem2_badblock_clear(blocks, &wrong));
        pmem2_badblock_context_delete(&blocks);
    }
    printf("%s\n", blocks == NULL ? "NULL" : "something");
    pmem2_source_delete(&source);
}

int main(int argc, char** argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: pmem2_calls SEED DIRECTORY\n");
        return 2;
    }
    state = strtoull(argv[1], NULL, 10);
    directory = argv[2];
    unsetenv("PMEM2_FORCE_GRANULARITY");
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("message '%s'\n", pmem2_errormsg());
    sources();
    anonymous_sources();
    configs();
    maps();
    forced();
    existing();
    reservations();
    reservations_with_maps(new_file("reserved", 3 * PAGE, O_RDWR), 0);
    reservations_with_maps(-1, 3 * PAGE);
    extended_reservation();
    safe_reads_of("a file", new_file("safe", 8192, O_RDWR), 8192);
    safe_reads_of("an empty file", new_file("nothing", 0, O_RDWR), 0);
    safe_reads_of("a file for reading", new_file("unwritten", 8192, O_RDONLY), 8192);
    devices_of("a file", new_file("device", 8192, O_RDWR));
    devices_of("an empty file", new_file("device", 0, O_RDWR));
    devices_of("a memory file", memfd_create("memory", 0));
    return 0;
}
