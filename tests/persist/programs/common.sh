# For the scripts beside: SCRIPT LIBPMEM runs a program of Debian's, unchanged, with this libpmem.so.1 in place of its own. Exit
# status 77, and why, where the program is not installed. MEMKIND_DEBUG has the library say so when it is used for the first time.
set -eu -o pipefail
export LC_ALL=C
unset "${!PMEM_@}"

needs() {  # needs COMMAND PACKAGE
    command -v "$1" >/dev/null || { echo "skipped: $1 is not installed: apt-get install $2"; exit 77; }
}

fail() {
    echo "FAILED: $1"
    [ ! -e "$scratch/log" ] || tail -n 30 "$scratch/log"
    exit 1
}

# Whether the log shows that this library made something durable.
expect_use_of_library() {
    grep -aq 'durable memory: written back by' "$scratch/log" || fail 'the program did not use this libpmem'
}

scratch=$(mktemp -d /dev/shm/terrace-program-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM
mkdir "$scratch/lib"
cp -L "$1" "$scratch/lib/libpmem.so.1"
cd "$scratch"  # programs leave files where they are run
export LD_LIBRARY_PATH=$scratch/lib MEMKIND_DEBUG=1
