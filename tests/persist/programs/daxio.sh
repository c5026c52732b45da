#!/bin/bash
# daxio starts with this library and answers as with its own: real work needs a device DAX, which tests/lab has.
. "$(dirname "$(readlink -f "$0")")/common.sh"
needs daxio pmdk-tools

head -c 100000 /dev/urandom >"$scratch/in"
answers() {
    daxio --version 2>&1 | head -n 1
    daxio -i "$scratch/in" -o "$scratch/out" 2>&1 || echo "exit status $?"
    daxio -z -o "$scratch/in" 2>&1 || echo "exit status $?"
    daxio -i /there/is/none -o "$scratch/out" 2>&1 || echo "exit status $?"
}
answers >"$scratch/ours"
LD_LIBRARY_PATH='' answers >"$scratch/theirs"
diff "$scratch/theirs" "$scratch/ours" || fail "'<' is daxio's answer with its own library, '>' with this one"
LD_DEBUG=libs daxio --version >"$scratch/log" 2>&1
grep -q "calling init: $scratch/lib/libpmem.so.1" "$scratch/log" || fail 'daxio did not load this library'
echo 'daxio: the same answers'
