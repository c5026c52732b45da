# Sourced: PMDK's own libpmem2 in $peer, and `skip` for machines without it.
skip() { echo "$*"; exit 77; }
peer=
for candidate in /usr/lib/*/libpmem2.so.1 /usr/lib64/libpmem2.so.1 /usr/lib/libpmem2.so.1; do
    [ -e "$candidate" ] || continue
    # One that we installed there ourselves is no measure.
    nm -D --defined-only "$candidate" | grep -q ' pmem2_err_to_errno' && continue
    peer=$candidate
    break
done
scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/terrace-pmem2-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
