#!/bin/bash
# What the libraries show and need: their sonames, their own names only, and no C++ run-time library.
. "$(dirname "$(readlink -f "$0")")/common.sh"

check() {  # check LIBRARY SONAME PATTERN-OF-ITS-NAMES
    local file=$libdir/$1.so names stray
    readelf -d "$file" | grep -q "SONAME.*\[$2\]" || fail "$1.so does not have the soname $2"
    ! readelf -d "$file" | grep -E 'NEEDED.*(libstdc\+\+|libc\+\+|libgcc_s|libjemalloc)' || fail "$1.so needs the library above"
    names=$(nm -D --defined-only "$file" | awk '$2 != "A" {print $3}' | sed 's/@.*//')
    [ -n "$names" ] || fail "$1.so shows no names"
    stray=$(grep -v -x -E "$3" <<<"$names" || true)
    [ -z "$stray" ] || fail "$1.so shows names that are not its own: $stray"
    if [ -e "$libdir/$1.a" ]; then
        stray=$(nm --defined-only --extern-only "$libdir/$1.a" | awk 'NF == 3 {print $3}' | grep -v -x -E "$3" || true)
        [ -z "$stray" ] || fail "$1.a shows names that are not its own: $stray"
    fi
    echo "$1: $(wc -l <<<"$names") names, soname $2"
}

# terrace_preload_3_* is what libmemtier shares with libmemkind; see tiering/shortcut.hpp.
check libmemkind libmemkind.so.0 '(memkind|MEMKIND|hbw|memtier|terrace_preload_3)_.*'
allocation='malloc|calloc|realloc|reallocarray|free|free_sized|free_aligned_sized|posix_memalign|aligned_alloc|memalign|valloc|pvalloc|malloc_usable_size|malloc_trim|mallopt|mallinfo|mallinfo2|malloc_stats|malloc_info'
check libmemtier libmemtier.so.0 "($allocation|mmap|mmap64)"
check libautohbw libautohbw.so.0 "($allocation|enableAutoHBW|disableAutoHBW)"
# libpmem, libpmem2 and libpmemobj tell each other of open pools by the names that begin with terrace_.
check libpmem libpmem.so.1 'pmem_.*|terrace_pmem_mind_pools'
check libpmem2 libpmem2.so.1 'pmem2_.*|terrace_pmem2_mind_pools'
# terrace_pool_engine_table is how libmemkind's persistent kind reaches the engine; see docs/architecture.md.
check libpmemobj libpmemobj.so.1 '(_?pmemobj|_pobj)_.*|terrace_pool_engine_table|terrace_pool_stores_table'
