#!/bin/sh
# memkind-hbw-nodes and memkind-auto-dax-kmem-nodes: output and exit status as memkind's programs have them.
# Usage: node_tools_test.sh BIN_DIRECTORY
bin=$1
failures=0

# expect STATUS OUTPUT command…
expect() {
    status=$1 output=$2
    shift 2
    got=$("$@" 2>/dev/null)
    got_status=$?
    if [ $got_status != "$status" ] || { [ "$output" != any ] && [ "$got" != "$output" ]; }; then
        echo "$*: status $got_status, output '$got'; expected $status, '$output'"
        failures=$((failures + 1))
    fi
}

hbw=$bin/memkind-hbw-nodes
dax=$bin/memkind-auto-dax-kmem-nodes
unset MEMKIND_HBW_NODES MEMKIND_DAX_KMEM_NODES MEMKIND_HBW_THRESHOLD HWLOC_XMLFILE HWLOC_SYNTHETIC

expect 0 0 env MEMKIND_HBW_NODES=0 "$hbw"
expect 1 '' env MEMKIND_HBW_NODES=999 "$hbw"
expect 1 '' env MEMKIND_HBW_NODES=rubbish "$hbw"
expect 2 any "$hbw" --help
expect 2 any "$hbw" -h
expect 2 '' "$hbw" --unknown
expect 0 0 env MEMKIND_DAX_KMEM_NODES=0 "$dax"
expect 3 '' env MEMKIND_DAX_KMEM_NODES=999 "$dax"
expect 0 any "$dax" --help
expect 2 '' "$dax" --unknown
# What /sys shows decides; most machines have no such memory.
[ -d /sys/bus/dax/devices ] && [ -n "$(ls /sys/bus/dax/devices)" ] || expect 3 '' "$dax"
expect 1 '' sh -c "MEMKIND_HBW_NODES=0 exec '$hbw' >/dev/full"

exit $failures
