# What the install tests share. Sourced with the arguments STAGE and CONSUMER: the installation's prefix, and the folder of
# small programs to build against it. Leaves an empty folder in $scratch.
set -eu
stage=$1 consumer=$2
scratch=$(mktemp -d "${TMPDIR:-/tmp}/terrace-install-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
libdir=$(dirname "$(find "$stage" -name libmemkind.so -print -quit)")
fail() { echo "FAILED: $*" >&2; exit 1; }
export PKG_CONFIG_PATH=$libdir/pkgconfig LC_ALL=C.UTF-8

# The libraries of the installation that have a pkg-config file, by the file's name.
packages() { (cd "$libdir/pkgconfig" && ls -- *.pc | sed 's/\.pc$//'); }

# The programs of $consumer that use a package: NAME.c and NAME_*.cpp, say memkind.c and memkind_cxx.cpp.
programs_of() { ls "$consumer/$1".c "$consumer/$1"_*.cpp 2>/dev/null; }
compiler_of() { case $1 in *.c) echo "${CC:-cc} -std=c11" ;; *) echo "${CXX:-c++} -std=c++17" ;; esac; }
