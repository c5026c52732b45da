#!/usr/bin/env python3
"""Writes the machines of this folder as hwloc XML files: run it here after a change. README.md tells what each is for."""

GIB = 1 << 30


class Node:
    """A NUMA node. `cpus`: its neighbourhood, as hwloc shows it; empty stands for the whole machine."""

    def __init__(self, number, gib, cpus=(), subtype=None, infos=None, pages_2m=0):
        self.number, self.size, self.cpus, self.subtype = number, gib * GIB, list(cpus), subtype
        self.infos, self.pages_2m = infos or {}, pages_2m


def mask(bits):
    value = sum(1 << bit for bit in bits)
    words = []
    while value or not words:
        words.append(f"0x{value & 0xffffffff:08x}")
        value >>= 32
    return ",".join(reversed(words))


def machine(name, nodes, packages, distances=None, bandwidth=None, latency=None, cpu=("GenuineIntel", 6, 143), allowed=None):
    """packages: lists of CPUs. distances: {(from, to): value}. bandwidth, latency: {(node of the initiator, target): value}."""
    every_cpu = sorted(cpu for package in packages for cpu in package)
    every_node = sorted(node.number for node in nodes)
    index = iter(range(1, 100000))
    of_node = {node.number: next(index) for node in nodes}
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<!DOCTYPE topology SYSTEM "hwloc2.dtd">', '<topology version="2.0">']

    def sets(cpus, numbers):
        cpus, numbers = mask(cpus), mask(numbers)
        return f'cpuset="{cpus}" complete_cpuset="{cpus}" nodeset="{numbers}" complete_nodeset="{numbers}"'

    def write_node(node, cpus, indent):
        subtype = f' subtype="{node.subtype}"' if node.subtype else ""
        lines.append(f'{indent}<object type="NUMANode"{subtype} os_index="{node.number}" {sets(cpus, [node.number])} '
                     f'gp_index="{of_node[node.number]}" local_memory="{node.size}">')
        small = node.size // 4096 - node.pages_2m * 512
        lines.append(f'{indent}  <page_type size="4096" count="{small}"/>')
        lines.append(f'{indent}  <page_type size="2097152" count="{node.pages_2m}"/>')
        for key, value in node.infos.items():
            lines.append(f'{indent}  <info name="{key}" value="{value}"/>')
        lines.append(f'{indent}</object>')

    allowed_nodes = mask(every_node if allowed is None else allowed)
    lines.append(f'  <object type="Machine" os_index="0" {sets(every_cpu, every_node)} allowed_cpuset="{mask(every_cpu)}" '
                 f'allowed_nodeset="{allowed_nodes}" gp_index="{next(index)}">')
    for node in nodes:
        if not node.cpus or sorted(node.cpus) == every_cpu and len(packages) > 1:
            write_node(node, every_cpu, "    ")
    outside = [node.number for node in nodes if not node.cpus or sorted(node.cpus) == every_cpu and len(packages) > 1]
    for number, package in enumerate(packages):
        inside = [node for node in nodes if node.number not in outside and set(node.cpus) <= set(package)]
        numbers = sorted([node.number for node in inside] + outside)
        lines.append(f'    <object type="Package" os_index="{number}" {sets(package, numbers)} gp_index="{next(index)}">')
        lines.append(f'      <info name="CPUVendor" value="{cpu[0]}"/>')
        lines.append(f'      <info name="CPUFamilyNumber" value="{cpu[1]}"/>')
        lines.append(f'      <info name="CPUModelNumber" value="{cpu[2]}"/>')
        whole = [node for node in inside if set(node.cpus) == set(package)]
        for node in whole:
            write_node(node, package, "      ")
        parts = {}
        for node in inside:
            if node not in whole:
                parts.setdefault(tuple(node.cpus), []).append(node)
        rest = [cpu_number for cpu_number in package if not any(cpu_number in part for part in parts)]
        for part, its in sorted(parts.items()) + [((), [])]:
            indent = "      "
            if part:
                numbers = sorted([node.number for node in its + whole] + outside)
                lines.append(f'      <object type="Group" {sets(part, numbers)} gp_index="{next(index)}" kind="0" subkind="0">')
                indent = "        "
                for node in its:
                    write_node(node, part, indent)
            else:
                numbers = sorted([node.number for node in whole] + outside)
            for cpu_number in part or rest:
                lines.append(f'{indent}<object type="PU" os_index="{cpu_number}" {sets([cpu_number], numbers)} '
                             f'gp_index="{next(index)}"/>')
            if part:
                lines.append("      </object>")
        lines.append("    </object>")
    lines.append("  </object>")

    if distances:
        values = [distances[(a, b)] for a in every_node for b in every_node]
        indexes, numbers = "".join(f"{n} " for n in every_node), "".join(f"{v} " for v in values)
        lines.append(f'  <distances2 type="NUMANode" nbobjs="{len(every_node)}" kind="5" name="NUMALatency" indexing="os">')
        lines.append(f'    <indexes length="{len(indexes)}">{indexes}</indexes>')
        lines.append(f'    <u64values length="{len(numbers)}">{numbers}</u64values>')
        lines.append("  </distances2>")
    cpus_of = {node.number: node.cpus for node in nodes}
    for attribute, flags, table in (("Bandwidth", 5, bandwidth), ("Latency", 6, latency)):
        if not table:
            continue
        lines.append(f'  <memattr name="{attribute}" flags="{flags}">')
        for (initiator, target), value in table.items():
            lines.append(f'    <memattr_value target_obj_gp_index="{of_node[target]}" target_obj_type="NUMANode" '
                         f'value="{value}" initiator_cpuset="{mask(cpus_of[initiator])}"/>')
        lines.append("  </memattr>")
    lines.append("</topology>")
    with open(f"{name}.xml", "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")


def table(numbers, value):
    return {(a, b): value(a, b) for a in numbers for b in numbers}


A, B = range(0, 4), range(4, 8)

# Two sockets, a CXL node behind each; both CXL nodes are as far from one socket as from the other.
machine("two_sockets_cxl_ties", [Node(0, 64, A), Node(1, 64, B), Node(2, 128, infos={"DAXDevice": "dax0.0"}),
                                 Node(3, 128, infos={"DAXDevice": "dax1.0"})], [A, B],
        table(range(4), lambda a, b: 10 if a == b else 21 if max(a, b) < 2 else 30))

# One socket with DRAM, HBM and CXL memory, all of it described by the firmware.
machine("dram_hbm_cxl", [Node(0, 64, A, pages_2m=10), Node(1, 16, A, subtype="HBM"),
                         Node(2, 256, A, infos={"DAXDevice": "dax0.0"}, pages_2m=4)], [A],
        table(range(3), lambda a, b: 10 if a == b else 13 if 2 not in (a, b) else 24),
        bandwidth={(0, 0): 90000, (0, 1): 300000, (0, 2): 25000}, latency={(0, 0): 100, (0, 1): 130, (0, 2): 250})

# Two sockets, of which only the first has HBM; no bandwidth above memkind's threshold.
machine("hbm_on_one_socket", [Node(0, 64, A), Node(1, 64, B), Node(2, 8, A)], [A, B],
        table(range(3), lambda a, b: 10 if a == b else 13 if {a, b} == {0, 2} else 21 if {a, b} == {0, 1} else 23),
        bandwidth={(0, 0): 50000, (1, 1): 50000, (0, 2): 150000}, latency={(0, 0): 90, (1, 1): 90, (0, 2): 120})

# The firmware says nothing but distances; the tiers are known by hwloc's subtypes.
machine("no_hmat", [Node(0, 32, A), Node(1, 32, B), Node(2, 16, A, subtype="HBM"), Node(3, 16, B, subtype="HBM")], [A, B],
        table(range(4), lambda a, b: 10 if a == b else 12 if abs(a - b) == 2 else 20))

# Nothing but HBM, as a Xeon Max without DIMMs.
machine("hbm_only", [Node(0, 64, A, subtype="HBM")], [A], {(0, 0): 10}, bandwidth={(0, 0): 400000}, latency={(0, 0): 130})

# Two Grace-Hopper modules: the GPUs' memory is on nodes 4 and 12, nodes between them are empty. CPU numbers have gaps.
E, F = range(0, 4), range(72, 76)
numbers = [0, 1] + list(range(4, 20))
machine("grace_hopper", [Node(0, 480, E), Node(1, 480, F)] +
        [Node(n, 96 if n in (4, 12) else 0, subtype="GPUMemory") for n in range(4, 20)], [E, F],
        table(numbers, lambda a, b: 10 if a == b else 40 if {a, b} == {0, 1} else
              80 if {a, b} in ({0, 4}, {1, 12}) else 120), cpu=("ARM", 8, 0))

# Xeon Max, two sockets of four sub-NUMA clusters, flat mode: DRAM is 0 to 7, the cluster's HBM 8 to 15.
clusters = [range(2 * c, 2 * c + 2) for c in range(8)]


def max_distance(a, b):
    if a == b:
        return 10
    near, same = a % 8 == b % 8, a % 8 // 4 == b % 8 // 4
    return (10 if (a < 8) == (b < 8) else 13) + (0 if near else 2 if same else 11)


machine("xeon_max_snc4", [Node(n, 32, clusters[n]) for n in range(8)] + [Node(8 + n, 16, clusters[n]) for n in range(8)],
        [range(0, 8), range(8, 16)], table(range(16), max_distance),
        bandwidth={(n, m): value for n in range(8) for m, value in ((n, 32768), (8 + n, 65536))},
        latency={(n, m): value for n in range(8) for m, value in ((n, 26), (8 + n, 26))})

# Grace-Hopper, one module: nine nodes. The GPU's memory is on node 1; 2 to 8 wait for parts of a divided GPU (MIG), which never
# are near each other: 255, the largest distance there is.
machine("grace_hopper_9_nodes", [Node(0, 480, A)] + [Node(n, 96 if n == 1 else 0, subtype="GPUMemory") for n in range(1, 9)], [A],
        table(range(9), lambda a, b: 10 if a == b else 80 if 0 in (a, b) else 255), cpu=("ARM", 8, 0))

# A64FX: one chip of four groups of cores (CMG), each with 8 GiB of HBM2, and no other memory. No HMAT. Groups are near in pairs.
groups = [range(3 * n, 3 * n + 3) for n in range(4)]
machine("a64fx", [Node(n, 8, groups[n]) for n in range(4)], [range(0, 12)],
        table(range(4), lambda a, b: 10 if a == b else 20 if a // 2 == b // 2 else 30), cpu=("Fujitsu", 8, 1))

# MI300A: four sockets whose CPU and GPU share 128 GiB of HBM3 (SPX, NPS1), and no other memory. No HMAT.
machine("mi300a", [Node(n, 128, groups[n]) for n in range(4)], groups,
        table(range(4), lambda a, b: 10 if a == b else 32), cpu=("AuthenticAMD", 25, 144))

# Two sockets with DRAM and Optane memory each, the latter as KMEM DAX. Optane is larger, slower and has no CPUs. No HMAT.
machine("two_sockets_optane", [Node(0, 192, A), Node(1, 192, B), Node(2, 744, A, infos={"DAXDevice": "dax0.0"}),
                               Node(3, 744, B, infos={"DAXDevice": "dax1.0"})], [A, B],
        table(range(4), lambda a, b: 10 if a == b else 17 if abs(a - b) == 2 else 21 if max(a, b) < 2 else 28),
        cpu=("GenuineIntel", 6, 85))

# Knights Landing, flat and quadrant mode: the node without CPUs is MCDRAM. The firmware gives no bandwidths.
machine("knights_landing", [Node(0, 96, A), Node(1, 16, A)], [A], {(0, 0): 10, (0, 1): 31, (1, 0): 31, (1, 1): 10},
        cpu=("GenuineIntel", 6, 87))

# A cpuset leaves this process one DRAM node of two and none of the CXL memory.
machine("cpuset", [Node(0, 64, A), Node(1, 64, B), Node(2, 128, infos={"DAXDevice": "dax0.0"})], [A, B],
        table(range(3), lambda a, b: 10 if a == b else 20), allowed=[1])
