#!/bin/bash
# libautohbw: which allocations go where, what it says, and that no value of its variables stops a program.
. "$(dirname "$0")/words.sh"
export MEMKIND_HBW_NODES=0 # this machine's only node may count as high-bandwidth memory

auto() { LD_PRELOAD=$library_dir/libautohbw.so.0 "$@"; }

# Sizes: larger than the lower limit and smaller than the upper, by the whole size of an array (of 8 bytes each: high - 1 becomes high).
expected="malloc DDHHD
calloc DDHHD
calloc-of-8 DDHDD
realloc DDHHD
reallocarray DDHHD
memalign DDHHD
aligned_alloc DDHHD
valloc DDHHD
posix_memalign DDHHD
across DHHDDDDHD
switched-off DDDDD
switched-on DDHHD"
expect "kinds of blocks between 4096 and 1 MiB" "$expected" \
    "$(AUTO_HBW_LOG=-1 AUTO_HBW_SIZE=4K:1M auto "$binary_dir/preload_borders" 4096 1048576 2>&1)"
expect "kinds of blocks between 100000 and 3000000" "$expected" \
    "$(AUTO_HBW_LOG=-1 AUTO_HBW_SIZE=100000:3000000 auto "$binary_dir/preload_borders" 100000 3000000 2>&1)"
expect "kinds of blocks when there is only one" "malloc DDDDD" \
    "$(AUTO_HBW_LOG=-1 AUTO_HBW_SIZE=4K:1M AUTO_HBW_MEM_TYPE=memkind_default auto "$binary_dir/preload_borders" 4096 1048576 2>&1 | head -n 1)"

# What is said. Only this shell's own words are compared, without addresses.
said() { auto "$binary_dir/preload_fill" 8000000 2000000 2>&1 | sed 's/0x[0-9a-f]*/ADDRESS/' | grep -v -E '^[^ ]*(\(|\[)'; }
settings="terrace: libautohbw: allocations larger than 1048576 bytes go to memkind_hbw_preferred"
one="terrace: libautohbw: malloc of 2000000 bytes: ADDRESS in memkind_hbw_preferred"
expect "level 1, the default" "$settings
$one
$one
$one
$one
8000000 bytes" "$(said)"
expect "level 0" "$settings
8000000 bytes" "$(AUTO_HBW_LOG=0 said)"
expect "level -1" "8000000 bytes" "$(AUTO_HBW_LOG=-1 said)"
expect "level 2 without its backtraces" "$(said)" "$(AUTO_HBW_LOG=2 said)"
expect "a backtrace that names the program" yes \
    "$(AUTO_HBW_LOG=2 auto "$binary_dir/preload_fill" 8000000 2000000 2>&1 | grep -q '^[^ ]*preload_fill(' && echo yes)"
expect "level 3 tells of small ones and of free" "2" \
    "$(AUTO_HBW_LOG=3 auto "$binary_dir/preload_borders" 4096 1048576 2>&1 | sed -n -e 's/.*: malloc of .* in memkind_default$/malloc/p' \
        -e 's/.*: free of .* in memkind_default$/free/p' | sort -u | wc -l)"
expect "both limits" "terrace: libautohbw: allocations larger than 4096 and smaller than 8192 bytes go to memkind_hbw" \
    "$(AUTO_HBW_SIZE=4K:8K AUTO_HBW_MEM_TYPE=MemKind_HBW AUTO_HBW_LOG=0 auto /bin/true 2>&1)"

# complains NAME VALUE LINE: the program runs with the default, and one line says why.
complains() {
    expect "output under $1=$2" "terrace: $1: $3
main ran" "$(env "$1=$2" LD_PRELOAD="$library_dir/libautohbw.so.0" sh -c 'echo main ran' 2>&1 | grep -v 'terrace: libautohbw: ')"
}
limits="<low> or <low>:<high>, in bytes, with K, M or G behind a number if wished, and low below high; using 1M"
complains AUTO_HBW_SIZE "" "bad lower limit '' at column 1; accepted: $limits"
complains AUTO_HBW_SIZE many "bad lower limit 'many' at column 1; accepted: $limits"
complains AUTO_HBW_SIZE 1K:x "bad upper limit 'x' at column 4; accepted: $limits"
complains AUTO_HBW_SIZE 4K:1K "no size lies between '4K:1K' at column 1; accepted: $limits"
complains AUTO_HBW_LOG 9 "unknown level '9' at column 1; accepted: -1, 0, 1, 2, 3; using 1"
complains AUTO_HBW_MEM_TYPE memkind_hbv "unknown kind 'memkind_hbv' at column 1; accepted: memkind_hbw_preferred, \
memkind_hbw, memkind_hbw_interleave, memkind_default, or another static kind's name; using memkind_hbw_preferred"
complains AUTO_HBW_MEM_TYPE "$(printf 'x%.0s' $(seq 1 100000))" "unknown kind '$(printf 'x%.0s' $(seq 1 80))' at column 1; \
accepted: memkind_hbw_preferred, memkind_hbw, memkind_hbw_interleave, memkind_default, or another static kind's name; \
using memkind_hbw_preferred"

# A machine without such memory: ordinary memory, and a line. (Another one is libmemkind's, about the node.)
export MEMKIND_HBW_NODES=1000
without_node_line() { sed -e '/^terrace: MEMKIND_HBW_NODES: /d' -e 's/<memkind>[^;]*//'; }
expect "kinds of blocks without high-bandwidth memory" "malloc DDDDD" \
    "$(AUTO_HBW_LOG=-1 AUTO_HBW_SIZE=4K:1M auto "$binary_dir/preload_borders" 4096 1048576 2>/dev/null | head -n 1)"
expect "message without high-bandwidth memory" "terrace: libautohbw: memkind_hbw_preferred cannot be had: ; using memkind_default
terrace: libautohbw: allocations larger than 1048576 bytes go to memkind_default
main ran" "$(auto sh -c 'echo main ran' 2>&1 | without_node_line)"
expect "message for a kind that is not there" "terrace: AUTO_HBW_MEM_TYPE: memkind_hbw cannot be had: ; using memkind_default" \
    "$(AUTO_HBW_MEM_TYPE=memkind_hbw auto /bin/true 2>&1 | without_node_line | head -n 1)"
unset MEMKIND_HBW_NODES

# Little address space: starts, is refused memory at some time, and lives on.
for kilobytes in 300000 1000000; do
    answer=$( (ulimit -v $kilobytes && MEMKIND_HBW_NODES=0 AUTO_HBW_LOG=-1 auto "$binary_dir/preload_fill" 8000000000 3000000) 2>&1)
    expect "exit status with ulimit -v $kilobytes ($answer)" 0 $?
    case $answer in
        *", then refused") ;;
        *) expect "a refusal with ulimit -v $kilobytes" "… bytes, then refused" "$answer" ;;
    esac
done
finish
