#!/bin/bash
# An ordinary program under libmemtier and libautohbw: its memory lies on the tiers' nodes, in the shares that were asked for.
# The fast or far node is what the golden file calls HBW or DAX_KMEM.
failures=0
hbw=$(sed -n 's/^HBW: bind {\([0-9]*\)}$/\1/p' "$TERRACE_LAB_CHOICES")
dax=$(sed -n 's/^DAX_KMEM: bind {\([0-9]*\)}$/\1/p' "$TERRACE_LAB_CHOICES")

# expect_share NAME NODE LOWEST HIGHEST COMMAND…: the percentage of the program's memory on that node.
expect_share() {
    local name=$1 node=$2 lowest=$3 highest=$4 output share
    shift 4
    output=$("$@" 2>&1)
    share=$(awk -v node="$node" '{ sum += $2; if ($1 == node) its = $2 } END { print sum ? int(100 * its / sum) : -1 }' <<<"$output")
    if [ "$share" -ge "$lowest" ] && [ "$share" -le "$highest" ]; then
        echo "ok: $name: $share % on node $node"
    else
        echo "FAILED: $name: $share % on node $node, expected $lowest to $highest. It printed:"
        echo "$output"
        failures=$((failures + 1))
    fi
}

# tiered NAME NODE LOWEST HIGHEST TIERS
tiered() { expect_share "$1" "$2" "$3" "$4" env LD_PRELOAD="$TERRACE_LIB/libmemtier.so.0" MEMKIND_MEM_TIERS="$5" "$TERRACE_BIN/lab_preloaded" 1000 20000; }

for kind in HBW KMEM_DAX; do
    node=$hbw
    [ $kind = HBW ] || node=$dax
    [ -n "$node" ] || continue
    tiered "DRAM 1 : $kind 1" "$node" 45 55 "KIND:DRAM,RATIO:1;KIND:$kind,RATIO:1;POLICY:STATIC_RATIO"
    tiered "DRAM 1 : $kind 3" "$node" 70 80 "KIND:DRAM,RATIO:1;KIND:$kind,RATIO:3;POLICY:STATIC_RATIO"
    tiered "$kind alone" "$node" 98 100 "KIND:$kind,RATIO:1;POLICY:STATIC_RATIO"
done
if [ -n "$hbw" ]; then
    auto=(env LD_PRELOAD="$TERRACE_LIB/libautohbw.so.0" AUTO_HBW_LOG=-1 AUTO_HBW_SIZE=64K)
    expect_share 'libautohbw, large blocks' "$hbw" 98 100 "${auto[@]}" "$TERRACE_BIN/lab_preloaded" 50 1000000
    expect_share 'libautohbw, small blocks' "$hbw" 0 2 "${auto[@]}" "$TERRACE_BIN/lab_preloaded" 1000 20000
fi
exit $((failures != 0))
