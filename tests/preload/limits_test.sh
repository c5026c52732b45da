#!/bin/bash
# Tiers without room, and processes without address space: the next tier, or NULL and ENOMEM, never a crash.
. "$(dirname "$0")/words.sh"
fill=$binary_dir/preload_fill
policy="POLICY:STATIC_RATIO"
small="KIND:FS_DAX,PATH:$dir/tier,PMEM_SIZE_LIMIT:16M,RATIO:4"

for block in 100 4000 70000 3000000; do
    bytes=$((100000000 / block * block))
    expect "a full file tier beside DRAM, blocks of $block" "$bytes bytes" \
        "$(under "KIND:DRAM,RATIO:1;$small;$policy" "$fill" 100000000 $block 2>&1)"
    expect "two full file tiers beside DRAM, blocks of $block" "$bytes bytes" \
        "$(under "$small;KIND:DRAM,RATIO:1;$small;$policy" "$fill" 100000000 $block 2>&1)"
done

# Only a small file: it fills, and then malloc says no, and the program goes on.
answer=$(under "$small;$policy" "$fill" 100000000 50000 2>&1)
expect "exit status with nothing but a full file tier" 0 $?
case $answer in
    *", then refused") reached=${answer%% *} ;;
    *) reached=0; expect "a refusal" "… bytes, then refused" "$answer" ;;
esac
expect "more than half of the file was used, and no more than it has" yes \
    "$([ "$reached" -gt 8388608 ] && [ "$reached" -le 16777216 ] && echo yes || echo "$reached bytes")"

# A process with little address space: starts, is refused memory at some time, and lives on.
for kilobytes in 300000 1000000; do
    for tiers in "KIND:DRAM,RATIO:1;$policy" "KIND:DRAM,RATIO:1;$small;$policy" \
        "KIND:DRAM,RATIO:1;KIND:FS_DAX,PATH:$dir/tier,RATIO:1;$policy"; do
        answer=$( (ulimit -v $kilobytes && under "$tiers" "$fill" 8000000000 1000000) 2>&1)
        expect "exit status with ulimit -v $kilobytes under $tiers ($answer)" 0 $?
        case $answer in
            *", then refused") ;;
            *) expect "a refusal with ulimit -v $kilobytes under $tiers" "… bytes, then refused" "$answer" ;;
        esac
    done
done

# A small file system of its own, when we may mount one.
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
    answer=$(unshare -m sh -c "mount -t tmpfs -o size=32m none '$dir/tier' && MEMKIND_MEM_TIERS='KIND:DRAM,RATIO:1;KIND:FS_DAX,PATH:$dir/tier,RATIO:4;$policy' LD_PRELOAD='$library_dir/libmemtier.so.0' '$fill' 200000000 10000" 2>&1)
    expect "a full file system beside DRAM" "200000000 bytes" "$answer"
else
    echo "not tried: a full file system of its own (needs root and unshare -m)"
fi
finish
