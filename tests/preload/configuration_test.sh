#!/bin/bash
# A wrong MEMKIND_MEM_TIERS: one line on stderr that names the fault and its place, exit status 78, and main does not run.
. "$(dirname "$0")/words.sh"

# refused TIERS LINE
refused() {
    under "$1" sh -c 'echo main ran' >"$dir/out" 2>"$dir/err"
    expect "exit status for $1" 78 $?
    expect "what main printed for $1" "" "$(cat "$dir/out")"
    expect "message for $1" "terrace: MEMKIND_MEM_TIERS: $2" "$(cat "$dir/err")"
}

policy="POLICY:STATIC_RATIO"
refused "KIND:DARM,RATIO:1;$policy" "unknown kind 'DARM' at column 6; accepted: DRAM, KMEM_DAX, FS_DAX"
refused "" "empty configuration '' at column 1; accepted: KIND:<kind>,RATIO:<number> once per tier, then POLICY:<policy>"
refused "KIND:DRAM,RATIO:0;$policy" "bad RATIO '0' at column 17; accepted: a whole number from 1 to 4294967295"
refused "KIND:DRAM,RATIO:1;POLICY:BEST" "unknown policy 'BEST' at column 26; accepted: STATIC_RATIO, DYNAMIC_THRESHOLD"
refused "KIND:KMEM_DAX,RATIO:1;$policy" "not supported yet: kind 'KMEM_DAX' at column 6; accepted: DRAM, FS_DAX"
refused "KIND:DRAM,RATIO:1;POLICY:DYNAMIC_THRESHOLD" \
    "not supported yet: policy 'DYNAMIC_THRESHOLD' at column 26; accepted: STATIC_RATIO"

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
    expect "output under $tiers" "main ran" "$(under "$tiers" sh -c 'echo main ran' 2>&1)"
done
expect "what is left in the tier's directory" "" "$(ls -A "$dir/tier")"

# Every function of the C library's that allocates must be ours, or its blocks would meet our free.
for function in malloc calloc realloc reallocarray free posix_memalign aligned_alloc memalign valloc pvalloc \
    malloc_usable_size malloc_trim mallinfo mallinfo2 mallopt malloc_stats malloc_info free_sized free_aligned_sized; do
    expect "symbol $function" "T $function" "$(nm -D --defined-only "$library_dir/libmemtier.so.0" | grep " $function\$" | cut -c18-)"
done
expect "number of symbols" 19 "$(nm -D --defined-only "$library_dir/libmemtier.so.0" | wc -l)"
finish
