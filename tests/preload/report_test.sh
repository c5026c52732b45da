#!/bin/bash
# The report at exit: exact bytes per tier, in a file or on stderr, per process; and where it cannot be written.
. "$(dirname "$0")/words.sh"
leave=$binary_dir/preload_leave
tiers="KIND:DRAM,RATIO:1;KIND:FS_DAX,PATH:$dir/tier,RATIO:4;POLICY:STATIC_RATIO"

# column TIER COLUMN FILE
column() { awk -v tier="$1" -v column="$2" '$1 == tier { print $column }' "$3"; }

export MEMKIND_MEM_TIERING_REPORT=$dir/none
under "$tiers" "$leave" 0 4096
export MEMKIND_MEM_TIERING_REPORT=$dir/some
under "$tiers" "$leave" 1000 4096
expect "first line" "# libmemtier: bytes per tier of preload_leave" "$(head -n 1 "$dir/some" | cut -d' ' -f1-7)"
expect "kinds" "DRAM FS_DAX" "$(echo $(column 0 2 "$dir/some") $(column 1 2 "$dir/some"))"
expect "path" "$dir/tier" "$(column 1 10 "$dir/some")"
in_dram=$(($(column 0 4 "$dir/some") - $(column 0 4 "$dir/none")))
in_file=$(($(column 1 4 "$dir/some") - $(column 1 4 "$dir/none")))
expect "bytes of 1000 blocks of 4096 in both tiers" 4096000 $((in_dram + in_file))
total_dram=$(column 0 4 "$dir/some")
total_file=$(column 1 4 "$dir/some")
difference=$((total_file - 4 * total_dram))
expect "the ratio is 1:4 to within the largest object of this program, 128 KiB" yes \
    "$([ ${difference#-} -le 524288 ] && echo yes || echo "$total_dram:$total_file")"

# One file for each process, a path that cannot be written, and stderr.
export MEMKIND_MEM_TIERING_REPORT=$dir/of-%p.txt
under "$tiers" sh -c "\"$leave\" 1 1; \"$leave\" 1 1"
# (dash ends by _exit, which runs no exit handlers, and so reports nothing.)
expect "reports of two processes" 2 "$(ls "$dir"/of-*.txt | wc -l)"
export MEMKIND_MEM_TIERING_REPORT=$dir/missing/report
expect "a report that cannot be written" \
    "terrace: MEMKIND_MEM_TIERING_REPORT: '$dir/missing/report' cannot be written: No such file or directory" \
    "$(under "$tiers" "$leave" 1 1 2>&1)"
export MEMKIND_MEM_TIERING_REPORT=1
expect "lines on stderr" 4 "$(under "$tiers" "$leave" 1 1 2>&1 >/dev/null | wc -l)"

# Programs that close stderr before they end, as all of coreutils do, and one that has a file of its own under its number.
expect "sort, which closes stderr" "# libmemtier: bytes per tier of sort" \
    "$(under "$tiers" sort /dev/null 2>&1 | head -n 1 | cut -d' ' -f1-7)"
closes="
import os
os.closerange(0, CLOSED)
own = [os.open('$dir/own%d' % n, os.O_WRONLY | os.O_CREAT) for n in range(3)]
assert own == [0, 1, 2]"
expect "a file with stderr's number" "4 lines" "$(under "$tiers" /usr/bin/python3 -c "${closes/CLOSED/3}" 2>&1 | wc -l) lines"
expect "a file with stderr's number, nothing else open" "0 lines" "$(under "$tiers" /usr/bin/python3 -c "${closes/CLOSED/65536}" 2>&1 | wc -l) lines"
expect "nothing in the program's own files" "" "$(cat "$dir"/own*)"
expect "no stderr from the start" "" "$(under "$tiers" "$leave" 1 1 2>&- </dev/null)"
open_files() { "$@" sh -c 'ls /proc/self/fd' 2>/dev/null | sort -n | tr '\n' ' '; }
expect "a program after exec has no descriptor of the report's" "$(open_files env)" "$(open_files under "$tiers" env -u LD_PRELOAD)"

# JSON, by the path's end or by the format; allocations, refusals and what was passed on.
small="KIND:NODES:0,SIZE_LIMIT:16M;KIND:DRAM;POLICY:CAPACITY_ORDER"
unset MEMKIND_MEM_TIERING_REPORT
export MEMKIND_MEM_TIERING_REPORT=$dir/report.json
expect "a full first tier" "50000000 bytes" "$(under "$small" "$binary_dir/preload_fill" 50000000 5000 2>&1)"
read -r kinds peaks refused passed blocks < <(python3 - "$dir/report.json" <<'END'
import json, sys
report = json.load(open(sys.argv[1]))
first, second = report["tiers"]
print(first["kind"] + "+" + second["kind"], 0 < first["peak_bytes"] <= 16 << 20 and second["peak_bytes"] > 30 << 20,
      first["refusals"] > 0, first["passed_on"] > 5000, first["allocations"] + second["allocations"] >= 10000)
END
)
expect "kinds in JSON" "NODES+DRAM" "$kinds"
expect "peaks, refusals, allocations passed on, allocations in JSON" "True True True True" "$peaks $refused $passed $blocks"
export MEMKIND_MEM_TIERING_REPORT=$dir/plain MEMKIND_MEM_TIERING_REPORT_FORMAT=json
under "$tiers" "$leave" 1 1
expect "JSON by format" '{"library": "libmemtier"' "$(head -c 24 "$dir/plain")"
unset MEMKIND_MEM_TIERING_REPORT_FORMAT

# On a signal, while the program runs.
export MEMKIND_MEM_TIERING_REPORT=$dir/at-signal MEMKIND_MEM_TIERING_REPORT_SIGNAL=USR2
under "$tiers" python3 -c "
import os, signal, sys
held = [bytes(5000) for _ in range(20000)]
os.kill(os.getpid(), signal.SIGUSR2)
text = open('$dir/at-signal').read()
print(sum(int(line.split()[3]) for line in text.splitlines()[2:]) > 100000000)" >"$dir/out" 2>&1
expect "bytes at a signal" True "$(cat "$dir/out")"
export MEMKIND_MEM_TIERING_REPORT_SIGNAL=NONE
expect "a signal that is none" "terrace: MEMKIND_MEM_TIERING_REPORT_SIGNAL: 'NONE' is not a signal; accepted: a name as USR2, or a number" \
    "$(under "$tiers" "$leave" 1 1 2>&1)"
finish
