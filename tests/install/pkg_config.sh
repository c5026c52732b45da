#!/bin/bash
# Programs built with what pkg-config says run.
. "$(dirname "$(readlink -f "$0")")/common.sh"

for package in $(packages); do
    for program in $(programs_of "$package"); do
        $(compiler_of "$program") "$program" -o "$scratch/program" $(pkg-config --cflags --libs "$package") ||
            fail "$(basename "$program") does not build with pkg-config $package"
        (cd "$scratch" && LD_LIBRARY_PATH=$libdir ./program) || fail "$(basename "$program") does not run"
        rm -rf "${scratch:?}"/*
    done
done
# Programs written for memkind and PMDK ask for their versions.
pkg-config --atleast-version=1.14 memkind || fail 'memkind.pc has an older version than 1.14'
pkg-config --atleast-version=1.12 libpmem || fail 'libpmem.pc has an older version than 1.12'
pkg-config --atleast-version=1.12 libpmem2 || fail 'libpmem2.pc has an older version than 1.12'
