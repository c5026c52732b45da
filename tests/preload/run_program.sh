#!/bin/bash
# run_program.sh LIBRARY_DIR SCRIPT [CONFIGURATION…]: runs what SCRIPT describes without anything preloaded, and then in each
# CONFIGURATION, and compares output and exit status. Exit: 0 same, 1 different or not really preloaded, 77 the program is
# not installed. VERBOSE=1 in the environment shows the output, too. A configuration is one of
#   files      libmemtier over DRAM and a file tier
#   nodes      libmemtier over the first and the last NUMA node with memory; over DRAM and node 0 where that is the same
#   autohbw    libautohbw, from 1 KiB on
#   KIND:…     libmemtier over the tiers of this string for MEMKIND_MEM_TIERS
# Without any: files and nodes.
#
# A SCRIPT sets `needs` (commands) and `packages` (Debian's), and defines run(), which is called twice, each time in an
# empty directory of the same name. It uses these words:
#   tiered CMD …        runs CMD, preloaded but for the first round
#   start_server CMD …  the same in the background; log in server.log; stopped at the end whatever happens
#   wait_until CMD …    waits until CMD succeeds, for 60 seconds
#   stop_server SIGNAL  ends the server and waits for it
#   as_nobody           put in front of a command: run it as an ordinary user when the test runs as root
#   scaled N            N, or a tenth of it where everything is slow (TERRACE_SLOW=1): in an emulated machine
#   long                succeeds when there is time (TERRACE_NIGHTLY=1): for what takes more than some seconds
set -u
library_dir=$1
script=$2
shift 2
[ $# -gt 0 ] || set -- files nodes
name=$(basename "$script" .sh)
# Programs must not see a reader's own settings.
unset LD_PRELOAD MEMKIND_MEM_TIERS MEMKIND_MEM_THRESHOLDS MEMKIND_MEM_TIERING_REPORT MEMKIND_HBW_NODES
unset AUTO_HBW_SIZE AUTO_HBW_LOG AUTO_HBW_MEM_TYPE
export LC_ALL=C.UTF-8 TZ=UTC PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

. "$script"

for command in $needs; do
    if ! command -v "$command" >/dev/null; then
        echo "SKIPPED: $command is not installed: apt-get install $packages"
        exit 77
    fi
done

# Readable for the unprivileged users that servers run as, and short: socket paths have 107 bytes.
dir=$(mktemp -d "${TMPDIR:-/tmp}/terrace-XXXXXX")
server=
cleanup() {
    [ -n "$server" ] && kill -KILL "$server" 2>/dev/null
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
mkdir "$dir/lib" "$dir/tier" "$dir/reports"
cp -L "$library_dir"/lib{memtier,autohbw,memkind}.so.0 "$dir/lib/" || exit 1
chmod 755 "$dir" "$dir/lib"
chmod 1777 "$dir/tier" "$dir/reports"
playing=plain

# The nodes that have memory, as 0 or 0-3,5; all of it where the kernel does not say.
nodes_with_memory() { cat /sys/devices/system/node/has_memory 2>/dev/null || echo 0; }

tiers_of() {
    local nodes first last
    case $1 in
        files) echo "KIND:DRAM,RATIO:1;KIND:FS_DAX,PATH:$dir/tier,PMEM_SIZE_LIMIT:2G,RATIO:4;POLICY:STATIC_RATIO" ;;
        nodes)
            nodes=$(nodes_with_memory)
            first=${nodes%%[-,]*} last=${nodes##*[-,]}
            if [ "$first" = "$last" ]; then
                echo "KIND:DRAM,RATIO:1;KIND:NODES:$first,RATIO:4;POLICY:STATIC_RATIO"
            else
                echo "KIND:NODES:$first,RATIO:1;KIND:NODES:$last,RATIO:4;POLICY:STATIC_RATIO"
            fi ;;
        *) echo "$1" ;;
    esac
}

preload() {
    case $playing in
        plain) return ;;
        autohbw)
            export MEMKIND_HBW_NODES=0 AUTO_HBW_SIZE=1K AUTO_HBW_LOG=-1 LD_PRELOAD="$dir/lib/libautohbw.so.0" ;;
        *)
            MEMKIND_MEM_TIERS=$(tiers_of "$playing")
            export MEMKIND_MEM_TIERS LD_PRELOAD="$dir/lib/libmemtier.so.0" ;;
    esac
    export MEMKIND_MEM_TIERING_REPORT="$dir/reports/%p"
}

scaled() { if [ "${TERRACE_SLOW-}" = 1 ]; then echo $(($1 / 10)); else echo "$1"; fi; }
long() { [ "${TERRACE_NIGHTLY-}" = 1 ]; }

tiered() { (preload; exec "$@"); }

start_server() {
    (preload; exec "$@") >server.log 2>&1 &
    server=$!
}

wait_until() {
    local tries=600
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        if [ $tries -eq 0 ]; then
            echo "gave up waiting for: $*"
            cat server.log
            return 1
        fi
        sleep 0.1
    done
}

stop_server() {
    if [ "$playing" != plain ] && ! grep -q "$dir/lib/lib" "/proc/$server/maps"; then
        echo "the server does not have the library in its memory"
    fi
    kill "-$1" "$server"
    wait "$server"
    echo "server ended with $?"
    server=
}

as_nobody() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"
    else
        "$@"
    fi
}

# play ROUND: leaves output and the server's log in $dir/output and $dir/server.log
play() {
    playing=$1 # scripts have a `round` of their own
    rm -rf "$dir/work" "$dir/server.log" "$dir"/reports/*
    mkdir "$dir/work" && chmod 1777 "$dir/work" && cd "$dir/work" || exit 1
    (
        trap '[ -n "$server" ] && kill -KILL "$server" 2>/dev/null' EXIT
        run
    ) >"$dir/output" 2>&1 </dev/null
    echo "exit status $?" >>"$dir/output"
    [ -f server.log ] && mv server.log "$dir/server.log"
    cd "$dir" && rm -rf "$dir/work"
}

play plain
if [ "$(tail -n 1 "$dir/output")" != "exit status 0" ]; then
    echo "FAILED: $name does not even run without us:"
    tail -n 30 "$dir/output"
    exit 1
fi
mv "$dir/output" "$dir/plain"

failed=0
for configuration; do
    play "$configuration"
    # Bytes that some process had in the second tier at some time.
    in_second_tier=$(cat "$dir"/reports/* 2>/dev/null | awk '$1 == 1 { bytes += $5 } END { printf "%d", bytes }')
    if ! diff "$dir/plain" "$dir/output" >"$dir/difference"; then
        echo "FAILED: $name answers differently under $configuration ('<' without, '>' with it):"
        head -n 60 "$dir/difference"
        [ -f "$dir/server.log" ] && echo "the server's log:" && tail -n 30 "$dir/server.log"
        failed=1
    elif [ "$in_second_tier" -eq 0 ]; then
        echo "FAILED: no process of $name reported a byte in the second tier of $configuration: was it preloaded at all?"
        failed=1
    else
        echo "$name: $(wc -l <"$dir/plain") lines of output, the same under $configuration;" \
            "$(ls "$dir/reports" | wc -l) processes reported, their peaks in the second tier sum to $in_second_tier bytes"
    fi
done
[ -n "${VERBOSE-}" ] && cat "$dir/plain"
exit $failed
