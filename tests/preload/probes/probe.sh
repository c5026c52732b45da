# One of the probes in this folder, given in PROBE: first plain, so that what it expects is what the C library does.
needs="" packages=""
name=$(basename "$PROBE")

run() {
    for i in 1 2 3; do tiered "$PROBE" || return 1; done
}
