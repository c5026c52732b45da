#!/bin/bash
# fio's libpmem engine writes blocks and verifies their checksums, on durable memory (forced), and refuses an ordinary file.
. "$(dirname "$(readlink -f "$0")")/common.sh"
needs fio fio

run() {
    fio --name=test --ioengine=libpmem --filename="$scratch/file" --size=16M --direct=1 --iodepth=1 "$@" >"$scratch/log" 2>&1
}
for pattern in write randwrite randrw; do
    for size in 64 4k 1m; do
        PMEM_IS_PMEM_FORCE=1 run --rw=$pattern --bs=$size --io_size=8M --verify=crc32c --do_verify=1 --verify_fatal=1 ||
            fail "fio $pattern, blocks of $size"
        expect_use_of_library
        grep -q 'err= 0' "$scratch/log" || fail "fio $pattern, blocks of $size: an error"
    done
done
if run --rw=write --bs=4k; then
    fail 'fio took an ordinary file for durable memory'
fi
grep -q 'does not point to persistent memory' "$scratch/log" || fail 'fio does not say that the file is not durable memory'
echo 'fio: 9 runs verified, and an ordinary file refused'
