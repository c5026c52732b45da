#!/bin/bash
# surface_examples_test.sh INCLUDE LIBMEMKIND: the example programs that Debian's libmemkind-dev brings compile against our headers and run
# with our library. Exit status 77, and why, where they are not installed.
set -eu
include=$1 library=$2
libdir=$(dirname "$library")
examples=/usr/share/doc/libmemkind-dev/examples
[ -d "$examples" ] || { echo "$examples is not there (libmemkind-dev)"; exit 77; }
scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/terrace-examples-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }
# Every kind that an example asks for is to be there.
export MEMKIND_HBW_NODES=0 MEMKIND_DAX_KMEM_NODES=0
huge_pages=$(cat /proc/sys/vm/nr_hugepages)

count=0
for source in "$examples"/*.c "$examples"/*.cpp; do
    name=$(basename "$source")
    program=$scratch/${name%.*}
    case $name in
        autohbw_candidates.c) echo "$name: uses malloc only, nothing of memkind"; continue ;;
        memkind_allocated_example.cpp) echo "$name: its own header is not in the package"; continue ;;
        hello_*) [ "$huge_pages" -ge 8 ] || { echo "$name: needs huge pages, which are not configured"; continue; } ;;
    esac
    compiler="${CC:-cc} -std=gnu11"
    case $name in *.cpp) compiler="${CXX:-c++} -std=c++17" ;; esac
    # The decorators are a file to be linked to a program.
    rest=
    case $name in memkind_decorator_debug.c) rest=$examples/pmem_malloc.c ;; esac
    $compiler -I "$include" "$source" $rest -o "$program" -L "$libdir" -Wl,-rpath,"$libdir" -lmemkind -pthread ||
        fail "$name does not build"
    mkdir "$program.directory"
    "$program" "$program.directory" >"$program.output" 2>&1 || { tail "$program.output"; fail "$name does not run"; }
    case $name in
        memkind_decorator_debug.c)
            grep -q 'memkind_malloc' "$program.output" || fail "$name: no decorator was called" ;;
    esac
    count=$((count + 1))
done
[ $count -ge 15 ] || fail "only $count examples were found"
echo "$count examples"
