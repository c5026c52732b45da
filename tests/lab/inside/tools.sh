#!/bin/bash
# The command-line tools say of this machine what its golden file says.
failures=0

# nodes_in KIND: "0,2" from the golden file's set of all nodes, or an empty line where the kind is an error.
nodes_in() { sed -n "s/^$1: [^{]*{\([^}]*\)}.*/\1/p" "$TERRACE_LAB_CHOICES"; }

# expect NAME EXPECTED STATUS COMMAND…
expect() {
    local name=$1 expected=$2 status=$3 got got_status
    shift 3
    got=$("$@" 2>/dev/null)
    got_status=$?
    if [ "$got" = "$expected" ] && [ $got_status = "$status" ]; then
        echo "ok: $name: '$got', status $got_status"
    else
        echo "FAILED: $name: '$got', status $got_status; expected '$expected', status $status"
        failures=$((failures + 1))
    fi
}

hbw=$(nodes_in HBW_ALL) dax=$(nodes_in DAX_KMEM_ALL)
hbw_status=0 dax_status=0
[ -n "$hbw" ] || hbw_status=1
[ -n "$dax" ] || dax_status=3
expect memkind-hbw-nodes "$hbw" $hbw_status "$TERRACE_BIN/memkind-hbw-nodes"
expect memkind-auto-dax-kmem-nodes "$dax" $dax_status "$TERRACE_BIN/memkind-auto-dax-kmem-nodes"
exit $((failures != 0))
