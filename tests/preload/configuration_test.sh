#!/bin/bash
# A wrong MEMKIND_MEM_TIERS: one line on stderr that names the fault and its place, exit status 78, and main does not run.
. "$(dirname "$0")/words.sh"

# stopped TIERS LINE
stopped() {
    under "$1" sh -c 'echo main ran' >"$dir/out" 2>"$dir/err"
    expect "exit status for $1" 78 $?
    expect "what main printed for $1" "" "$(cat "$dir/out")"
    expect "message for $1" "terrace: $2" "$(cat "$dir/err")"
}
refused() { stopped "$1" "MEMKIND_MEM_TIERS: $2"; }

# runs TIERS
runs() { expect "output under $1" "main ran" "$(under "$1" sh -c 'echo main ran' 2>&1)"; }

policy="POLICY:STATIC_RATIO"
refused "KIND:DARM,RATIO:1;$policy" "unknown kind 'DARM' at column 6; accepted: DRAM, KMEM_DAX, FS_DAX, HBW, REGULAR, HUGETLB, \
or another static kind's name without MEMKIND_"
refused "" "empty configuration '' at column 1; accepted: KIND:<kind>,RATIO:<number> once per tier, then POLICY:<policy>"
refused "KIND:DRAM,RATIO:0;$policy" "bad RATIO '0' at column 17; accepted: a whole number from 1 to 4294967295"
refused "KIND:DRAM,RATIO:1;POLICY:BEST" "unknown policy 'BEST' at column 26; accepted: STATIC_RATIO, DYNAMIC_THRESHOLD"
refused "KIND:DRAM,RATIO:1;$policy;" \
    "text behind the policy: ';' at column 38; accepted: POLICY as the last section, without ';' behind it"
refused "KIND:DRAM,RATIO:1;POLICY:DYNAMIC_THRESHOLD" \
    "too few tiers for 'DYNAMIC_THRESHOLD' at column 26; accepted: two tiers or more with DYNAMIC_THRESHOLD"

# Kinds that this machine does not have, whatever it has: high-bandwidth memory at a node that does not exist.
export MEMKIND_HBW_NODES=1000 MEMKIND_DAX_KMEM_NODES=1000
under "KIND:DRAM,RATIO:1;KIND:HBW,RATIO:1;$policy" /bin/true 2>"$dir/err"
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

place="an existing directory in which this process may create files, with room for 16 MiB"
file_tier() { echo "KIND:DRAM,RATIO:1;KIND:FS_DAX,PATH:$1,RATIO:1;$policy"; }
refused "$(file_tier "$dir/missing")" \
    "tier FS_DAX at column 24 cannot use '$dir/missing': No such file or directory; accepted: $place"
touch "$dir/file"
refused "$(file_tier "$dir/file/x")" "tier FS_DAX at column 24 cannot use '$dir/file/x': Not a directory; accepted: $place"
refused "$(file_tier "$dir/file")" "tier FS_DAX at column 24 cannot use '$dir/file': Not a directory; accepted: $place"
# Root may write there, and then no file can be made; others may not.
reason='No such file or directory'
[ "$(id -u)" = 0 ] || reason='Permission denied'
refused "$(file_tier /proc)" "tier FS_DAX at column 24 cannot use '/proc': $reason; accepted: $place"

# A token of any length gives a line of its own, cut, and no crash.
long=$(printf 'x%.0s' $(seq 1 100000))
under "KIND:$long,RATIO:1;$policy" /bin/true 2>"$dir/err"
expect "exit status for a long token" 78 $?
expect "lines for a long token" 1 "$(wc -l <"$dir/err")"

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
    expect "other symbols of $library" "$([ $library = libautohbw ] && echo 2 || echo 0)" $(($(wc -l <<<"$names") - 19))
done
finish
