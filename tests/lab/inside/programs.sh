#!/bin/bash
# Everybody's programs (tests/preload/programs) over this machine's memory kinds: DRAM and HBM, KMEM DAX or CXL memory, whichever are
# here, as the golden file says. The same answers as without, and bytes in the far or fast tier. A tenth of the data, for emulation is
# slow; TERRACE_LAB_NIGHTLY=yes: all programs that a night has time for, instead of two.
preload=$(dirname "$0")/../../preload
programs='awk sqlite3'
export TERRACE_SLOW=1
[ "${TERRACE_LAB_NIGHTLY-}" != yes ] || programs='awk bash git grep perl rsync sort sqlite3 stress_ng tar_zstd'
tiers=()
for kind in HBW KMEM_DAX; do
    golden=$kind
    [ $kind = HBW ] || golden=DAX_KMEM
    grep -q "^$golden: bind {" "$TERRACE_LAB_CHOICES" && tiers+=("KIND:DRAM,RATIO:1;KIND:$kind,RATIO:4;POLICY:STATIC_RATIO")
done
[ ${#tiers[@]} -gt 0 ] || { echo "skipped: neither HBM nor KMEM DAX here"; exit 77; }
ran=0 failed=0
for program in $programs; do
    started=$SECONDS
    "$preload/run_program.sh" "$TERRACE_LIB" "$preload/programs/$program.sh" "${tiers[@]}"
    status=$?
    echo "$program: status $status after $((SECONDS - started)) s"
    [ $status = 0 ] && ran=$((ran + 1))
    [ $status = 0 ] || [ $status = 77 ] || failed=1
done
[ $ran -gt 0 ] || { echo "skipped: none of the programs is installed"; exit 77; }
exit $failed
