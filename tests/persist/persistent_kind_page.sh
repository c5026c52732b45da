#!/bin/bash
# The program of docs/persistent-kind.md compiles without a warning and remembers.
#   persistent_kind_page.sh PROJECT MEMKIND-DIR PMEMOBJ-DIR COMPILER
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
awk '/^<!-- example: notes.c/ {wanted = 1; next}
     /^```/ {if (inside) exit; inside = wanted; next}
     inside' "$1/docs/persistent-kind.md" >"$scratch/notes.c"
[ "$(wc -l <"$scratch/notes.c")" -gt 20 ] || { echo "the page has lost its program"; exit 1; }
"$4" -std=gnu11 -Wall -Wextra -Werror -I"$1/include" "$scratch/notes.c" -L"$2" -L"$3" -lmemkind -lpmemobj \
    -Wl,-rpath-link,"$2:$3" -o "$scratch/notes"
export LD_LIBRARY_PATH=$2:$3
for run in 1 2 3; do
    "$scratch/notes" "$scratch/pool" >"$scratch/output"
    [ "$(wc -l <"$scratch/output")" -eq $run ] && head -n 1 "$scratch/output" | grep -q "note number $run" || {
        echo "run $run said:"
        cat "$scratch/output"
        exit 1
    }
done
cat "$scratch/output"
