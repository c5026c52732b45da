#!/bin/bash
# install_tree.sh BUILD STAGE CMAKE: installs into STAGE, then moves it: nothing may depend on where it was put.
set -eu
build=$1 stage=$2 cmake=$3
fail() { echo "FAILED: $*" >&2; exit 1; }
rm -rf "$stage" "$stage.first"
"$cmake" --install "$build" --prefix "$stage.first" >/dev/null
mv "$stage.first" "$stage"
for name in include/memkind.h include/memkind_deprecated.h include/hbwmalloc.h include/memkind_pmr.h \
    include/{memkind,pmem,fixed,hbw}_allocator.h include/memkind_cxx.h include/memkind_memtier.h include/autohbw_api.h include/libpmem.h 'lib*/libmemkind.so.0' 'lib*/libmemtier.so' 'lib*/libautohbw.so' \
    'lib*/libmemkind.a' 'lib*/pkgconfig/memkind.pc' 'lib*/pkgconfig/libpmem.pc' 'lib*/cmake/terrace/terraceConfig.cmake'; do
    compgen -G "$stage/$name" >/dev/null || fail "$name was not installed"
done
! grep -rI -l -e "$build" -e "$stage.first" "$stage" || fail 'the files above name the folder they came from'
