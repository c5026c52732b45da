# For the *_test.sh scripts: a temporary directory, counting of failed expectations, running under libmemtier.
# Usage: . words.sh LIBRARY_DIR BINARY_DIR
set -u
unset LD_PRELOAD MEMKIND_MEM_TIERS MEMKIND_MEM_THRESHOLDS MEMKIND_MEM_TIERING_REPORT MEMKIND_MEM_TIERING_REPORT_FORMAT MEMKIND_MEM_TIERING_REPORT_SIGNAL
unset MEMKIND_MEM_TIERING_MMAP MEMKIND_MEM_TIERING_LENIENT MEMKIND_MEM_TIERING_CONFIG MEMKIND_HBW_NODES MEMKIND_DAX_KMEM_NODES
unset AUTO_HBW_SIZE AUTO_HBW_LOG AUTO_HBW_MEM_TYPE
library_dir=$1
binary_dir=$2
failures=0
dir=$(mktemp -d "${TMPDIR:-/tmp}/terrace-XXXXXX")
cleanup() { rm -rf "$dir"; }
trap cleanup EXIT
mkdir "$dir/tier"

# under TIERS CMD …: CMD with libmemtier preloaded
under() {
    local tiers=$1
    shift
    (
        export MEMKIND_MEM_TIERS=$tiers LD_PRELOAD=$library_dir/libmemtier.so.0
        exec "$@"
    )
}

# expect WHAT EXPECTED ACTUAL
expect() {
    [ "$2" = "$3" ] && return
    printf 'FAILED: %s\n  expected: %s\n  got:      %s\n' "$1" "$2" "$3"
    failures=$((failures + 1))
}

finish() {
    [ $failures -eq 0 ] && echo "all as expected" && exit 0
    echo "$failures expectations failed"
    exit 1
}
