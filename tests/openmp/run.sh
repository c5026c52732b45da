#!/bin/bash
# run.sh LIBRARY_DIR COMPILER preloaded|linked|dlopened: are the blocks of OpenMP's memory spaces ours, and of the right kind?
# Exit: 0 yes, 1 no, 77 the compiler or its OpenMP run-time is not there, or knows no memkind.
set -u
library_dir=$1 compiler=$2 way=$3
here=$(dirname "$(readlink -f "$0")")
scratch=$(mktemp -d "${TMPDIR:-/tmp}/terrace-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
unset LD_PRELOAD LD_LIBRARY_PATH
skip() { echo "SKIPPED: $*"; exit 77; }

command -v "$compiler" >/dev/null || skip "$compiler is not installed"
link=()
[ "$way" = linked ] && link=(-L"$library_dir" -Wl,--no-as-needed -lmemkind)
"$compiler" -fopenmp -O1 -Wall -Wextra "$here/allocators.c" -o "$scratch/program" "${link[@]}" -ldl 2>"$scratch/errors" || {
    head -n 5 "$scratch/errors"
    skip "$compiler builds no OpenMP programs here: apt-get install libomp-14-dev for clang-14"
}
run_time=$(LD_LIBRARY_PATH=$library_dir ldd "$scratch/program" | awk '/lib(g)?omp/ { print $3 }')
grep -q libmemkind.so "$run_time" || skip "$run_time knows no memkind (libgomp does from GCC 13 on)"

# The run-time looks for the library by name; an installation in the loader's path needs none of this.
export LD_LIBRARY_PATH=$library_dir MEMKIND_HBW_NODES=0 MEMKIND_DAX_KMEM_NODES=0
[ "$way" = preloaded ] && export LD_PRELOAD=libmemkind.so.0
"$scratch/program" >"$scratch/answer"
status=$?
# libgomp leaves the default space to malloc, libomp does not. (Tried with libomp 14; Debian 12 has no libgomp that knows memkind.)
default=MEMKIND_DEFAULT
case $run_time in
    *libgomp*) default="the C library's" ;;
esac
cat >"$scratch/expected" <<EOF
default allocator: $default
high bandwidth allocator: MEMKIND_HBW_PREFERRED
default space: $default
default space, interleaved: MEMKIND_INTERLEAVE
high bandwidth space: MEMKIND_HBW_PREFERRED
high bandwidth space, interleaved: MEMKIND_HBW_INTERLEAVE
large capacity space: MEMKIND_DAX_KMEM_ALL
EOF
diff "$scratch/expected" "$scratch/answer" || { echo "FAILED: '<' was expected, '>' is what came (status $status)"; exit 1; }
[ $status -eq 0 ] && cat "$scratch/answer"
