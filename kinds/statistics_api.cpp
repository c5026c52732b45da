// memkind.h, "Statistics and behaviour".
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "include/memkind.h"
#include "kinds/places.hpp"
#include "kinds/registry.hpp"
#include "kinds/statistics.hpp"
#include "src/jemalloc/jemalloc.hpp"
#include "src/log.hpp"
#include "src/own_memory.hpp"

using namespace terrace;
using namespace terrace::kinds;

namespace {

constexpr unsigned kEveryOption = 2 * MEMKIND_STAT_PRINT_OMIT_EXTENT - 1;

// jemalloc's letters for memkind's options, by bit (malloc_stats_print in jemalloc(3)).
constexpr char kOptionLetters[] = "Jgmdablxe";

using WriteCallback = void (*)(void*, const char*);

void write_to_stderr(void*, const char* piece) {
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, piece, strlen(piece));
}

// Text that grows, in memory of the kernel's.
struct Text {
    char* start;
    std::size_t length;
    std::size_t room;
    bool is_cut;  // there was no memory for all of it

    void put(const char* piece) {
        const std::size_t size = strlen(piece);
        if (length + size >= room && !is_cut) {
            const std::size_t wanted = (length + size + 1) * 2 + (std::size_t{64} << 10);
            void* const larger = map_own_memory(wanted);
            if (larger == nullptr) {
                is_cut = true;
                return;
            }
            if (start != nullptr)
                memcpy(larger, start, length);
            release();
            start = static_cast<char*>(larger);
            room = wanted;
        }
        if (is_cut)
            return;
        memcpy(start + length, piece, size + 1);
        length += size;
    }
    void release() {
        if (start != nullptr)
            munmap(start, room);
    }
};

void put_text(void* text, const char* piece) {
    static_cast<Text*>(text)->put(piece);
}

// What jemalloc prints. It gives up the process when an arena goes meanwhile; the program's function cannot
// be called with a lock held, so it gets the text afterwards.
Text jemallocs_statistics(const char* options) {
    Text text = {};
    LockGuard guard(arenas_lock());
    jemalloc::terrace_je_malloc_stats_print(put_text, &text, options);
    return text;
}

__attribute__((format(printf, 3, 4))) void print(WriteCallback write, void* opaque, const char* format, ...) {
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    write(opaque, line);
}

bool is_in_use(const memkind* kind) {
    return state_of(kind) == KindState::kReady &&
           (kind->foreign_heap != nullptr || __atomic_load_n(&kind->peak, __ATOMIC_RELAXED) != 0);
}

struct Row {
    const char* name;
    Statistics statistics;
    std::size_t taken;
    std::size_t peak;
};

// False when there is no such kind, or nobody uses it.
bool row_of(unsigned slot, Row* row) {
    LockGuard guard(registry_mutex());
    memkind* const kind = kind_in_slot(slot);
    if (kind == nullptr || !is_in_use(kind))
        return false;
    const Holdings held = holdings_of(kind);
    *row = {kind->name, statistics_of(kind), held.taken, held.peak};
    return true;
}

// The registry is locked for one row at a time: the program's function may do anything.
void print_kinds(WriteCallback write, void* opaque, bool json) {
    write(opaque, json ? ",\n\t\"terrace\": {\n\t\t\"kinds\": [" : "___ Begin Terrace kinds ___\n");
    if (!json)
        print(write, opaque, "%-44s %16s %16s %16s %16s %16s\n", "kind", "allocated", "active", "resident",
              "taken", "peak");
    const char* separator = "\n";
    for (unsigned slot = 0; slot < kMaxKinds; ++slot) {
        Row row;
        if (!row_of(slot, &row))
            continue;
        const Statistics& its = row.statistics;
        if (json)
            print(write, opaque,
                  "%s\t\t\t{\"name\": \"%s\", \"slot\": %u, \"allocated\": %zu, \"active\": %zu, "
                  "\"resident\": %zu, "
                  "\"taken\": %zu, \"peak\": %zu}",
                  separator, row.name, slot, its.allocated, its.active, its.resident, row.taken, row.peak);
        else
            print(write, opaque, "%-44s %16zu %16zu %16zu %16zu %16zu\n", row.name, its.allocated, its.active,
                  its.resident, row.taken, row.peak);
        separator = ",\n";
    }
    write(opaque, json ? "\n\t\t]\n\t}\n}\n" : "--- End Terrace kinds ---\n");
}

// MEMKIND_BACKGROUND_THREAD_LIMIT: how many threads there may be. 0 or a MEMKIND_ERROR_* number.
int limit_background_threads() {
    const char* const text = secure_getenv("MEMKIND_BACKGROUND_THREAD_LIMIT");
    if (text == nullptr)
        return MEMKIND_SUCCESS;
    char* end = nullptr;
    errno = 0;
    const unsigned long long limit = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || limit == 0) {
        log_error("MEMKIND_BACKGROUND_THREAD_LIMIT: '%s' is not a number from 1 on", text);
        return MEMKIND_ERROR_ENVIRON;
    }
    if (const int error = jemalloc::write_value("max_background_threads", static_cast<std::size_t>(limit));
        error != 0) {
        log_error("MEMKIND_BACKGROUND_THREAD_LIMIT: jemalloc refuses %llu threads (%s)", limit,
                  strerror(error));
        return MEMKIND_ERROR_ENVIRON;
    }
    return MEMKIND_SUCCESS;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

int memkind_update_cached_stats(void) {
    initialise();
    return jemalloc::write_value("epoch", std::uint64_t{1}) == 0 ? MEMKIND_SUCCESS
                                                                 : MEMKIND_ERROR_OPERATION_FAILED;
}

int memkind_get_stat(memkind_t kind, memkind_stat_type stat, size_t* value) {
    if (value == nullptr || static_cast<unsigned>(stat) >= MEMKIND_STAT_TYPE_MAX_VALUE)
        return MEMKIND_ERROR_INVALID;
    Statistics sum;
    const auto add = [&sum](memkind* part) {
        const Statistics its = statistics_of(part);
        sum.allocated += its.allocated;
        sum.active += its.active;
        sum.resident += its.resident;
    };
    if (kind == nullptr) {
        LockGuard guard(registry_mutex());
        for_each_kind([&](memkind* each) {
            if (state_of(each) == KindState::kReady)
                add(each);
        });
    } else if (state_of(kind) != KindState::kNotPrepared)
        for_each_part(kind, add);
    *value = stat == MEMKIND_STAT_TYPE_RESIDENT ? sum.resident
             : stat == MEMKIND_STAT_TYPE_ACTIVE ? sum.active
                                                : sum.allocated;
    return MEMKIND_SUCCESS;
}

int memkind_stats_print(void (*write_cb)(void*, const char*), void* cbopaque, memkind_stat_print_opt opts) {
    const auto bits = static_cast<unsigned>(opts);
    if ((bits & ~kEveryOption) != 0)
        return MEMKIND_ERROR_INVALID;
    char letters[sizeof kOptionLetters] = {};
    unsigned count = 0;
    for (unsigned bit = 0; kOptionLetters[bit] != '\0'; ++bit)
        if ((bits >> bit & 1) != 0)
            letters[count++] = kOptionLetters[bit];
    if (write_cb == nullptr)
        write_cb = write_to_stderr;
    initialise();
    const bool json = (bits & MEMKIND_STAT_PRINT_JSON_FORMAT) != 0;
    Text text = jemallocs_statistics(letters);
    const bool is_cut = text.is_cut;
    if (!is_cut && text.start != nullptr) {
        // Ours goes before the brace that closes jemalloc's.
        if (char* const closing = strrchr(text.start, '}'); json && closing != nullptr)
            *closing = '\0';
        write_cb(cbopaque, text.start);
    }
    text.release();
    if (is_cut)
        return MEMKIND_ERROR_MALLOC;
    print_kinds(write_cb, cbopaque, json);
    return MEMKIND_SUCCESS;
}

int memkind_set_bg_threads(bool state) {
    initialise();
    if (state)
        if (const int error = limit_background_threads(); error != MEMKIND_SUCCESS)
            return error;
    return jemalloc::write_value("background_thread", state) == 0 ? MEMKIND_SUCCESS
                                                                  : MEMKIND_ERROR_OPERATION_FAILED;
}

}  // extern "C"
#pragma GCC visibility pop
