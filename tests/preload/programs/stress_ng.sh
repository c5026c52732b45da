# stress-ng: its malloc and mmap stressors and their relatives, with verification, under its own signals, forks and limits.
needs="stress-ng" packages="stress-ng"

# stress NAME OPTION…: only whether it succeeded: how much it did differs from run to run.
stress() {
    local name=$1
    shift
    tiered stress-ng --temp-path "$PWD" --verify --no-rand-seed --quiet "$@" >"$name.log" 2>&1
    echo "$name: status $?"
    grep -i -E 'fail|error|corrupt' "$name.log" | sed -E 's/\[[0-9]+\]//; s/0x[0-9a-f]+/ADDRESS/g'
}

run() {
    local factor=1
    long && factor=20
    stress malloc --malloc 2 --malloc-ops $((5000 * factor)) --malloc-bytes 4M --malloc-max 100
    stress malloc_pthreads --malloc 1 --malloc-ops $((5000 * factor)) --malloc-bytes 4M --malloc-max 50 --malloc-pthreads 4
    stress malloc_touch --malloc 2 --malloc-ops $((300 * factor)) --malloc-bytes 8M --malloc-touch --malloc-thresh 100K
    stress mmap --mmap 2 --mmap-ops $((4 * factor)) --mmap-bytes 4M
    stress mmapaddr --mmapaddr 1 --mmapaddr-ops $((500 * factor))
    stress mremap --mremap 1 --mremap-ops $((10 * factor)) --mremap-bytes 4M
    stress bigheap --bigheap 1 --bigheap-ops $((300 * factor)) --bigheap-growth 64K
    stress vm --vm 1 --vm-ops $((1000 * factor)) --vm-bytes 16M --vm-method all
    stress fork --fork 2 --fork-ops $((100 * factor))
    stress vfork --vfork 1 --vfork-ops $((100 * factor))
    stress pthread --pthread 1 --pthread-ops $((200 * factor))
}
