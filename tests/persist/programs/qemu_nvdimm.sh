#!/bin/bash
# QEMU, linked with libpmem, makes an NVDIMM of a file (pmem=on), sends its content to another QEMU, and that one has it. It calls
# pmem_persist only where the file lies on DAX, so here this is a test of the library's names.
. "$(dirname "$(readlink -f "$0")")/common.sh"
needs qemu-system-x86_64 qemu-system-x86

machine() {  # machine FILE OPTION…
    qemu-system-x86_64 -machine pc,nvdimm=on,accel=tcg -m 64M,slots=2,maxmem=1G -display none -nodefaults -no-user-config \
        -object "memory-backend-file,id=memory,share=on,pmem=on,mem-path=$1,size=32M,align=2M" \
        -device nvdimm,memdev=memory,label-size=128K -monitor stdio -S "${@:2}"
}
truncate -s 32M "$scratch/from" "$scratch/to"
head -c 1000000 /dev/urandom | dd of="$scratch/from" bs=4096 seek=100 conv=notrunc status=none

printf 'migrate "exec:cat >%s/state"\nquit\n' "$scratch" | machine "$scratch/from" >"$scratch/log" 2>&1 || fail 'QEMU could not send'
{
    # The monitor answers once all has arrived.
    for _ in $(seq 100); do
        cmp -s "$scratch/from" "$scratch/to" && break
        sleep 0.1
    done
    echo 'info status'
    sleep 0.5
    echo quit
} | machine "$scratch/to" -incoming "exec:cat $scratch/state" >"$scratch/log" 2>&1 || fail 'QEMU could not receive'
cmp "$scratch/from" "$scratch/to" || fail 'the NVDIMM arrived with another content'
LD_DEBUG=libs qemu-system-x86_64 --version >"$scratch/log" 2>&1
grep -q "calling init: $scratch/lib/libpmem.so.1" "$scratch/log" || fail 'QEMU did not load this library'
echo 'QEMU: an NVDIMM sent and received'
