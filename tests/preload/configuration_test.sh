#!/bin/bash
# A wrong MEMKIND_MEM_TIERS: one line on stderr that names the fault and its place, exit status 78, and main does not run.
. "$(dirname "$0")/words.sh"

# stopped TIERS LINE
stopped() {
    under "$1" sh -c 'echo main ran' >"$dir/out" 2>"$dir/err"
    expect "exit status for $1" 78 $?
    expect "what main printed for $1" "" "$(cat "$dir/out")"
    expect "message for $1" "terrace: $2" "$(head -n 1 "$dir/err")"
}
refused() { stopped "$1" "MEMKIND_MEM_TIERS: $2"; }

# runs TIERS
runs() { expect "output under $1" "main ran" "$(under "$1" sh -c 'echo main ran' 2>&1)"; }

policy="POLICY:STATIC_RATIO"
refused "KIND:DARM,RATIO:1;$policy" "unknown kind 'DARM' at column 6; accepted: DRAM, KMEM_DAX, FS_DAX, HBW, CXL, NODES:<list>, \
REGULAR, HUGETLB, or another static kind's name without MEMKIND_"
refused "" "empty configuration '' at column 1; accepted: KIND:<kind>,RATIO:<number> once per tier, then POLICY:<policy>"
refused "KIND:DRAM,RATIO:0;$policy" "bad RATIO '0' at column 17; accepted: a whole number from 1 to 4294967295"
refused "KIND:DRAM,RATIO:1;POLICY:BEST" "unknown policy 'BEST' at column 26; accepted: STATIC_RATIO, DYNAMIC_THRESHOLD, CAPACITY_ORDER"
refused "KIND:DRAM,RATIO:1;$policy;" \
    "text behind the policy: ';' at column 38; accepted: POLICY as the last section, without ';' behind it"
refused "KIND:DRAM,RATIO:1;POLICY:DYNAMIC_THRESHOLD" \
    "too few tiers for 'DYNAMIC_THRESHOLD' at column 26; accepted: two tiers or more with DYNAMIC_THRESHOLD"

# Kinds that this machine does not have, whatever it has: high-bandwidth memory at a node that does not exist.
export MEMKIND_HBW_NODES=1000 MEMKIND_DAX_KMEM_NODES=1000
under "KIND:DRAM,RATIO:1;KIND:HBW,RATIO:1;$policy,STRICT" /bin/true 2>"$dir/err"
expect "exit status for a kind that is not there" 78 $?
expect "line for a kind that is not there" "terrace: MEMKIND_MEM_TIERS: tier HBW at column 24 cannot be had: <memkind> " \
    "$(grep -o '^terrace: MEMKIND_MEM_TIERS: .*<memkind> ' "$dir/err")"
unset MEMKIND_HBW_NODES MEMKIND_DAX_KMEM_NODES
# Kinds that every machine has when told so.
export MEMKIND_HBW_NODES=0 MEMKIND_DAX_KMEM_NODES=0
runs "KIND:DRAM,RATIO:1;KIND:HBW,RATIO:1;KIND:KMEM_DAX,RATIO:2;KIND:REGULAR,RATIO:1;$policy"
unset MEMKIND_HBW_NODES MEMKIND_DAX_KMEM_NODES

# Thresholds.
two="KIND:DRAM,RATIO:1;KIND:REGULAR,RATIO:4;POLICY:DYNAMIC_THRESHOLD"
runs "$two"
for thresholds in "INIT_VAL:64,MIN_VAL:1,MAX_VAL:10000" "INIT_VAL:1K," "MIN_VAL:1"; do
    export MEMKIND_MEM_THRESHOLDS=$thresholds
    runs "$two"
done
export MEMKIND_MEM_THRESHOLDS=INIT_VAL:64
stopped "$two" "MEMKIND_MEM_THRESHOLDS: the minimum is above the initial value 'INIT_VAL:64' at column 1; accepted: \
MIN_VAL <= INIT_VAL <= MAX_VAL, and MIN_VAL above the MAX_VAL before; without a value the n-th threshold has \
INIT_VAL n*1024, MIN_VAL n*1024-512, MAX_VAL n*1024+511"
export MEMKIND_MEM_THRESHOLDS=VAL:64
stopped "$two" "MEMKIND_MEM_THRESHOLDS: unknown key 'VAL' at column 1; accepted: INIT_VAL, MIN_VAL, MAX_VAL"
stopped "KIND:DRAM,RATIO:1;$policy" \
    "MEMKIND_MEM_THRESHOLDS is set, and the policy is not DYNAMIC_THRESHOLD; accepted: only with it"
unset MEMKIND_MEM_THRESHOLDS

# The string and a caret under the fault, in a window when it is long.
under "KIND:DRAM,RATIO:1;KIND:DARM,RATIO:1;$policy" true 2>"$dir/err"
expect "the picture of a fault" "terrace:     KIND:DRAM,RATIO:1;KIND:DARM,RATIO:1;POLICY:STATIC_RATIO
terrace:                            ^~~~" "$(tail -n 2 "$dir/err")"

# Tiers that are not there: left out with a line, or fatal when STRICT is asked for, or nothing is left.
place="an existing directory in which this process may create files, with room for 16 MiB"
file_tier() { echo "KIND:DRAM,RATIO:1;KIND:FS_DAX,PATH:$1,RATIO:1;$policy"; }
missing() {
    local line="tier FS_DAX at column 24 cannot be had: '$1': $2; accepted: $place"
    refused "$(file_tier "$1"),STRICT" "$line"
    expect "output without $1" "terrace: MEMKIND_MEM_TIERS: $line; the others take its share
main ran" "$(under "$(file_tier "$1")" sh -c 'echo main ran' 2>&1)"
}
missing "$dir/missing" "No such file or directory"
touch "$dir/file"
missing "$dir/file/x" "Not a directory"
missing "$dir/file" "Not a directory"
# Root may write there, and then no file can be made; others may not.
reason='No such file or directory'
[ "$(id -u)" = 0 ] || reason='Permission denied'
missing /proc "$reason"
under "KIND:FS_DAX,PATH:$dir/missing,RATIO:1;$policy" true 2>"$dir/err"
expect "exit status when no tier is left" 78 $?
expect "last line when no tier is left" "terrace: MEMKIND_MEM_TIERS: no tier is left" "$(tail -n 1 "$dir/err")"
# Three tiers with two thresholds, of which one tier goes.
expect "output with a tier less between thresholds" "main ran" "$(under \
    "KIND:DRAM,RATIO:1;KIND:FS_DAX,PATH:$dir/missing,RATIO:1;KIND:REGULAR,RATIO:1;POLICY:DYNAMIC_THRESHOLD" \
    sh -c 'echo main ran' 2>/dev/null)"
expect "output with one tier left of two" "main ran" "$(under \
    "KIND:FS_DAX,PATH:$dir/missing,RATIO:1;KIND:REGULAR,RATIO:1;POLICY:DYNAMIC_THRESHOLD" sh -c 'echo main ran' 2>/dev/null)"
runs "KIND:NODES:0,SIZE_LIMIT:64M;KIND:DRAM;POLICY:CAPACITY_ORDER"
refused "KIND:DRAM,RATIO:1;KIND:NODES:0+1000,RATIO:1;$policy,STRICT" \
    "tier NODES at column 24 cannot be had: nodes 0,1000: not all of them are there and have memory"

# Lenient: whatever is wrong, the program runs.
export MEMKIND_MEM_TIERING_LENIENT=1
untiered="terrace: MEMKIND_MEM_TIERING_LENIENT is 1: the program runs untiered, in DRAM
main ran"
for tiers in "KIND:DARM,RATIO:1;$policy" "" "$(file_tier "$dir/missing"),STRICT"; do
    expect "last lines under '$tiers' when lenient" "$untiered" "$(under "$tiers" sh -c 'echo main ran' 2>&1 | tail -n 2)"
done
unset MEMKIND_MEM_TIERING_LENIENT

# A file instead of the variable; the variable goes first.
with_file() {
    (
        unset MEMKIND_MEM_TIERS
        export MEMKIND_MEM_TIERING_CONFIG=$1 LD_PRELOAD=$library_dir/libmemtier.so.0
        exec sh -c 'echo main ran'
    ) 2>&1
}
printf '# two tiers\nKIND:DRAM,RATIO:1\n\n  KIND:REGULAR,RATIO:4\nPOLICY:DYNAMIC_THRESHOLD\nTHRESHOLDS:INIT_VAL:64,MIN_VAL:1,MAX_VAL:9K\n' >"$dir/good"
expect "output with a file" "main ran" "$(with_file "$dir/good")"
printf 'KIND:DRAM,RATIO:1\n\n  KIND:REGULAR,RATIO:x\nPOLICY:STATIC_RATIO\n' >"$dir/bad"
expect "first line about a bad file" "terrace: $dir/bad: bad RATIO 'x' at line 3, column 22; accepted: \
a whole number from 1 to 4294967295" "$(with_file "$dir/bad" | head -n 1)"
expect "output with a file that is not there" \
    "terrace: MEMKIND_MEM_TIERING_CONFIG: '$dir/none' cannot be read: No such file or directory" "$(with_file "$dir/none")"
expect "output with a folder" \
    "terrace: MEMKIND_MEM_TIERING_CONFIG: '$dir' cannot be read: Is a directory" "$(with_file "$dir")"
head -c 100000 /dev/zero | tr '\0' 'x' >"$dir/long"
expect "output with a long file" \
    "terrace: MEMKIND_MEM_TIERING_CONFIG: '$dir/long' is too long; accepted: up to 32 KiB" "$(with_file "$dir/long")"
export MEMKIND_MEM_TIERING_CONFIG=$dir/bad
runs "KIND:DRAM,RATIO:1;$policy"
unset MEMKIND_MEM_TIERING_CONFIG

# A token of any length gives a line of its own, cut, and no crash.
long=$(printf 'x%.0s' $(seq 1 100000))
under "KIND:$long,RATIO:1;$policy" /bin/true 2>"$dir/err"
expect "exit status for a long token" 78 $?
expect "lines for a long token" 3 "$(wc -l <"$dir/err")"

# Not set at all.
(unset MEMKIND_MEM_TIERS; LD_PRELOAD=$library_dir/libmemtier.so.0 /bin/true) 2>"$dir/err"
expect "exit status without the variable" 78 $?
expect "message without the variable" "terrace: MEMKIND_MEM_TIERS is not set, and libmemtier needs it; for example: \
KIND:DRAM,RATIO:1;KIND:FS_DAX,PATH:/mnt/pmem,RATIO:4;POLICY:STATIC_RATIO" "$(cat "$dir/err")"

# What is right runs, and says nothing.
for tiers in "KIND:DRAM,RATIO:1;$policy" "$(file_tier "$dir/tier")" "RATIO:4,PATH:$dir/tier,KIND:FS_DAX;$policy" \
    "KIND:FS_DAX,PATH:$dir/tier,PMEM_SIZE_LIMIT:16M,RATIO:1;KIND:DRAM,RATIO:2;$policy"; do
    runs "$tiers"
done
expect "what is left in the tier's directory" "" "$(ls -A "$dir/tier")"

# Every function of the C library's that allocates must be ours, or its blocks would meet our free.
for library in libmemtier libautohbw; do
    names=$(nm -D --defined-only "$library_dir/$library.so.0" | cut -c18-)
    for function in malloc calloc realloc reallocarray free posix_memalign aligned_alloc memalign valloc pvalloc \
        malloc_usable_size malloc_trim mallinfo mallinfo2 mallopt malloc_stats malloc_info free_sized free_aligned_sized; do
        expect "symbol $function of $library" "T $function" "$(grep " $function\$" <<<"$names")"
    done
    # Two more in each: libautohbw's control of itself, libmemtier's mmap and mmap64.
    expect "other symbols of $library" 2 $(($(wc -l <<<"$names") - 19))
done
finish
