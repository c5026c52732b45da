#!/bin/bash
# cross_test.sh ARCHITECTURE SOURCE BUILD NATIVE-CALLS: builds libpmem for another architecture, runs it in qemu-user, and compares its
# answers with the native library's. Exit status 77, and why, without the packages of scripts/packages/cross.txt.
set -eu -o pipefail
architecture=$1 source=$2 build=$3 native=$4
triplet=$architecture-linux-gnu
for program in "$triplet-gcc" "$triplet-g++" "qemu-$architecture"; do
    command -v "$program" >/dev/null || { echo "skipped: $program is not installed (scripts/packages/cross.txt)"; exit 77; }
done
unset "${!PMEM_@}"
cmake -S "$source" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DTERRACE_ONLY_FLUSH=ON -DTERRACE_WARNINGS_ARE_ERRORS=ON \
    -DCMAKE_SYSTEM_NAME=Linux "-DCMAKE_SYSTEM_PROCESSOR=$architecture" "-DCMAKE_C_COMPILER=$triplet-gcc" \
    "-DCMAKE_CXX_COMPILER=$triplet-g++" >"$build.log" 2>&1 || { cat "$build.log"; exit 1; }
cmake --build "$build" -j2 --target cross_calls cross_flush libpmem >"$build.log" 2>&1 || { cat "$build.log"; exit 1; }

run() {  # run CPU PROGRAM ARGUMENT…
    local cpu=$1
    shift
    "qemu-$architecture" -cpu "$cpu" -L "/usr/$triplet" "$@"
}

# expect CPU METHOD PATTERN: that CPU writes back so, and the emulator met the instruction.
expect() {
    local cpu=$1 method=$2 seen=$3
    run "$cpu" -d in_asm -D "$build/instructions" "$build/bin/cross_flush" | tee "$build/answer"
    grep -qx "written back by $method" "$build/answer" || { echo "FAILED: not by $method on $cpu"; exit 1; }
    [ -z "$seen" ] || grep -qiE "$seen" "$build/instructions" || { echo "FAILED: $cpu met no $method"; exit 1; }
    rm -f "$build/instructions"
}
case $architecture in
    aarch64)
        cpu=cortex-a57  # for the calls: QEMU 7.2 tells programs of dc cvap, but does not let them
        expect max 'dc cvap' 'cvap|#3, c7, c12, #1'
        expect cortex-a57 'dc cvac' 'cvac|#3, c7, c10, #1'
        ;;
    riscv64)
        cpu=rv64
        expect rv64 msync ''
        grep -qx 'each line once' "$build/answer" || { echo 'FAILED: cbo.clean was not looked at'; exit 1; }
        ;;
esac

scratch=$(mktemp -d /var/tmp/terrace-cross-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"
mkdir "$scratch/native" "$scratch/cross"
# Where a mapping begins is up to the emulator, which heeds no hint.
place='s/at a multiple of [^;]*/somewhere/'
"$native" "$scratch/native" | sed "$place" >"$scratch/native.lines"
run "$cpu" "$build/bin/cross_calls" "$scratch/cross" | sed "$place" >"$scratch/cross.lines"
if ! diff "$scratch/native.lines" "$scratch/cross.lines"; then
    echo "FAILED: '<' is what the native library answers, '>' the one for $architecture"
    exit 1
fi
echo "$(wc -l <"$scratch/cross.lines") answers, the same as the native library's"
