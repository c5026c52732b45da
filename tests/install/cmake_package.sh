#!/bin/bash
# Programs built with find_package(terrace) run; shared and static.
. "$(dirname "$(readlink -f "$0")")/common.sh"

cmake=${CMAKE:-cmake}
"$cmake" -S "$consumer" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$stage" >"$scratch/log" 2>&1 &&
    "$cmake" --build "$scratch/build" >>"$scratch/log" 2>&1 || { cat "$scratch/log"; fail 'it does not build'; }
grep -c . "$scratch/build/programs.txt" >/dev/null || fail 'no program was built'
while read -r program; do
    (cd "$scratch" && "$program") || fail "$(basename "$program") does not run"
done <"$scratch/build/programs.txt"
