# Writes this machine's topology down: hwloc's XML, and what /sys says, one line a file: "PATH<tab>CONTENT", newlines as \n;
# symbolic links "PATH<tab>-> TARGET". Sourced by `inside`.
lstopo-no-graphics --of xml -f /tmp/lab/topology.xml
(
    cd /sys
    for file in devices/system/node/{online,possible,has_cpu,has_memory} \
        devices/system/node/node*/{cpulist,distance,meminfo} \
        devices/system/node/node*/hugepages/*/nr_hugepages \
        devices/system/node/node*/access[01]/initiators/{read,write}_{bandwidth,latency} \
        devices/system/node/node*/access[01]/initiators/node* \
        kernel/mm/hugepages/*/nr_{hugepages,overcommit_hugepages} \
        bus/dax/devices/*/{target_node,driver}; do
        if [ -L "$file" ]; then
            printf '%s\t-> %s\n' "$file" "$(readlink "$file")"
        elif [ -f "$file" ]; then
            printf '%s\t%s\n' "$file" "$(sed -n '/MemTotal/p; /^Node/!p' "$file" | sed 's/$/\\n/' | tr -d '\n')"
        fi
    done
) >/tmp/lab/topology.sys
