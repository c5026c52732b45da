// The instruction sets that there are files for, and what each contributes to the table of flush.hpp.
// An instruction set is a file with one of the two structures below, and a line in its architecture's file, which lists
// them, the best first. An architecture is a file that implements `methods_of_this_cpu`, chosen in CMakeLists.txt.
// portable.cpp works everywhere, and is what is left when nothing better is known.
#pragma once

#include "persist/flush/flush.hpp"

namespace terrace::persist {

// A way to write cache lines back.
struct WriteBackSet {
    const char* name;
    const char* forbidden_by;  // an environment variable: =1 rules the set out. nullptr: nothing does
    bool (*is_available)();
    void (*write_back)(const void* address, std::size_t size);
};

// A way to stream whole lines.
struct StreamSet {
    const char* name;
    const char* allowed_by;  // an environment variable: =0 rules the set out. nullptr: nothing does
    bool (*is_available)();
    void (*lines)(void* to, const void* from, std::size_t lines);
    void (*lines_down)(void* to, const void* from, std::size_t lines);  // the last line first
    void (*fill)(void* to, unsigned char value, std::size_t lines);
};

// Does the environment have this variable with this value?
[[nodiscard]] bool is_set_to(const char* variable, const char* value);

[[nodiscard]] inline bool may_be_used(const WriteBackSet& set) {
    return (set.forbidden_by == nullptr || !is_set_to(set.forbidden_by, "1")) && set.is_available();
}
[[nodiscard]] inline bool may_be_used(const StreamSet& set) {
    return (set.allowed_by == nullptr || !is_set_to(set.allowed_by, "0")) && set.is_available();
}

// Puts the first way that may be used in place. REQUIRES: one of them may.
template <std::size_t count>
void use_first_of(const WriteBackSet (&sets)[count], FlushMethods* methods) {
    const WriteBackSet* set = sets;
    while (!may_be_used(*set))
        ++set;
    methods->name = set->name;
    methods->write_back = set->write_back;
}

// Fills in name, fence, write_back, and where there is a way to stream that and from how many bytes on, with the best
// that this CPU has and the environment allows.
void methods_of_this_cpu(FlushMethods* methods);

// msync(2) per write-back, nothing streamed: right on every machine and every file, and slow.
void portable_methods(FlushMethods* methods);

// RISC-V's way to write back, where it may be used.
extern const WriteBackSet kZicbomWriteBack;

// x86-64's ways to stream.
extern const StreamSet kMovdir64bStreams;
extern const StreamSet kAvx512Streams;
extern const StreamSet kAvxStreams;
extern const StreamSet kSse2Streams;

}  // namespace terrace::persist
