#!/bin/bash
# libpmemobj_names_test.sh LIBPMEMOBJ SOURCES INCLUDE: the names of libpmemobj.so.1, and the macros, numbers and sizes of libpmemobj.h, are
# PMDK's. Exit status 77, and why, for the part that needs Debian's packages where they are not installed.
set -eu
ours=$1 sources=$2 include=$3
cc=${CC:-cc}
scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/terrace-pmemobj-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
skip() { echo "left out: $*"; exit 77; }
names() { nm -D --defined-only "$1" | sed -n 's/^[0-9a-f]* \(.\) \([A-Za-z_0-9]*\)@@*LIBPMEMOBJ_1.0$/\1 \2/p' | sort; }

names "$ours" >"$scratch/ours"
functions=$(grep -c '^T' "$scratch/ours")
[ "$functions" -eq 110 ] || fail "$functions functions in LIBPMEMOBJ_1.0, not 107 and the 3 of PMDK 2.1"

# Every function that the headers declare is there, but for what goes beyond PMDK.
printf '#include <libpmemobj.h>\n' | $cc -DPMEMOBJ_DIRECT_NON_INLINE -E -P -I "$include" - | tr '\n' ' ' |
    grep -oE '\bpmemobj_[a-z0-9_]+ ?\(' | tr -d ' (' | sort -u >"$scratch/declared"
sed -n 's/^T //p' "$scratch/ours" | grep '^pmemobj_' | sort >"$scratch/functions"
missing=$(comm -23 "$scratch/functions" "$scratch/declared")
[ -z "$missing" ] || fail "not declared: $missing"
while read -r name; do
    nm -D --defined-only "$ours" | grep -q " $name@" || fail "declared and not there: $name"
done < <(grep -v -e '_inline$' -e '^pmemobj_log_function$' "$scratch/declared")

peer=
for candidate in /usr/lib/*/libpmemobj.so.1 /usr/lib64/libpmemobj.so.1; do
    [ -e "$candidate" ] && ! nm -D "$candidate" | grep -q TERRACE && peer=$candidate && break
done
[ -n "$peer" ] || skip 'the comparison with PMDK: libpmemobj1 is not installed'
names "$peer" >"$scratch/peer"
grep -v ' pmemobj_log_' "$scratch/ours" | diff "$scratch/peer" - || fail "'<' is PMDK's name, '>' is ours"

[ -e /usr/include/libpmemobj.h ] || skip 'the comparison of headers: libpmemobj-dev is not installed'
mkdir "$scratch/theirs"
cp -r /usr/include/libpmemobj.h /usr/include/libpmemobj "$scratch/theirs"
for which in theirs ours; do
    [ $which = ours ] && headers=$include || headers=$scratch/theirs
    printf '#include <libpmemobj.h>\n' | $cc -dM -E -I "$headers" - | sed 's/^#define \([A-Za-z_0-9]*\).*/\1/' |
        grep -E '^(POBJ|PMEM|TX_|TOID|OID|D_R[OW]|DIRECT_R)' | grep -v '_H$' | sort -u >"$scratch/macros.$which"
    $cc -std=gnu11 -w -I "$headers" "$sources/differential/libpmemobj_constants.c" -o "$scratch/constants" -L "$(dirname "$ours")" -lpmemobj
    LD_LIBRARY_PATH=$(dirname "$ours") "$scratch/constants" >"$scratch/numbers.$which"
done
missing=$(comm -23 "$scratch/macros.theirs" "$scratch/macros.ours")
[ -z "$missing" ] || fail "macros of PMDK that we have not: $missing"
diff "$scratch/numbers.theirs" "$scratch/numbers.ours" || fail "'<' is PMDK's number, '>' is ours"
# Programs built with either header, and linked with PMDK's library, run with this one.
$cc -std=gnu99 -w -I "$scratch/theirs" -I "$sources/../.." "$sources/api_c.c" "$peer" -o "$scratch/program" -Wl,--allow-shlib-undefined
LD_LIBRARY_PATH=$(dirname "$ours") "$scratch/program" "$scratch/pool" || fail "a program linked with $peer: exit status $?"
echo "$functions functions, $(wc -l <"$scratch/macros.theirs") macros, $(wc -l <"$scratch/numbers.theirs") numbers: PMDK's"
