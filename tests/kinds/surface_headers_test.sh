#!/bin/bash
# surface_headers_test.sh INCLUDE COMPILER…: every public header of the memkind family compiles alone, in every standard that it
# promises, without a warning; and cpp_allocators_everywhere.cpp, which uses all C++ allocators, does.
# A COMPILER is a pair like gcc:g++.
set -eu
include=$1
shift
here=$(dirname "$(readlink -f "$0")")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=$scratch/failures
: >"$failures"
flags='-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fsyntax-only'

check() {  # check COMPILER LANGUAGE STANDARD FILE
    "$1" -x "$2" "-std=$3" $flags -I "$include" "$4" >"$scratch/log" 2>&1 ||
        { echo "$1 -std=$3 $(basename "$4"):"; head -20 "$scratch/log"; } >>"$failures"
    count=$((count + 1))
}

alone() {  # alone HEADER: a file that includes it twice and nothing else
    printf '#include <%s>\n#include <%s>\nextern int something;\n' "$1" "$1" >"$scratch/$1.in"
    echo "$scratch/$1.in"
}

c_headers='memkind.h memkind_deprecated.h hbwmalloc.h memkind_memtier.h memkind_persistent.h'
cpp98_headers='memkind.h memkind_deprecated.h hbwmalloc.h memkind_memtier.h hbw_allocator.h'
cpp11_headers='memkind_cxx.h memkind_allocator.h pmem_allocator.h fixed_allocator.h memkind_pmr.h'
count=0
compilers=0
for pair in "$@"; do
    cc=${pair%%:*} cxx=${pair##*:}
    if ! command -v "$cc" >/dev/null || ! command -v "$cxx" >/dev/null; then
        echo "$pair: not installed here, not asked"
        continue
    fi
    compilers=$((compilers + 1))
    for standard in c99 c11 c17; do
        for header in $c_headers; do check "$cc" c $standard "$(alone "$header")"; done
    done
    for standard in c++98 c++11 c++14 c++17 c++20 c++2b; do
        for header in $cpp98_headers; do check "$cxx" c++ $standard "$(alone "$header")"; done
    done
    for standard in c++11 c++2b; do
        for header in $cpp11_headers; do check "$cxx" c++ $standard "$(alone "$header")"; done
    done
    for standard in c++11 c++14 c++17 c++20 c++2b; do
        check "$cxx" c++ $standard "$here/cpp_allocators_everywhere.cpp"
    done
    check "$cxx" c++ c++17 "$(alone memkind_persistent.h)"
done
[ $compilers -gt 0 ] || { echo 'FAILED: no compiler was found' >&2; exit 1; }
if [ -s "$failures" ]; then
    cat "$failures" >&2
    exit 1
fi
echo "$count compilations by $compilers compilers"
