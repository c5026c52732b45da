#!/bin/sh
# Makes one object file of a jemalloc archive in which nothing but our prefixed entry points is global.
#
#   make_private.sh ARCHIVE OUTPUT.o      with AR, LD and OBJCOPY from the environment if set
#
# 1. leave out the C++ operators: they would replace the program's new and delete;
# 2. link the rest into one relocatable object, so that the members' references to each other are settled;
# 3. give the public names our prefix (names.txt; a source build has it already) and turn three libc calls towards us
#    (seam.txt): those with which jemalloc looks for its options, and the one with which it learns that a thread ends;
# 4. make everything else local (keep.txt).
set -eu
archive=$1 output=$2
here=$(dirname "$(readlink -f "$0")")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cp "$archive" "$scratch/jemalloc.a"
member=$("${AR:-ar}" t "$scratch/jemalloc.a" | grep '^jemalloc_cpp' || true)
[ -z "$member" ] || "${AR:-ar}" d "$scratch/jemalloc.a" "$member"
"${LD:-ld}" -r -o "$scratch/whole.o" --whole-archive "$scratch/jemalloc.a"
"${OBJCOPY:-objcopy}" --redefine-syms="$here/names.txt" --redefine-syms="$here/seam.txt" "$scratch/whole.o" "$scratch/named.o"
"${OBJCOPY:-objcopy}" --keep-global-symbols="$here/keep.txt" "$scratch/named.o" "$output"
