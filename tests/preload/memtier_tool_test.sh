#!/bin/bash
# The program memtier: the environment it sets, what it refuses and how, and its exit statuses.
. "$(dirname "$0")/words.sh"
memtier=$library_dir/../bin/memtier

environment() { "$memtier" --dry-run "$@" 2>&1 | sed 1d; }
tiers="KIND:DRAM,RATIO:1;KIND:FS_DAX,PATH:$dir/tier,RATIO:4;POLICY:STATIC_RATIO"

# What memkind's options mean.
expect "the library" "LD_PRELOAD='$(readlink -f "$library_dir/libmemtier.so.0")'" "$("$memtier" --dry-run -r 1:4 | head -n 1)"
expect "-r 1:4" "MEMKIND_MEM_TIERS='KIND:DRAM,RATIO:1;KIND:KMEM_DAX,RATIO:4;POLICY:STATIC_RATIO'" "$(environment -r 1:4)"
expect "-r 3:0" "MEMKIND_MEM_TIERS='KIND:DRAM,RATIO:3;POLICY:STATIC_RATIO'" "$(environment --ratio 3:0)"
expect "-r 0:4294967295" "MEMKIND_MEM_TIERS='KIND:KMEM_DAX,RATIO:4294967295;POLICY:STATIC_RATIO'" "$(environment -r 0:4294967295)"
expect "-t" "MEMKIND_MEM_TIERS='KIND:DRAM,RATIO:1;KIND:KMEM_DAX,RATIO:4;POLICY:DYNAMIC_THRESHOLD'
MEMKIND_MEM_THRESHOLDS='INIT_VAL:64,MIN_VAL:1,MAX_VAL:10000'" "$(environment -r 1:4 -t INIT_VAL:64,MIN_VAL:1,MAX_VAL:10000)"
# And ours.
expect "--tiers and --report" "MEMKIND_MEM_TIERS='$tiers'
MEMKIND_MEM_TIERING_REPORT='$dir/it'\\''s %p'" "$(environment --tiers "$tiers" --report "$dir/it's %p")"
expect "--report without its file" "memtier: --report needs a file, or - for stderr" "$("$memtier" --tiers "$tiers" --report -- true 2>&1)"
expect "--report -" "MEMKIND_MEM_TIERING_REPORT='1'" "$(environment --tiers "$tiers" --report - | tail -n 1)"
expect "what others preload stays" ":libother.so'" "$(LD_PRELOAD=libother.so "$memtier" --dry-run -r 1:0 2>/dev/null | grep -o ':libother.so.$')"

# The machine's capacities; one node may count as both kinds.
expect "capacities" "KIND:DRAM,RATIO:N;KIND:KMEM_DAX,RATIO:N;POLICY:STATIC_RATIO" \
    "$(MEMKIND_DAX_KMEM_NODES=0 environment | sed "s/MEMKIND_MEM_TIERS='\(.*\)'/\1/; s/RATIO:[1-9][0-9]*/RATIO:N/g")"
expect "exit status without KMEM_DAX memory" 1 "$(MEMKIND_DAX_KMEM_NODES=1000 "$memtier" /bin/true 2>/dev/null; echo $?)"
expect "message without KMEM_DAX memory" "memtier: there appears to be no KMEM_DAX devices" \
    "$(MEMKIND_DAX_KMEM_NODES=1000 "$memtier" /bin/true 2>&1 | sed -n 's/^\(memtier: .*\) (.*/\1/p')"

# refused WORDS ARGUMENT…: status 1, and the words are in the line that says why.
refused() {
    local words=$1 answer
    shift
    answer=$("$memtier" "$@" 2>&1)
    expect "exit status of memtier $*" 1 $?
    expect "what memtier $* says" "$words" "$(grep -o -F -- "$words" <<<"$answer" | head -n 1)"
}
refused "--ratio: no ':' in '1' at column 1" -r 1 /bin/true
refused "--ratio: bad number '' at column 3" -r 1: /bin/true
refused "--ratio: bad number '-4' at column 3" -r 1:-4 /bin/true
refused "--ratio: bad number '4:5' at column 3" -r 1:4:5 /bin/true
refused "--ratio: bad number '4294967296' at column 3" -r 1:4294967296 /bin/true
refused "--ratio: no tier in '0:0' at column 1" -r 0:0 /bin/true
refused "--tiers: unknown kind 'DARM' at column 6; accepted: DRAM, " --tiers "KIND:DARM,RATIO:1;POLICY:STATIC_RATIO" /bin/true
refused "--tiers: unknown kind 'DARM' at column 6; accepted: DRAM, " --dry-run --tiers "KIND:DARM,RATIO:1;POLICY:STATIC_RATIO"
refused "--thresholds: unknown key 'VAL' at column 1" -r 1:4 -t VAL:1 /bin/true
refused "too few tiers for 'DYNAMIC_THRESHOLD'" -r 1:0 -t INIT_VAL:1000 /bin/true
refused "--thresholds go with POLICY:DYNAMIC_THRESHOLD" --tiers "$tiers" -t INIT_VAL:1000 /bin/true
refused "exclude each other" -r 1:4 --tiers "$tiers" /bin/true
refused "--config excludes" --config "$dir/good" -r 1:4 /bin/true
refused "'$dir/none' cannot be read" --config "$dir/none" /bin/true
printf 'KIND:DRAM,RATIO:1\n# more\n KIND:DARM,RATIO:1\nPOLICY:STATIC_RATIO\n' >"$dir/bad"
refused "memtier: $dir/bad: unknown kind 'DARM' at line 3, column 7; accepted: DRAM, " --config "$dir/bad" /bin/true
refused "                           ^~~~" --config "$dir/bad" /bin/true
printf 'KIND:DRAM,RATIO:1\nPOLICY:STATIC_RATIO\nTHRESHOLDS:INIT_VAL:1\n' >"$dir/bad"
refused "THRESHOLDS go with POLICY:DYNAMIC_THRESHOLD only" --config "$dir/bad" /bin/true
refused "no command" -r 1:4
refused "see memtier --help" --nonsense /bin/true
refused "see memtier --help" -r

# Running.
expect "output and arguments" "<a b> <-r> <--tiers>" \
    "$("$memtier" -r 1:0 bash -c 'printf "<%s> <%s> <%s>\n" "$@"' name "a b" -r --tiers)"
expect "the command's exit status" 7 "$("$memtier" -r 1:0 sh -c 'exit 7'; echo $?)"
expect "the library is there" yes "$("$memtier" -r 1:0 grep -q libmemtier.so /proc/self/maps && echo yes)"
expect "a command that is not there" 127 "$("$memtier" -r 1:0 "$dir/missing" 2>/dev/null; echo $?)"
expect "a command that cannot be run" 126 "$("$memtier" -r 1:0 "$dir" 2>/dev/null; echo $?)"
expect "tiers that cannot be had" 78 \
    "$("$memtier" --tiers "KIND:FS_DAX,PATH:$dir/missing,RATIO:1;POLICY:STATIC_RATIO" /bin/true 2>/dev/null; echo $?)"
expect "thresholds of the caller's do not matter" 0 "$(MEMKIND_MEM_THRESHOLDS=x "$memtier" -r 1:0 /bin/true; echo $?)"
"$memtier" --tiers "$tiers" --report "$dir/report" "$binary_dir/preload_leave" 1000 4096
expect "tiers in the report" "DRAM FS_DAX" "$(echo $(awk '$1 ~ /^[01]$/ { print $2 }' "$dir/report"))"
printf 'KIND:DRAM,RATIO:1\nKIND:REGULAR,RATIO:1\nPOLICY:DYNAMIC_THRESHOLD\nTHRESHOLDS:INIT_VAL:64,MIN_VAL:1\n' >"$dir/good"
MEMKIND_MEM_TIERS=x "$memtier" --config "$dir/good" --report "$dir/report.json" "$binary_dir/preload_leave" 1000 4096
expect "tiers of a file in a report in JSON" '"kind": "DRAM" "kind": "REGULAR"' \
    "$(grep -o '"kind": "[A-Z]*"' "$dir/report.json" | tr '\n' ' ' | sed 's/ $//')"
expect "-v shows the environment" "MEMKIND_MEM_TIERS='KIND:DRAM,RATIO:1;POLICY:STATIC_RATIO'" \
    "$("$memtier" -v -r 1:0 /bin/true 2>&1 | grep MEMKIND_MEM_TIERS)"
expect "-h" "memtier [OPTION...] COMMAND [ARGUMENT...]" "$("$memtier" -h | head -n 1)"
finish
