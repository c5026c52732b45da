#!/bin/bash
# pmem2_names_test.sh LIBPMEM2 SOURCES INCLUDE: the names and numbers of libpmem2.so.1 and libpmem2.h are PMDK's, in both versions, and
# a program that was linked with PMDK 2.x, which asks for LIBPMEM2_2.0, runs.
set -eu
ours=$1 sources=$2 include=$3
. "$(dirname "$(readlink -f "$0")")/pmem2_peer.sh"
fail() { echo "FAILED: $*"; exit 1; }
names() { nm -D --defined-only "$1" | awk '$2 == "T" {print $3}' | sed -n "s/@@*$2\$//p" | sort; }
cc=${CC:-cc}

names "$ours" LIBPMEM2_1.0 >"$scratch/first"
names "$ours" LIBPMEM2_2.0 >"$scratch/second"
[ "$(wc -l <"$scratch/first")" -eq 50 ] || fail "$(wc -l <"$scratch/first") names in LIBPMEM2_1.0, not 50"
diff "$scratch/first" "$scratch/second" || fail 'the two versions have different names'
nm -D --defined-only "$ours" | grep -q ' pmem2_map_new@@LIBPMEM2_1.0$' || fail 'LIBPMEM2_1.0 is not what programs get that are linked now'
# Every function that the header declares is there.
printf '#include <libpmem2.h>\n' | $cc -E -P -I "$include" - | tr '\n' ' ' | grep -oE 'pmem2_[a-z0-9_]+ ?\(' | tr -d ' (' | sort -u >"$scratch/declared"
diff "$scratch/declared" "$scratch/first" || fail 'the header and the library differ'

# A library that has the names as PMDK 2.x has them, to be linked with; at run time ours is in its place.
mkdir "$scratch/stub"
while read -r name; do echo "void $name(void) {}"; done <"$scratch/second" >"$scratch/stub.c"
{ echo 'LIBPMEM2_2.0 { global:'; sed 's/$/;/' "$scratch/second"; echo 'local: *; };'; } >"$scratch/stub.map"
$cc -shared -fPIC -Wl,-soname,libpmem2.so.1 -Wl,--version-script="$scratch/stub.map" "$scratch/stub.c" -o "$scratch/stub/libpmem2.so"
$cc -std=gnu99 -I "$include" -I "$sources/../.." "$sources/pmem2_c.c" -L "$scratch/stub" -lpmem2 -o "$scratch/program"
nm -D "$scratch/program" | grep -q 'pmem2_map_new@LIBPMEM2_2.0' || fail 'the program does not ask for LIBPMEM2_2.0'
LD_LIBRARY_PATH=$(dirname "$ours") "$scratch/program" "$scratch/file" || fail "a program linked with PMDK 2.x: exit status $?"

[ -n "$peer" ] || skip 'all but the comparison with PMDK: libpmem2-1 is not installed'
# The four asynchronous functions are gone in 2.0; pmem2_err_to_errno is declared by PMDK and missing in its library.
names "$peer" LIBPMEM2_1.0 | grep -v -E '_async$|^pmem2_config_set_vdm$' >"$scratch/peer"
grep -v '^pmem2_err_to_errno$' "$scratch/first" | diff "$scratch/peer" - || fail "'<' is PMDK's name, '>' is ours"

header=/usr/include/libpmem2.h
[ -e "$header" ] || skip 'all but the comparison of headers: libpmem2-dev is not installed'
mkdir -p "$scratch/theirs"
cp -r "$header" /usr/include/libpmem2 "$scratch/theirs"
for which in "$include" "$scratch/theirs"; do
    $cc -std=gnu11 -I "$which" "$sources/differential/pmem2_constants.c" -o "$scratch/constants"
    "$scratch/constants" >"$scratch/numbers.$(basename "$which")"
    # Programs of either header link with this library: the whole list of calls, and the example of a user.
    $cc -std=gnu11 -D_GNU_SOURCE -I "$which" -c "$sources/differential/pmem2_calls.c" -o "$scratch/calls.o" || fail "$which: the calls"
    $cc -std=gnu99 -I "$which" -I "$sources/../.." "$sources/pmem2_c.c" -L "$(dirname "$ours")" -lpmem2 -o "$scratch/program"
    LD_LIBRARY_PATH=$(dirname "$ours") "$scratch/program" "$scratch/file" || fail "a program built with $which: exit status $?"
done
diff "$scratch/numbers.theirs" "$scratch/numbers.$(basename "$include")" || fail "'<' is PMDK's number, '>' is ours"
# And a program linked with PMDK's library runs with this one.
$cc -std=gnu99 -I "$scratch/theirs" -I "$sources/../.." "$sources/pmem2_c.c" "$peer" -o "$scratch/program"
LD_LIBRARY_PATH=$(dirname "$ours") "$scratch/program" "$scratch/file" || fail "a program linked with $peer: exit status $?"
echo "$(wc -l <"$scratch/first") names in two versions, $(wc -l <"$scratch/numbers.theirs") numbers: PMDK's"
