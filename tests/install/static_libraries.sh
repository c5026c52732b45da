#!/bin/bash
# Each static library is all that a program needs, and all of them fit into one program.
. "$(dirname "$(readlink -f "$0")")/common.sh"

archives=()
for package in $(packages); do
    archive=$libdir/lib${package#lib}.a
    [ -e "$archive" ] || fail "$(basename "$archive") was not installed"
    archives+=("$archive")
    for program in $(programs_of "$package"); do
        $(compiler_of "$program") "$program" -o "$scratch/program" $(pkg-config --cflags "$package") \
            "$archive" -lm -lpthread ||
            fail "$(basename "$program") does not link with $(basename "$archive")"
        ! readelf -d "$scratch/program" | grep -E 'NEEDED.*(memkind|pmem)' || fail "it needs the shared library after all"
        (cd "$scratch" && ./program) || fail "$(basename "$program") does not run"
        rm -rf "${scratch:?}"/*
    done
done
echo 'int main() { return 0; }' >"$scratch/all.cpp"
${CXX:-c++} "$scratch/all.cpp" -o "$scratch/all" -Wl,--whole-archive "${archives[@]}" -Wl,--no-whole-archive -lm -lpthread ||
    fail 'the static libraries do not fit into one program'
"$scratch/all"
