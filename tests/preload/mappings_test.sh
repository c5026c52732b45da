#!/bin/bash
# MEMKIND_MEM_TIERING_MMAP: large anonymous mappings lie on the tiers' nodes in the tiers' shares; nothing else changes.
. "$(dirname "$0")/words.sh"
mapper=$binary_dir/preload_mapper
grep -q . /proc/self/numa_maps 2>/dev/null || { echo "skipped: this kernel has no /proc/self/numa_maps"; exit 77; }
ratio="KIND:DRAM,RATIO:1;KIND:NODES:0,RATIO:3;POLICY:STATIC_RATIO"

# near WHAT LOWEST HIGHEST VALUE
near() { expect "$1 is from $2 to $3" yes "$([ "$4" -ge "$2" ] 2>/dev/null && [ "$4" -le "$3" ] && echo yes || echo "$4")"; }

export MEMKIND_MEM_TIERING_MMAP=32M MEMKIND_MEM_TIERING_REPORT=$dir/report.json
for how in "" reserve; do
    read -r _ preferred _ others _ error < <(under "$ratio" "$mapper" 200 $how)
    near "MiB of 200 on the node ($how)" 148 152 "$preferred"
    near "MiB of 200 elsewhere ($how)" 48 60 "$others"
    expect "errno" 0 "$error"
done
expect "mapped bytes in the report" "52428800 157286400" \
    "$(grep -o '"mapped": [0-9]*' "$dir/report.json" | cut -d' ' -f2 | tr '\n' ' ' | sed 's/ $//')"

read -r _ preferred _ < <(under "KIND:NODES:0,SIZE_LIMIT:64M;KIND:DRAM;POLICY:CAPACITY_ORDER" "$mapper" 200)
near "MiB of 200 in a first tier of 64 MiB" 62 64 "$preferred"
read -r _ preferred _ < <(under "$ratio" "$mapper" 31)
expect "MiB on the node of a mapping that is too small" 0 "$preferred"
unset MEMKIND_MEM_TIERING_MMAP
read -r _ preferred _ < <(under "$ratio" "$mapper" 200)
expect "MiB on the node without the variable" 0 "$preferred"
export MEMKIND_MEM_TIERING_MMAP=4K
expect "what is said of a bad size" "terrace: MEMKIND_MEM_TIERING_MMAP: '4K'; accepted: the least size of a mapping, 2M or more" \
    "$(under "$ratio" /bin/true 2>&1)"
# Tiers without nodes: mappings stay as they are.
export MEMKIND_MEM_TIERING_MMAP=32M
read -r _ preferred _ < <(under "KIND:DRAM,RATIO:1;KIND:FS_DAX,PATH:$dir/tier,RATIO:3;POLICY:STATIC_RATIO" "$mapper" 200)
expect "MiB on the node when there is no tier of nodes" 0 "$preferred"

# A program that manages its memory itself.
if command -v java >/dev/null; then
    rm "$dir/report.json"
    expect "java" 0 "$(under "$ratio" java -Xms512m -Xmx512m -XX:+AlwaysPreTouch -version >/dev/null 2>&1; echo $?)"
    read -r dram nodes < <(grep -o '"mapped": [0-9]*' "$dir/report.json" | cut -d' ' -f2 | tr '\n' ' ')
    near "java's bytes in the second tier, in % of all" 74 76 $((nodes * 100 / (dram + nodes)))
    near "MiB of java's mappings" 512 2048 $(((dram + nodes) >> 20))
else
    echo "not tried: java (not installed)"
fi
finish
