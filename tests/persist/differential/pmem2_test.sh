#!/bin/bash
# pmem2_test.sh CALLS LIBPMEM2 [SEED]: the same calls with PMDK's libpmem2 and with this one answer the same, line by line, on a disk
# and on tmpfs. Exit status 77, and why, where PMDK's is not installed.
set -eu
calls=$1 ours=$2
. "$(dirname "$(readlink -f "$0")")/pmem2_peer.sh"
[ -n "$peer" ] || skip 'libpmem2-1 is not installed'
unset PMEM2_FORCE_GRANULARITY

# compare SEED DIRECTORY
compare() {
    local lines
    mkdir "$2"
    LD_PRELOAD="$ours" "$calls" "$1" "$2" >"$scratch/ours" 2>"$scratch/faults"
    rm -rf "$2" && mkdir "$2"
    LD_PRELOAD="$peer" "$calls" "$1" "$2" >"$scratch/peer" 2>/dev/null || true
    rm -rf "$2"
    if grep FAULT "$scratch/faults"; then
        echo "FAILED: seed $1 in $2: the faults above"
        exit 1
    fi
    if ! diff "$scratch/peer" "$scratch/ours" >"$scratch/differences"; then
        head -20 "$scratch/differences"
        echo "FAILED: seed $1 in $2: '<' is PMDK's answer, '>' is ours"
        exit 1
    fi
    lines=$(wc -l <"$scratch/ours")
    [ "$lines" -gt 7000 ] || { echo "FAILED: only $lines lines"; exit 1; }
    echo "seed $1 in $2: $lines answers, all the same"
}

seed=${3:-1}
compare "$seed" "$scratch/files"
tmpfs=$(mktemp -u /dev/shm/terrace-pmem2-XXXXXX)
compare "$((seed + 1))" "$tmpfs"
