#!/bin/bash
# Every example of README.md compiles without a warning and runs, against the installation.
#   readme_examples.sh STAGE CONSUMER README
# An example is a fenced block after a line "<!-- example: NAME, pkg-config PACKAGE… -->".
. "$(dirname "$(readlink -f "$0")")/common.sh"

mkdir "$scratch/examples"
awk -v dir="$scratch/examples" '
    /^<!-- example: / {
        name = $3; sub(/,$/, "", name)
        packages = $0; sub(/.*pkg-config /, "", packages); sub(/ -->/, "", packages)
        if ($4 == "pkg-config") print packages > (dir "/" name ".packages")
        next
    }
    /^```/ { if (inside) { inside = 0; name = "" } else inside = 1; next }
    inside && name { print > (dir "/" name) }
' "$3"

cd "$scratch/examples"
count=0
for example in *.c *.sh; do
    case $example in
        *.c) ${CC:-cc} -std=gnu11 -Wall -Wextra -Werror "$example" -o program \
                $(pkg-config --cflags --libs $(cat "$example.packages")) || fail "$example does not build" ;;
        *.sh) cp "$example" program; chmod +x program; sed -i '1i#!/bin/sh -e' program ;;
    esac
    # Twice: what is still there tomorrow must not disturb the second run.
    for run in first second; do
        LD_LIBRARY_PATH=$libdir ./program >output 2>&1 || { cat output; fail "the $run run of $example fails"; }
        sed "s/^/$example: /" output
    done
    count=$((count + 1))
done
[ $count -ge 5 ] || fail "README.md has only $count examples; were the marks changed?"
