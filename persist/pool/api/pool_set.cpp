// See pool_set.hpp.
#include "persist/pool/api/pool_set.hpp"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "persist/pool/error_message.hpp"
#include "persist/pool/grow_buffer.hpp"

namespace terrace::persist {
namespace {

constexpr const char* kSignature = "PMEMPOOLSET";
constexpr size_t kLargestFile = 64 << 10;

// "100", "100M", "100MiB": powers of 1024, as PMDK has them; "MB" too. False when it is no size.
bool parse_size(const char* text, uint64_t& bytes) {
    char* end = nullptr;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || end == text || !isdigit(static_cast<unsigned char>(*text)))
        return false;
    constexpr const char* kUnits = "BKMGTP";
    unsigned power = 0;
    if (*end != 0) {
        const char* const unit = strchr(kUnits, toupper(static_cast<unsigned char>(*end)));
        if (unit == nullptr)
            return false;
        power = static_cast<unsigned>(unit - kUnits);
        ++end;
        if (power > 0 && strcmp(end, "iB") != 0 && strcmp(end, "B") != 0 && *end != 0)
            return false;
        if (power == 0 && *end != 0)
            return false;
    }
    bytes = number << (10 * power);
    return bytes >> (10 * power) == number && bytes > 0;
}

struct Parser {
    const char* path;
    PoolSet& set;
    bool has_part = false;

    int refuse(int line, int error, const char* what, const char* token) const {
        return fail(error, "%s:%d: '%s': %s", path, line, token, what);
    }

    int parse_part(int line, const char* size, const char* part) {
        if (part == nullptr)
            return refuse(line, EINVAL, "a size and a path are expected", size);
        if (strcmp(size, "AUTO") == 0)
            return refuse(line, ENOTSUP, "a device as a part of a poolset is not supported yet", part);
        uint64_t bytes;
        if (!parse_size(size, bytes))
            return refuse(line, EINVAL, "is no size; 100M and 16G are", size);
        if (part[0] != '/')
            return refuse(line, EINVAL, "the path must be absolute", part);
        if (strlen(part) >= sizeof set.part)
            return refuse(line, ENAMETOOLONG, "the path is too long", part);
        struct stat status;
        if (stat(part, &status) == 0 && S_ISDIR(status.st_mode))
            return refuse(line, ENOTSUP, "a directory as a part of a poolset is not supported yet", part);
        if (has_part)
            return refuse(line, ENOTSUP, "a poolset of several parts is not supported yet", part);
        has_part = true;
        set.bytes = bytes;
        strcpy(set.part, part);
        return 0;
    }

    int parse_line(int line, char* text) {
        if (char* const comment = strchr(text, '#'))
            *comment = 0;
        char* rest = nullptr;
        const char* const first = strtok_r(text, " \t\r", &rest);
        if (first == nullptr)
            return 0;
        const char* const second = strtok_r(nullptr, " \t\r", &rest);
        if (strcmp(first, "REPLICA") == 0)
            return refuse(line, ENOTSUP, "a poolset with replicas is not supported yet", first);
        if (const char* const third = strtok_r(nullptr, " \t\r", &rest))
            return refuse(line, EINVAL, "is not expected here", third);
        if (strcmp(first, "OPTION") == 0) {
            if (second == nullptr || (strcmp(second, "SINGLEHDR") != 0 && strcmp(second, "NOHDRS") != 0))
                return refuse(line, EINVAL, "the options are SINGLEHDR and NOHDRS",
                              second == nullptr ? first : second);
            return 0;
        }
        return parse_part(line, first, second);
    }
};

int read_text(const char* path, char* text) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return errno;
    size_t used = 0;
    int error = 0;
    for (ssize_t got = 1; got > 0 && error == 0; used += static_cast<size_t>(got)) {
        got = read(file, text + used, kLargestFile - used);
        if (got < 0) {
            error = errno;
            got = 0;
        } else if (used + static_cast<size_t>(got) == kLargestFile) {
            error = EFBIG;
        }
    }
    close(file);
    text[used] = 0;
    return error;
}

int parse_text(const char* path, char* text, PoolSet& set) {
    Parser parser{path, set};
    int line = 0;
    char* rest = text;
    while (rest != nullptr) {
        char* const begin = rest;
        rest = strchr(rest, '\n');
        if (rest != nullptr)
            *rest++ = 0;
        ++line;
        if (line == 1) {
            if (const size_t length = strlen(begin); length > 0 && begin[length - 1] == '\r')
                begin[length - 1] = 0;  // written on another system; parse_line takes it for white space
            if (strcmp(begin, kSignature) != 0)
                return parser.refuse(line, EINVAL, "the first line must be PMEMPOOLSET", begin);
            continue;
        }
        if (int error = parser.parse_line(line, begin))
            return error;
    }
    if (!parser.has_part)
        return fail(EINVAL, "%s: names no part: a line like '16G /path' is missing", path);
    return 0;
}

}  // namespace

bool is_pool_set(const char* path) {
    const int saved_errno = errno;
    char head[16] = {};
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = -1;
    if (file >= 0) {
        got = pread(file, head, strlen(kSignature), 0);
        close(file);
    }
    errno = saved_errno;
    return got == static_cast<ssize_t>(strlen(kSignature)) && strcmp(head, kSignature) == 0;
}

int read_pool_set(const char* path, PoolSet& set) {
    GrowBuffer text;  // 64 KiB would be much for the stack of a small thread
    int error = text.room(kLargestFile + 1) == nullptr ? ENOMEM : read_text(path, text.data());
    error = error == 0 ? parse_text(path, text.data(), set) : fail(error, "%s: %s", path, strerror(error));
    text.release();
    return error;
}

}  // namespace terrace::persist
