#!/bin/sh
# Our libraries show nothing of the private jemalloc and nothing of their own insides, and load no libstdc++.
#   private_names_test.sh NM LIBRARY...
set -eu
nm=$1
shift
failed=0
for library in "$@"; do
    shown=$("$nm" -D --defined-only "$library" | awk '{print $3}')
    [ -n "$shown" ] || { echo "$library shows no names at all"; failed=1; }
    foreign=$(echo "$shown" | grep -E 'je_|jemalloc|mallctl|mallocx|_ZN7terrace|^__cxa' || true)
    if [ -n "$foreign" ]; then
        echo "$library shows names that are not its own: $foreign"
        failed=1
    fi
    if readelf -d "$library" | grep -E 'NEEDED.*(stdc\+\+|jemalloc)'; then
        echo "$library needs a library that it must not need"
        failed=1
    fi
done
exit $failed
