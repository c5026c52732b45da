#!/bin/bash
# PMDK's own example programs, unchanged, from Debian's libpmemobj-dev: what they print with Debian's library, compiled
# with Terrace's headers and library, and compiled for Debian's but run with Terrace's, must be the same.
#
#     pmdk_examples.sh INCLUDE-DIRECTORY LIBRARY-DIRECTORY
#
# 77 where the examples are not installed. Pools are in memory, so that both libraries may flush cache lines.
set -u
include=$1
library=$2
examples=/usr/share/doc/libpmemobj-dev/examples
if [ ! -e "$examples/btree.c" ] || [ ! -e /usr/include/libpmemobj.h ]; then
    echo "skipped: Debian's libpmemobj-dev with its examples is not installed"
    exit 77
fi
work=$(mktemp -d /dev/shm/terrace-examples-XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir "$work/shim" "$work/peer" "$work/terrace"

# The header that the package leaves out of the examples.
cat >"$work/shim/ex_common.h" <<'HEADER'
#ifndef EX_COMMON_H
#define EX_COMMON_H 1
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>
#define CREATE_MODE_RW (S_IWUSR | S_IRUSR)
#define MIN(a, b) ((a) < (b) ? (a) : (b))
static inline int file_exists(const char *file) { return access(file, F_OK); }
static inline int find_last_set_64(uint64_t value) { return 64 - __builtin_clzll(value) - 1; }
#endif
HEADER

# compile NAME SOURCE...: once for each library.
compile() {
    local name=$1 source
    shift
    local sources=() folders=(-I"$work/shim" -I"$examples" -I"$examples/map" -I"$examples/tree_map" -I"$examples/list_map" -I"$examples/hashmap")
    for source in "$@"; do
        sources+=("$examples/$source.c")
        folders+=(-I"$(dirname "$examples/$source.c")")
    done
    cc -O1 -w "${folders[@]}" "${sources[@]}" -o "$work/peer/$name" -lpmemobj -lpmem -lm -lpthread || return 1
    cc -O1 -w -I"$include" "${folders[@]}" "${sources[@]}" -o "$work/terrace/$name" -L"$library" -lpmemobj -lpmem -lm -lpthread
}

maps=(map/map map/map_btree map/map_ctree map/map_hashmap_atomic map/map_hashmap_rp map/map_hashmap_tx map/map_rbtree
    map/map_rtree map/map_skiplist tree_map/btree_map tree_map/ctree_map tree_map/rbtree_map tree_map/rtree_map
    list_map/skiplist_map hashmap/hashmap_atomic hashmap/hashmap_rp hashmap/hashmap_tx)

# Each scenario runs its program a few times on the pool $1; "run" finds the right one.
scenario_btree() {
    for key in 5 3 9 1 7; do run btree "$1" i $key "value $key"; done
    run btree "$1" f 7
    run btree "$1" f 8
    run btree "$1" p
}
scenario_lists() {
    for value in 1 2 3; do run lists "$1" 1 foo $value; run lists "$1" 2 bar $value; done
    run lists "$1" 1 foo print
    run lists "$1" 2 bar print
}
scenario_fifo() {
    for letter in a b c d; do run fifo "$1" insert $letter; done
    run fifo "$1" print
    run fifo "$1" remove
    run fifo "$1" print
}
scenario_pi() {
    run pi "$1" c 4 20
    run pi "$1" p
}
scenario_queue() {
    run queue "$1" new 10
    for word in one two three; do run queue "$1" enqueue $word; done
    run queue "$1" show
    run queue "$1" dequeue
    run queue "$1" show
}
scenario_slab() { run slab "$1"; }
for store in string_store string_store_tx string_store_tx_type; do
    eval "scenario_$store() { echo hello | run ${store}_writer \"\$1\"; run ${store}_reader \"\$1\"; }"
done
# Not ctree: it uses what it has freed once an element is removed, and crashes with Debian's own library.
for map in btree rbtree rtree hashmap_atomic hashmap_rp hashmap_tx skiplist; do
    eval "scenario_map_$map() { map_session $map \"\$1\"; map_session $map \"\$1\"; }"
done
map_session() {
    { for key in 10 20 30 5 15 25 40 35; do echo "i $key"; done
      echo "r 20"; echo "c 15"; echo "c 99"; echo "p"; echo "n 5"; echo "q"; } | run mapcli "$1" "$2" 7
}

# run PROGRAM ARGUMENT...: output and exit status.
run() {
    local program=$1
    shift
    "$bin/$program" "$@" 2>&1
    echo "($program: $?)"
}

# outputs SCENARIO WHERE-THE-PROGRAMS-ARE LIBRARY-PATH
outputs() {
    local pool=$work/pool
    rm -f "$pool"
    bin=$2 LD_LIBRARY_PATH=$3 "scenario_$1" "$pool" | sed "s|$work/[a-z]*|DIRECTORY|g"
    rm -f "$pool"
}
export PMEM_IS_PMEM_FORCE=1

compile btree btree && compile lists lists && compile fifo linkedlist/fifo && compile pi pi && compile queue queue/queue &&
    compile slab slab_allocator/main slab_allocator/slab_allocator && compile mapcli map/mapcli "${maps[@]}" || exit 1
for store in string_store string_store_tx string_store_tx_type; do
    compile ${store}_writer $store/writer && compile ${store}_reader $store/reader || exit 1
done

failures=0
for scenario in $(declare -F | sed -n 's/^declare -f scenario_//p'); do
    outputs "$scenario" "$work/peer" "" >"$work/expected"
    outputs "$scenario" "$work/terrace" "$library" >"$work/source"
    outputs "$scenario" "$work/peer" "$library" >"$work/binary"
    for way in source binary; do
        if cmp -s "$work/expected" "$work/$way"; then
            echo "ok   $scenario ($way, $(wc -l <"$work/expected") lines)"
        else
            failures=$((failures + 1))
            echo "FAIL $scenario ($way): Debian's library on the left, Terrace's on the right"
            diff --side-by-side --width=160 "$work/expected" "$work/$way" | head -30
        fi
    done
done
exit $((failures != 0))
