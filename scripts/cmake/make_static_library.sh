#!/bin/sh
# Makes a static library that shows the world exactly what its shared twin shows.
#
#   make_static_library.sh OUTPUT.a SHARED.so PART.a…      with LD, OBJCOPY, AR and NM from the environment if set
#
# The parts become one relocatable object, so that their references to each other are settled, and every name that the
# shared library does not export becomes local. Section groups are dissolved: two Terrace archives in one program would
# otherwise share inline functions that have become local to one of them.
set -eu
output=$1 shared=$2
shift 2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"${LD:-ld}" -r --force-group-allocation -o "$scratch/whole.o" --whole-archive "$@"
"${NM:-nm}" -D --defined-only --format=posix "$shared" | sed -e 's/ .*//' -e 's/@.*//' | sort -u >"$scratch/public"
name=$(basename "$output" .a)
"${OBJCOPY:-objcopy}" --keep-global-symbols="$scratch/public" "$scratch/whole.o" "$scratch/$name.o"
rm -f "$output"
"${AR:-ar}" qcs "$output" "$scratch/$name.o"
