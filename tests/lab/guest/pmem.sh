# Persistent memory inside the guest: each device of $pmem ("BYTES MODE", …) is found by its size, since the order of regions
# is not fixed. Sourced by `inside`.

region_of_size() {
    local region
    for region in /sys/bus/nd/devices/region*; do
        [ "$(cat "$region/size")" != "$1" ] || { basename "$region"; return; }
    done
    echo "no region of $1 bytes" >&2
    return 1
}

# namespace REGION MODE: a device without labels has one namespace, of all its room; only its mode can change.
namespace() { ndctl create-namespace -f -e "namespace${1#region}.0" -m "$2"; }

set_up_pmem() {
    local size mode region device
    while read -r size mode; do
        [ -n "$size" ] || continue
        region=$(region_of_size "$size") || return 1
        if [ "$kept" = yes ] && [ "$mode" = fsdax ]; then
            device=/dev/pmem${region#region}
            mkdir -p /mnt/pmem
            mount -o dax "$device" /mnt/pmem || return 1
            continue
        fi
        case $mode in
            fsdax)
                namespace "$region" fsdax || return 1
                device=/dev/pmem${region#region}
                mkfs.ext4 -F -q -b 4096 "$device" || return 1
                mkdir -p /mnt/pmem
                mount -o dax "$device" /mnt/pmem || return 1
                ;;
            devdax)
                namespace "$region" devdax || return 1
                ;;
            kmem)
                namespace "$region" devdax || return 1
                daxctl reconfigure-device --mode=system-ram "dax${region#region}.0" || return 1
                ;;
        esac
    done <<<"$pmem"
}

# The CXL device is persistent memory, the only type that QEMU 7.2 has: a region on it, a namespace, then handed to the kernel, whose
# records of its pages stay in DRAM (-M mem): every access to the device is slow here.
set_up_cxl() {
    local region
    cxl create-region -t pmem -d decoder0.0 -m mem0 || return 1
    region=$(basename /sys/devices/platform/ACPI0017:00/root0/nvdimm-bridge0/ndbus0/region*)
    ndctl create-namespace -r "$region" -m devdax -M mem || return 1
    daxctl reconfigure-device --mode=system-ram "dax${region#region}.0"
}
