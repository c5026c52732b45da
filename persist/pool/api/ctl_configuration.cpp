// Settings from the environment: PMEMOBJ_CONF="name=value;name=value", then the file that PMEMOBJ_CONF_FILE
// names (the same text; # begins a comment, white space does not count). Read once for the process when the
// library is first used, where entries of single pools are passed over, and again for each pool that is
// opened, where everything that is wrong is an error. Thread safety: any thread.
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "persist/pool/api/ctl.hpp"
#include "persist/pool/ctl_settings.hpp"
#include "persist/pool/error_message.hpp"
#include "persist/pool/grow_buffer.hpp"

namespace terrace::persist {
namespace {

constexpr uint64_t kLargestFile = 1 << 20;

// The whole file or variable, comments and white space left out, NUL-terminated.
struct Text {
    GrowBuffer buffer;

    [[nodiscard]] bool add(const char* bytes, size_t count) {
        char* place = buffer.room(count + 1);
        if (place == nullptr)
            return false;
        memcpy(place, bytes, count);
        place[count] = 0;
        buffer.take(count);
        return true;
    }
};

// One "name=value". `pool` null: entries of pools are passed over.
int apply_one(Pool* pool, char* query, const char* source) {
    char* const equals = strchr(query, '=');
    if (equals == nullptr || equals == query || equals[1] == 0 || strchr(equals + 1, '=') != nullptr)
        return fail(EINVAL, "%s: '%s' is not of the form name=value", source, query);
    *equals = 0;
    const char* const value = equals + 1;
    int64_t index;
    const CtlEntry* const entry = find_ctl_entry(query, index);
    if (entry == nullptr)
        return fail(EINVAL, "%s: there is no entry named '%s'", source, query);
    if (entry->set == nullptr || entry->parse == nullptr)
        return fail(EINVAL, "%s: '%s' cannot be set", source, query);
    if (pool == nullptr && entry->scope == CtlScope::kPool)
        return 0;
    CtlValue parsed;
    memset(&parsed, 0, sizeof parsed);
    if (!entry->parse(value, parsed))
        return fail(EINVAL, "%s: %s: '%s' is not accepted; it takes %s", source, query, value,
                    entry->accepted);
    const int error = entry->set({pool, index}, &parsed);
    if (error != 0) {
        char why[512];
        strncpy(why, last_error_message(), sizeof why - 1);
        why[sizeof why - 1] = 0;
        return fail(error, "%s: '%s=%s': %s", source, query, value, why);
    }
    return 0;
}

int apply_all(Pool* pool, char* text, const char* source) {
    char* rest = nullptr;
    for (char* query = strtok_r(text, ";", &rest); query != nullptr; query = strtok_r(nullptr, ";", &rest)) {
        const int error = apply_one(pool, query, source);
        if (error != 0 && pool != nullptr)
            return error;
    }
    return 0;
}

int apply_variable(Pool* pool) {
    const char* const variable = secure_getenv("PMEMOBJ_CONF");
    if (variable == nullptr)
        return 0;
    Text text;
    int error = text.add(variable, strlen(variable)) ? 0 : fail(ENOMEM, "PMEMOBJ_CONF: out of memory");
    if (error == 0)
        error = apply_all(pool, text.buffer.data(), "PMEMOBJ_CONF");
    text.buffer.release();
    return error;
}

// Leaves comments and white space out, in place; the text becomes shorter.
void strip(char* text) {
    char* to = text;
    bool in_comment = false;
    for (const char* from = text; *from != 0; ++from) {
        if (*from == '#')
            in_comment = true;
        else if (*from == '\n')
            in_comment = false;
        else if (!in_comment && !isspace(static_cast<unsigned char>(*from)))
            *to++ = *from;
    }
    *to = 0;
}

int read_file(const char* path, Text& text) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return fail(errno, "PMEMOBJ_CONF_FILE: %s: %s", path, strerror(errno));
    int error = text.add("", 0) ? 0 : ENOMEM;
    char part[4096];
    for (ssize_t got = 1; error == 0 && got > 0;) {
        got = read(file, part, sizeof part);
        if (got < 0)
            error = errno;
        else if (text.buffer.size() + static_cast<size_t>(got) > kLargestFile)
            error = EFBIG;
        else if (!text.add(part, static_cast<size_t>(got)))
            error = ENOMEM;
    }
    close(file);
    return error == 0 ? 0 : fail(error, "PMEMOBJ_CONF_FILE: %s: %s", path, strerror(error));
}

int apply_file(Pool* pool) {
    const char* const path = secure_getenv("PMEMOBJ_CONF_FILE");
    if (path == nullptr || path[0] == 0)
        return 0;
    Text text;
    int error = read_file(path, text);
    if (error == 0) {
        strip(text.buffer.data());
        error = apply_all(pool, text.buffer.data(), path);
    }
    text.buffer.release();
    return error;
}

void read_environment() {
    const int saved_errno = errno;
    (void)apply_variable(nullptr);
    (void)apply_file(nullptr);
    errno = saved_errno;
}

pthread_once_t g_once = PTHREAD_ONCE_INIT;

}  // namespace

void read_environment_once() {
    pthread_once(&g_once, read_environment);
}

int configure_pool(Pool& pool) {
    if (int error = apply_variable(&pool))
        return error;
    return apply_file(&pool);
}

}  // namespace terrace::persist
