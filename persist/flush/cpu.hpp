// The instruction sets that there are files for, and what each contributes to the table of flush.hpp.
// A new architecture is a new file that implements `methods_of_this_cpu`, chosen in CMakeLists.txt.
// portable.cpp works everywhere, and is what is left when nothing better is known.
#pragma once

#include "persist/flush/flush.hpp"

namespace terrace::persist {

// What the environment rules out (PMEM_NO_CLWB=1 and so on).
struct ForbiddenInstructions {
    bool clwb = false;
    bool clflushopt = false;
    bool streaming = false;
    bool avx = false;
    bool avx512 = false;
};

// Fills in name, write_back, stream_lines, stream_fill and fence with the best that this CPU has.
void methods_of_this_cpu(const ForbiddenInstructions& forbidden, FlushMethods* methods);

// msync(2) per write-back, nothing streamed: right on every machine and every file, and slow.
void portable_methods(FlushMethods* methods);

// x86-64's vector widths, one file each.
void stream_lines_sse2(void* to, const void* from, std::size_t lines);
void stream_fill_sse2(void* to, unsigned char value, std::size_t lines);
void stream_lines_avx(void* to, const void* from, std::size_t lines);
void stream_fill_avx(void* to, unsigned char value, std::size_t lines);
void stream_lines_avx512(void* to, const void* from, std::size_t lines);
void stream_fill_avx512(void* to, unsigned char value, std::size_t lines);

}  // namespace terrace::persist
