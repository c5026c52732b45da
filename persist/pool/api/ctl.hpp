// Settings, statistics and commands by name: the table behind pmemobj_ctl_get, _set and _exec, PMEMOBJ_CONF
// and PMEMOBJ_CONF_FILE. To add an entry, add a line to the table in ctl_entries.cpp, and its functions in
// the file of what they set. Thread safety: functions of entries may be called from any thread.
#pragma once

#include <cstdint>

#include "include/libpmemobj/ctl.h"
#include "persist/pool/pool.hpp"

namespace terrace::persist {

struct CtlCall {
    Pool* pool;     // null only for an entry of scope kProcess
    int64_t index;  // what stands in the place of [id]
};

// `argument` points to the type that ctl.h documents for the entry. 0, or an errno with the message set.
using CtlFunction = int (*)(const CtlCall& call, void* argument);

// The argument of a `set` that was written as text.
union CtlValue {
    int as_int;
    unsigned as_unsigned;
    long long as_long;
    uint64_t as_bytes;
    pobj_alloc_class_desc as_class;
};
// False when the text is no such value.
using CtlParser = bool (*)(const char* text, CtlValue& value);

enum class CtlScope { kProcess, kPool };

struct CtlEntry {
    const char* name;  // parts between dots; [id] stands for any number
    CtlScope scope;
    CtlFunction get;  // null: not possible, and so on
    CtlFunction set;
    CtlFunction exec;
    CtlParser parse;       // null: cannot be set as text
    const char* accepted;  // what the text may be, for people
};

// The entry that a name belongs to, or null; `index` is the number in it.
const CtlEntry* find_ctl_entry(const char* name, int64_t& index);

// What the environment says about the process. Setters must not ask for it again.
void read_environment_once();

bool parse_boolean(const char* text, CtlValue& value);
bool parse_int(const char* text, CtlValue& value);
bool parse_unsigned(const char* text, CtlValue& value);
bool parse_long(const char* text, CtlValue& value);
bool parse_bytes(const char* text, CtlValue& value);
bool parse_class(const char* text, CtlValue& value);
bool parse_statistics(const char* text, CtlValue& value);
bool parse_assignment(const char* text, CtlValue& value);

// For names that programs may still use, and that have no effect; takes NULL as well.
int ctl_nothing(const CtlCall& call, void* argument);

// ctl_heap.cpp
int get_class(const CtlCall& call, void* argument);
int set_class(const CtlCall& call, void* argument);
int set_new_class(const CtlCall& call, void* argument);
int get_arena_size(const CtlCall& call, void* argument);
int get_arena_automatic(const CtlCall& call, void* argument);
int set_arena_automatic(const CtlCall& call, void* argument);
int create_arena(const CtlCall& call, void* argument);
int get_thread_arena(const CtlCall& call, void* argument);
int set_thread_arena(const CtlCall& call, void* argument);
int get_automatic_arenas(const CtlCall& call, void* argument);
int get_arenas(const CtlCall& call, void* argument);
int get_most_arenas(const CtlCall& call, void* argument);
int set_most_arenas(const CtlCall& call, void* argument);
int get_growth(const CtlCall& call, void* argument);
int set_growth(const CtlCall& call, void* argument);
int extend_heap(const CtlCall& call, void* argument);
int get_allocated_bytes(const CtlCall& call, void* argument);
int get_small_allocated_bytes(const CtlCall& call, void* argument);
int get_small_active_bytes(const CtlCall& call, void* argument);

// memory_limit.cpp
int get_working_copy_limit(const CtlCall& call, void* argument);
int set_working_copy_limit(const CtlCall& call, void* argument);

}  // namespace terrace::persist
