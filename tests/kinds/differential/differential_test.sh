#!/bin/bash
# differential_test.sh CALLS LIBMEMKIND: the same calls, in an order that a seed decides, with memkind's library and with this one answer the
# same, line by line; and this one breaks no promise. Exit status 77, and why, where memkind is not installed.
set -eu
calls=$1 ours=$2
peer=
for candidate in /usr/lib/*/libmemkind.so.0 /usr/lib64/libmemkind.so.0 /usr/lib/libmemkind.so.0; do
    [ -e "$candidate" ] || continue
    # One that we installed there ourselves is no measure.
    nm -D --defined-only "$candidate" | grep -q ' memkind_trim$' && continue
    peer=$candidate
    break
done
[ -n "$peer" ] || { echo 'memkind (libmemkind0) is not installed'; exit 77; }
nm -D --defined-only "$peer" | grep -q ' memkind_get_kind_by_partition$' || { echo "$peer is not memkind 1.14"; exit 77; }
scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/terrace-differential-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
unset MEMKIND_HBW_NODES MEMKIND_HBW_THRESHOLD MEMKIND_DAX_KMEM_NODES MEMKIND_DEBUG MEMKIND_HEAP_MANAGER MEMKIND_HOG_MEMORY

# compare SEED VARIABLE=VALUE...
compare() {
    local seed=$1 lines
    shift
    mkdir "$scratch/files"
    env "$@" LD_PRELOAD="$ours" "$calls" "$seed" "$scratch/files" >"$scratch/ours" 2>"$scratch/faults"
    # memkind commits faults of its own; what it says of them is no concern here.
    env "$@" LD_PRELOAD="$peer" "$calls" "$seed" "$scratch/files" >"$scratch/peer" 2>/dev/null || true
    rm -rf "$scratch/files"
    if grep FAULT "$scratch/faults"; then
        echo "FAILED: seed $seed $*: the faults above"
        exit 1
    fi
    if ! diff "$scratch/peer" "$scratch/ours" >"$scratch/differences"; then
        head -20 "$scratch/differences"
        echo "FAILED: seed $seed $*: '<' is memkind's answer, '>' is ours"
        exit 1
    fi
    lines=$(wc -l <"$scratch/ours")
    [ "$lines" -gt 10000 ] || { echo "FAILED: only $lines lines"; exit 1; }
    echo "seed $seed $*: $lines answers, all the same"
}
# Another seed for a longer look: differential_test.sh CALLS LIBMEMKIND SEED.
compare "${3:-1}" MEMKIND_HOG_MEMORY=0
compare "${3:-1}" MEMKIND_HBW_NODES=0 MEMKIND_DAX_KMEM_NODES=0
