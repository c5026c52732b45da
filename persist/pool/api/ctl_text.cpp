// See ctl.hpp. Values written as text, as PMEMOBJ_CONF has them.
// Booleans are decided by their first letter, as in PMDK; of a number nothing may be left over.
// Thread safety: pure functions.
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "persist/pool/api/ctl.hpp"

namespace terrace::persist {
namespace {

// False unless the number ends where `end` is, and lies in [smallest, largest].
bool parse_number(const char* text, const char* end, long long smallest, long long largest,
                  long long& number) {
    char* stop = nullptr;
    errno = 0;
    number = strtoll(text, &stop, 0);
    if (errno != 0 || stop == text)
        return false;
    while (isspace(static_cast<unsigned char>(*stop)))
        ++stop;
    return stop == end && number >= smallest && number <= largest;
}

bool parse_whole(const char* text, long long smallest, long long largest, long long& number) {
    return parse_number(text, text + strlen(text), smallest, largest, number);
}

struct Word {
    const char* word;
    int value;
};

template <size_t kCount>
bool parse_word(const char* text, const Word (&words)[kCount], int& value) {
    for (const Word& word : words) {
        if (strcmp(text, word.word) == 0) {
            value = word.value;
            return true;
        }
    }
    return false;
}

}  // namespace

bool parse_boolean(const char* text, CtlValue& value) {
    const char first = static_cast<char>(tolower(static_cast<unsigned char>(text[0])));
    value.as_int = first == 'y' || first == '1' ? 1 : 0;
    return value.as_int == 1 || first == 'n' || first == '0';
}

bool parse_int(const char* text, CtlValue& value) {
    long long number;
    if (!parse_whole(text, INT_MIN, INT_MAX, number))
        return false;
    value.as_int = static_cast<int>(number);
    return true;
}

bool parse_unsigned(const char* text, CtlValue& value) {
    long long number;
    if (!parse_whole(text, 0, UINT_MAX, number))
        return false;
    value.as_unsigned = static_cast<unsigned>(number);
    return true;
}

bool parse_long(const char* text, CtlValue& value) {
    return parse_whole(text, LLONG_MIN, LLONG_MAX, value.as_long);
}

bool parse_bytes(const char* text, CtlValue& value) {
    long long number;
    if (!parse_whole(text, 0, LLONG_MAX, number))
        return false;
    value.as_bytes = static_cast<uint64_t>(number);
    return true;
}

bool parse_statistics(const char* text, CtlValue& value) {
    constexpr Word kWords[] = {{"transient", POBJ_STATS_ENABLED_TRANSIENT},
                               {"both", POBJ_STATS_ENABLED_BOTH},
                               {"persistent", POBJ_STATS_ENABLED_PERSISTENT},
                               {"disabled", POBJ_STATS_DISABLED}};
    if (parse_word(text, kWords, value.as_int))
        return true;
    if (!parse_boolean(text, value))
        return false;
    value.as_int = value.as_int != 0 ? POBJ_STATS_ENABLED_BOTH : POBJ_STATS_DISABLED;
    return true;
}

bool parse_assignment(const char* text, CtlValue& value) {
    constexpr Word kWords[] = {{"thread", POBJ_ARENAS_ASSIGNMENT_THREAD_KEY},
                               {"global", POBJ_ARENAS_ASSIGNMENT_GLOBAL}};
    return parse_word(text, kWords, value.as_int);
}

// unit_size,alignment,units_per_block,header
bool parse_class(const char* text, CtlValue& value) {
    constexpr Word kHeaders[] = {
        {"legacy", POBJ_HEADER_LEGACY}, {"compact", POBJ_HEADER_COMPACT}, {"none", POBJ_HEADER_NONE}};
    long long numbers[3];
    for (long long& number : numbers) {
        const char* comma = strchr(text, ',');
        if (comma == nullptr || !parse_number(text, comma, 0, LLONG_MAX, number))
            return false;
        text = comma + 1;
    }
    int header;
    if (numbers[2] > UINT_MAX || !parse_word(text, kHeaders, header))
        return false;
    value.as_class = {static_cast<size_t>(numbers[0]), static_cast<size_t>(numbers[1]),
                      static_cast<unsigned>(numbers[2]), static_cast<pobj_header_type>(header), 0};
    return true;
}

}  // namespace terrace::persist
