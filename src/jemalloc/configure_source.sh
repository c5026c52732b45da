#!/bin/sh
# Configures a jemalloc source tree, out of tree, the way Terrace wants it. Run from the build folder.
# A checkout without a configure script (jemalloc's repository) gets one from autoconf first.
set -eu
tree=$1
if [ ! -x "$tree/configure" ]; then
    command -v autoconf >/dev/null || { echo "jemalloc's source tree has no configure script: install autoconf" >&2; exit 1; }
    (cd "$tree" && autoconf)
fi
exec "$tree/configure" --with-jemalloc-prefix=terrace_je_ \
    --disable-initial-exec-tls --disable-cxx --disable-doc --enable-static --disable-shared
