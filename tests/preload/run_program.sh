#!/bin/bash
# run_program.sh LIBRARY_DIR SCRIPT [LIBRARY]: runs what SCRIPT describes without and with LIBRARY preloaded (libmemtier,
# over DRAM and a file tier, or libautohbw, from 1 KiB on), and compares output and exit status. Exit: 0 same, 1 different
# or not really preloaded, 77 the program is not installed. VERBOSE=1 in the environment shows the output, too.
#
# A SCRIPT sets `needs` (commands) and `packages` (Debian's), and defines run(), which is called twice, each time in an
# empty directory of the same name. It uses these words:
#   tiered CMD …        runs CMD, preloaded in the second round
#   start_server CMD …  the same in the background; log in server.log; stopped at the end whatever happens
#   wait_until CMD …    waits until CMD succeeds, for 60 seconds
#   stop_server SIGNAL  ends the server and waits for it
#   as_nobody           put in front of a command: run it as an ordinary user when the test runs as root
set -u
library_dir=$1
script=$2
library=${3:-libmemtier}
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
cp -L "$library_dir/$library.so.0" "$library_dir"/libmemkind.so.0 "$dir/lib/" || exit 1
chmod 755 "$dir" "$dir/lib"
chmod 1777 "$dir/tier" "$dir/reports"
round=plain

preload_in_second_round() {
    [ "$round" = tiered ] || return 0
    case $library in
        libmemtier)
            export MEMKIND_MEM_TIERS="KIND:DRAM,RATIO:1;KIND:FS_DAX,PATH:$dir/tier,RATIO:4;POLICY:STATIC_RATIO" ;;
        libautohbw)
            export MEMKIND_HBW_NODES=0 AUTO_HBW_SIZE=1K AUTO_HBW_LOG=-1 ;;
    esac
    export MEMKIND_MEM_TIERING_REPORT="$dir/reports/%p"
    export LD_PRELOAD="$dir/lib/$library.so.0"
}

tiered() { (preload_in_second_round; exec "$@"); }

start_server() {
    (preload_in_second_round; exec "$@") >server.log 2>&1 &
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
    if [ "$round" = tiered ] && ! grep -q "$dir/lib/$library" "/proc/$server/maps"; then
        echo "the server does not have $library in its memory"
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

play() {
    round=$1
    mkdir "$dir/work" && chmod 1777 "$dir/work" && cd "$dir/work" || exit 1
    (
        trap '[ -n "$server" ] && kill -KILL "$server" 2>/dev/null' EXIT
        run
    ) >"$dir/$round.output" 2>&1 </dev/null
    echo "exit status $?" >>"$dir/$round.output"
    [ -f server.log ] && mv server.log "$dir/$round.server.log"
    cd "$dir" && rm -rf "$dir/work"
}

play plain
play tiered

# Bytes that some process of the second round had in the second tier at some time.
in_second_tier=$(cat "$dir"/reports/* 2>/dev/null | awk '$1 == 1 { bytes += $5 } END { printf "%d", bytes }')

if [ "$(tail -n 1 "$dir/plain.output")" != "exit status 0" ]; then
    echo "FAILED: $name does not even run without $library:"
    tail -n 30 "$dir/plain.output"
    exit 1
fi
if ! diff "$dir/plain.output" "$dir/tiered.output" >"$dir/difference"; then
    echo "FAILED: $name answers differently with $library ('<' without, '>' with):"
    head -n 60 "$dir/difference"
    [ -f "$dir/tiered.server.log" ] && echo "the server's log:" && tail -n 30 "$dir/tiered.server.log"
    exit 1
fi
if [ "$in_second_tier" -eq 0 ]; then
    echo "FAILED: no process of $name reported a byte in the second tier: was $library preloaded at all?"
    exit 1
fi
[ -n "${VERBOSE-}" ] && cat "$dir/tiered.output"
echo "$name: $(wc -l <"$dir/plain.output") lines of output, the same with $library;" \
    "$(ls "$dir/reports" | wc -l) processes reported, their peaks in the second tier sum to $in_second_tier bytes"
