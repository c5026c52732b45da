#!/bin/bash
# differential_test.sh CALLS-OF-THE-PEER CALLS-OF-OURS: the same calls, with Debian's libpmem and with ours, answer the same, line by
# line, in memory and on disk, and in every environment that libpmem reads.
set -eu
peer=$1 ours=$2
here=$(dirname "$(readlink -f "$0")")
unset "${!PMEM_@}"

# compare DIRECTORY VARIABLE=VALUE…
compare() {
    local base=$1 side lines scratch
    shift
    scratch=$(mktemp -d "$base/terrace-differential-XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    chmod 755 "$scratch"
    for side in peer ours; do
        mkdir "$scratch/$side"
        env "$@" "${!side}" "$scratch/$side" >"$scratch/$side.lines" 2>"$scratch/$side.faults" || { cat "$scratch/$side.faults"; exit 1; }
    done
    if grep FAULT "$scratch/ours.lines"; then
        echo "FAILED: $base $*: the faults above"
        exit 1
    fi
    if ! diff "$scratch/peer.lines" "$scratch/ours.lines"; then
        echo "FAILED: $base $*: '<' is the peer's answer, '>' is ours"
        exit 1
    fi
    lines=$(wc -l <"$scratch/ours.lines")
    [ "$lines" -gt 250 ] || { echo "FAILED: only $lines lines"; exit 1; }
    echo "$base $*: $lines answers, all the same"
    rm -rf "$scratch"
    trap - EXIT
}

for directory in /dev/shm /var/tmp; do
    while read -r environment; do
        # shellcheck disable=SC2086
        compare $directory $environment
    done <"$here/libpmem_environments.txt"
done
