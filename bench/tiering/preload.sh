#!/bin/bash
# One side of a comparison of preload libraries: ordinary malloc loops, and ordinary programs. The side is the end of this
# script's name: terrace and peer are the two libmemtier.so.0, jemalloc is Debian's libjemalloc.so.2.
#
#     bench_preload_SIDE MEMORY-DIR DISK-DIR PERCENT VARIANT     dram: one tier; two: DRAM and a file in memory, 1:4;
#                                                                three: DRAM and two such files, 1:4:2
#
# Prints "scenario ns" lines: for a malloc and a free, or for a whole run of a program; and "peak_PROGRAM KiB", the most that
# the program had resident. A program that is not installed, or that
# does not survive, has no line.
set -u
side=${0##*_} memory=$1 percent=$3 variant=$4
case $side in
    terrace) library=@TERRACE_LIBRARIES@/libmemtier.so.0 ;;
    jemalloc) library=@DEBIAN_LIBRARIES@/libjemalloc.so.2 ;;
    peer) library=@DEBIAN_LIBRARIES@/libmemtier.so.0 ;;
esac
[ -e "$library" ] || exit 0
case $variant in
    dram) tiers="KIND:DRAM,RATIO:1;POLICY:STATIC_RATIO" ;;
    two) tiers="KIND:DRAM,RATIO:1;KIND:FS_DAX,PATH:$memory,RATIO:4;POLICY:STATIC_RATIO" ;;
    three) tiers="KIND:DRAM,RATIO:1;KIND:FS_DAX,PATH:$memory,RATIO:4;KIND:FS_DAX,PATH:$memory,RATIO:2;POLICY:STATIC_RATIO" ;;
esac
work=$(mktemp -d "$memory/preload-XXXXXX")
trap 'rm -rf "$work"' EXIT

preloaded() { MEMKIND_MEM_TIERS=$tiers LD_PRELOAD=$library "$@"; }
peak=@TERRACE_PROGRAMS@/bench_peak
present() { command -v "$1" >/dev/null; }

# timed SCENARIO PER COMMAND…: runs it PER times per measure, three measures, and prints the best
timed() {
    local scenario=$1 per=$2 best= begin end i
    shift 2
    for _ in 1 2; do
        begin=$(date +%s%N)
        for ((i = 0; i < per; i++)); do
            "$@" >/dev/null 2>&1 || return
        done
        end=$(date +%s%N)
        [ -n "$best" ] && [ $(((end - begin) / per)) -ge "$best" ] || best=$(((end - begin) / per))
    done
    echo "$scenario $best"
}

# A fifth of the usual work: there are whole programs to run, too.
preloaded @TERRACE_PROGRAMS@/bench_malloc "$memory" "$memory" $(((percent + 4) / 5)) any 2>/dev/null
[ "$variant" = dram ] || exit 0
timed start_true 20 preloaded /bin/true

lines=$((4000 * percent))
seq $lines | awk '{ print ($1 * 7919) % 1000003, $1 }' >"$work/lines"
timed run_sort 1 preloaded sort -S 1G --parallel=1 "$work/lines"
preloaded $peak peak_sort sort -S 1G --parallel=1 "$work/lines"
if present sqlite3; then
    {
        echo "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); BEGIN;"
        seq $((500 * percent)) | awk '{ printf "INSERT INTO t VALUES(%d, \"a row with the number %d\");\n", $1, $1 }'
        echo "COMMIT; SELECT count(*), max(length(b)) FROM t; CREATE INDEX i ON t(b); SELECT count(*) FROM t WHERE b > \"a row with the number 5\";"
    } >"$work/load.sql"
    sqlite() { preloaded sqlite3 :memory: <"$work/load.sql"; }
    timed run_sqlite3 1 sqlite
    preloaded $peak peak_sqlite3 sqlite3 :memory: <"$work/load.sql"
fi
if present g++; then
    printf '#include <map>\n#include <string>\nint main() { std::map<std::string, int> m; return m["x"]; }\n' >"$work/a.cpp"
    timed run_gxx 1 preloaded g++ -S -o /dev/null "$work/a.cpp"
    preloaded $peak peak_gxx g++ -S -o /dev/null "$work/a.cpp"
fi
if present redis-server && present redis-benchmark; then
    # Not by preloaded: $! is to be the server, not a shell.
    MEMKIND_MEM_TIERS=$tiers LD_PRELOAD=$library redis-server --port 0 --unixsocket "$work/redis" --save '' >/dev/null 2>&1 &
    server=$!
    for _ in $(seq 100); do [ -S "$work/redis" ] && break; sleep 0.05; done
    timed run_redis 1 redis-benchmark -s "$work/redis" -q -n $((300 * percent)) -r 100000 -d 200 -P 16 -t set,get,lpush
    awk '/^VmHWM/ { print "peak_redis", $2 }' /proc/$server/status
    kill $server 2>/dev/null
    wait $server 2>/dev/null
fi
exit 0
