#!/bin/bash
# surface_names_test.sh LIBMEMKIND NAMES: every name that programs built for memkind ask the loader for is there, data in the same
# size, without a version; and nothing is shown that is not memkind's, hbwmalloc's or memtier's.
set -eu
library=$1 expected=$2
fail() { echo "FAILED: $*" >&2; exit 1; }

# type name size (decimal; 0 for a symbol without a size)
shown() { nm -D -P --defined-only -t d "$1" | awk '$2 != "A" {print $2, $1, $4 + 0}'; }

all=$(shown "$library")
grep -q . <<<"$all" || fail "$library shows no names"
count=0
while read -r type name size; do
    case $type in '#') continue ;; esac
    entry=$(awk -v name="$name" '$2 == name' <<<"$all")
    [ -n "$entry" ] || fail "$name is missing"
    read -r its_type _ its_size <<<"$entry"
    case $type in
        T) [ "$its_type" = T ] || fail "$name is no function, but of type $its_type" ;;
        D) case $its_type in [DBR]) ;; *) fail "$name is no data, but of type $its_type" ;; esac
            [ "$its_size" = "$size" ] || fail "$name has $its_size bytes, programs expect $size" ;;
        *) fail "$expected: unknown type '$type'" ;;
    esac
    count=$((count + 1))
done <"$expected"
[ "$count" -ge 83 ] || fail "$expected lists only $count names"

stray=$(awk '$2 !~ /^(memkind|MEMKIND|hbw|memtier|terrace_preload_[0-9]+)_/ {print $2}' <<<"$all")
[ -z "$stray" ] || fail "names that are not the library's own: $stray"
! nm -D --defined-only "$library" | grep '@' || fail 'the names above have versions; memkind has none'
echo "$count names as memkind has them, $(wc -l <<<"$all") in all"
