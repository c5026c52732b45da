#!/bin/bash
# Tiers that break while the program runs: a directory or a file system that goes away, a disk that answers with errors.
# New blocks go to the next tier, what is there stays or is noticed, and the report names the tier and the error.
. "$(dirname "$0")/words.sh"
faults=$binary_dir/preload_faults
file="KIND:FS_DAX,PATH:$dir/tier,RATIO:8"
tiers="KIND:DRAM,RATIO:1;$file;POLICY:STATIC_RATIO"
well="all blocks are as they were"
export MEMKIND_MEM_TIERING_REPORT=$dir/report

# goes_on WHAT TIERS STEP…: the program runs to its end with every block as it was.
goes_on() {
    local what=$1 under=$2
    shift 2
    rm -f "$dir/report"
    expect "$what" "$well" "$(under "$under" "$faults" "$@" 2>&1)"
}
# reported WHAT LINE: a line of the report says so; * matches anything.
reported() {
    local line
    while read -r line; do
        # shellcheck disable=SC2053
        [[ $line == $2 ]] && return
    done <"$dir/report"
    expect "$1" "$2" "$(cat "$dir/report")"
}
silent() { expect "$1" "" "$(grep '^# tier' "$dir/report")"; }

goes_on "nothing breaks" "$tiers" take 5000 4000 drop grow 9000 fork take 5000 4000 check
silent "nothing to tell"

# The disk answers with errors, from fallocate on.
for policy in STATIC_RATIO CAPACITY_ORDER; do
    goes_on "EIO, $policy" "$file;KIND:DRAM,RATIO:1;POLICY:$policy" take 3000 4000 fail fallocate 5 take 9000 4000 drop take 9000 4000 grow 6000
    reported "EIO, $policy" "# tier 0 (FS_DAX) failed: its file cannot grow: Input/output error (EIO), * times; it takes no more allocations"
done
goes_on "EIO, large blocks" "$tiers" take 3 4000000 fail fallocate 5 take 30 4000000 drop take 30 4000000
reported "EIO, large blocks" "# tier 1 (FS_DAX) failed: its file cannot grow: Input/output error (EIO), * times; it takes no more allocations"
goes_on "a full disk" "$tiers" take 3000 4000 fail fallocate 28 take 9000 4000 drop take 9000 4000
reported "a full disk" "# tier 1 (FS_DAX) refused: its file cannot grow: No space left on device (ENOSPC), * times"
goes_on "the file cannot be mapped" "$tiers" take 3000 4000 fail mmap_file 5 take 9000 4000
reported "the file cannot be mapped" "# tier 1 (FS_DAX) failed: its file cannot be mapped: Input/output error (EIO), * times; it takes no more allocations"
goes_on "the file cannot be mapped, and then a fork" "$tiers" take 3000 4000 drop fail mmap_file 5 fork take 3000 4000 fork

# A tier that failed is never asked again, also where it is the last; with STRICT malloc refuses.
answer=$(under "KIND:FS_DAX,PATH:$dir/tier,RATIO:1;POLICY:STATIC_RATIO" "$faults" take 3000 4000 fail fallocate 5 take 9000 4000 2>&1)
expect "nothing but a tier that failed" 1 $?
expect "nothing but a tier that failed: malloc refuses" "not true: block.words != nullptr" "${answer#*: }"
answer=$(under "KIND:DRAM,RATIO:1;$file;POLICY:STATIC_RATIO,STRICT" "$faults" take 3000 4000 fail fallocate 5 take 9000 4000 2>&1)
expect "STRICT: malloc refuses" "not true: block.words != nullptr" "${answer#*: }"

# The directory vanishes: the file stays, but no new one can be made after a fork; and it is used again when it is back.
goes_on "a directory that vanishes" "$tiers" take 3000 4000 run "rmdir '$dir/tier'" take 3000 4000 check
silent "a directory that vanishes: nothing is missed"
mkdir "$dir/tier"
goes_on "a directory that vanishes, and a fork" "$tiers" take 3000 4000 run "rmdir '$dir/tier'" fork take 9000 4000
reported "a directory that vanishes" "# tier 1 (FS_DAX) refused: no new file can be made: No such file or directory (ENOENT), * times"
mkdir "$dir/tier"
in_file() { awk '$1 == 1 { print int($5 / 1000000) }' "$dir/report"; }
goes_on "a directory that comes back" "$tiers" take 3000 4000 run "rmdir '$dir/tier'" fork take 3000 4000 run "mkdir '$dir/tier'" take 9000 4000
expect "a directory that comes back is used again" yes "$([ "$(in_file)" -gt 40 ] && echo yes || in_file)"

# JSON, and on a signal.
export MEMKIND_MEM_TIERING_REPORT_FORMAT=json MEMKIND_MEM_TIERING_REPORT_SIGNAL=USR2
goes_on "JSON" "$tiers" take 3000 4000 fail fallocate 5 take 9000 4000 signal 12
expect "the failure in JSON" "True EIO Input/output error its file cannot grow" "$(python3 -c "
import json
dram, file = json.load(open('$dir/report'))['tiers']
print(dram['failure'] is None and file['failure']['times'] > 0 and file['failure']['lasting'], file['failure']['error'],
      file['failure']['text'], file['failure']['what'])" 2>&1)"
unset MEMKIND_MEM_TIERING_REPORT_FORMAT MEMKIND_MEM_TIERING_REPORT_SIGNAL

# Real file systems that go away, when we may mount them.
if [ "$(id -u)" = 0 ] && unshare -m sh -c "truncate -s 64M '$dir/image' && mkfs.ext4 -q -F '$dir/image' && mount -o loop '$dir/image' '$dir/tier'" >/dev/null 2>&1; then
    # mounted TYPE STEP…: the steps with a file system of its own on the tier's directory
    mounted() {
        local what=$1 mount=$2
        shift 2
        rm -f "$dir/report"
        mkfs.ext4 -q -F "$dir/image"
        expect "$what" "$well" "$(export mount library_dir tiers; unshare -m bash -c "
            $mount && export LD_PRELOAD=\$library_dir/libmemtier.so.0 MEMKIND_MEM_TIERS=\$tiers && exec \"\$@\"" - "$faults" "$@" 2>&1)"
    }
    ext4="mount -o loop '$dir/image' '$dir/tier'"
    tmpfs="mount -t tmpfs -o size=64m none '$dir/tier'"
    for mount in "$ext4" "$tmpfs"; do
        mounted "unmounted lazily ($mount)" "$mount" take 3000 4000 run "umount -l '$dir/tier'" take 3000 4000 check
        silent "unmounted lazily ($mount): the open file stays"
        mounted "unmounted lazily, and a fork ($mount)" "$mount" take 3000 4000 run "umount -l '$dir/tier'" fork take 3000 4000
        reported "unmounted lazily, and a fork ($mount)" \
            "# tier 1 (FS_DAX) refused: its directory is on another file system now: No such device (ENODEV), * times"
        mounted "a real full disk ($mount)" "$mount" take 20000 4000 drop take 20000 4000 fork
        reported "a real full disk ($mount)" "# tier 1 (FS_DAX) refused: its file cannot grow: No space left on device (ENOSPC), * times"
    done
    # What was written is in the page cache, and so is still there when the disk is not.
    mounted "a disk that is gone" "$ext4" take 3000 4000 shutdown "$dir/tier" take 9000 4000 drop take 9000 4000 check
    reported "a disk that is gone" "# tier 1 (FS_DAX) failed: its file cannot grow: Input/output error (EIO), * times; it takes no more allocations"
    mounted "a disk that is gone, and a fork" "$ext4" take 3000 4000 shutdown "$dir/tier" fork take 9000 4000 fork
    mounted "a file system that stopped after an error" "$ext4" take 3000 4000 run "mount -o remount,abort '$dir/tier'" take 9000 4000
    reported "a file system that stopped" "# tier 1 (FS_DAX) failed: its file cannot grow: *, * times; it takes no more allocations"
    # What only the disk had is lost, and never without a signal: no zeros in its place, in the parent or in a child.
    shrink="truncate -s 1M '$dir/image' && losetup -c \$(losetup -n -O NAME -j '$dir/image')"
    for more in check "fork check"; do
        mkfs.ext4 -q -F "$dir/image"
        # shellcheck disable=SC2086
        answer=$(export library_dir tiers; unshare -m bash -c "
            $ext4 && export LD_PRELOAD=\$library_dir/libmemtier.so.0 MEMKIND_MEM_TIERS=\$tiers && exec \"\$@\"" - \
            "$faults" take 3000 4000 evict run "$shrink" $more 2>&1)
        status=$?
        # In a child it is the child that ends by the signal.
        [[ $status -ge 128 || $answer == *"the child: "* ]] || expect "blocks that are lost ($more)" "a signal" "status $status: $answer"
        truncate -s 64M "$dir/image"
    done
else
    echo "not tried: file systems of its own (needs root, unshare -m and loop devices)"
fi
finish
