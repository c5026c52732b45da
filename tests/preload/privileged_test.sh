#!/bin/bash
# A set-user-ID program does not let its caller's environment steer it: plain DRAM, and not a word. Needs root.
. "$(dirname "$0")/words.sh"
if [ "$(id -u)" != 0 ] || ! command -v setpriv >/dev/null; then
    echo "SKIPPED: needs root, and setpriv (apt-get install util-linux)"
    exit 77
fi
# A place that nobody else can write to and everybody can read; the linker takes the libraries from the program's RPATH.
chmod 755 "$dir"
cp -L "$library_dir/libmemtier.so.0" "$library_dir/libmemkind.so.0" "$dir/" && cp "$binary_dir/preload_secure" "$dir/"
chmod 4755 "$dir/preload_secure"
for tiers in "complete nonsense" "KIND:FS_DAX,PATH:$dir/missing,RATIO:1;POLICY:STATIC_RATIO"; do
    answer=$(MEMKIND_MEM_TIERS=$tiers MEMKIND_MEM_TIERING_REPORT="$dir/report" setpriv --reuid=nobody --regid=nogroup \
        --clear-groups "$dir/preload_secure" 2>&1)
    case $answer in
        *"AT_SECURE) != 0"*) echo "SKIPPED: $dir is mounted nosuid"; exit 77 ;;
    esac
    expect "a set-user-ID program under '$tiers'" "runs" "$answer"
done
expect "its report" "" "$(ls "$dir/report" 2>/dev/null)"
finish
