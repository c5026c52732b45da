#!/bin/bash
# libpmemobj_test.sh CALLS-OF-THE-PEER CALLS-OF-OURS LIBPMEMOBJ: the same calls with Debian's libpmemobj and with ours answer the same,
# line by line, in memory and on disk; and so does the program that was linked with Debian's library when it runs with ours.
set -eu
peer=$1 ours=$2 library=$3
unset "${!PMEM@}"

# compare DIRECTORY VARIABLE=VALUE: the variable is for the peer
compare() {
    local scratch side lines
    scratch=$(mktemp -d "$1/terrace-differential-XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    for side in peer ours exchanged; do
        mkdir "$scratch/files"
        case $side in
        peer) env "$2" "$peer" "$scratch/files" ;;
        ours) "$ours" "$scratch/files" ;;
        exchanged) LD_LIBRARY_PATH=$(dirname "$library") "$peer" "$scratch/files" ;;
        esac >"$scratch/$side" 2>"$scratch/faults" || {
            cat "$scratch/faults"
            echo "FAILED: $side in $1: exit status $?"
            exit 1
        }
        rm -rf "$scratch/files"
        sed -i "s|$scratch|SCRATCH|g" "$scratch/$side"
    done
    if grep FAULT "$scratch"/*; then exit 1; fi
    for side in ours exchanged; do
        diff "$scratch/peer" "$scratch/$side" || {
            echo "FAILED: $1: '<' is the peer's answer, '>' is ours ($side)"
            exit 1
        }
    done
    lines=$(wc -l <"$scratch/ours")
    [ "$lines" -gt 2000 ] || { echo "FAILED: only $lines lines"; exit 1; }
    echo "$1: $lines answers, all the same"
    rm -rf "$scratch"
    trap - EXIT
}

compare /dev/shm PMEM_IS_PMEM_FORCE=1
compare /var/tmp PMEM_IS_PMEM_FORCE=0
