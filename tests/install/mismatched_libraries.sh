#!/bin/bash
# libmemtier beside a libmemkind of another build, with other layouts behind the names that the two share: no program starts,
# and the loader says which name is missing.
. "$(dirname "$(readlink -f "$0")")/common.sh"

cp "$libdir"/libmemkind.so.0 "$scratch"
run() { env LD_LIBRARY_PATH="$scratch" LD_PRELOAD="$libdir/libmemtier.so.0" MEMKIND_MEM_TIERS='KIND:DRAM,RATIO:1;POLICY:STATIC_RATIO' /bin/true; }
run || fail "a copy of the library it belongs to is refused"

# The names of an earlier version, which are of the same length.
number=$(nm -D --defined-only "$scratch/libmemkind.so.0" | sed -n 's/.*terrace_preload_\([0-9]\)_caches$/\1/p')
[ -n "$number" ] || fail "libmemkind does not share its caches"
sed -i "s/terrace_preload_${number}_/terrace_preload_$((number - 1))_/g" "$scratch/libmemkind.so.0"
status=0
run 2>"$scratch/message" || status=$?
[ "$status" = 127 ] || fail "the status is $status"
grep -q "undefined symbol: terrace_preload_${number}_" "$scratch/message" || fail "the message is: $(cat "$scratch/message")"
echo "two libraries that do not belong together are refused: $(cat "$scratch/message")"
