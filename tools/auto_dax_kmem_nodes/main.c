/* memkind-auto-dax-kmem-nodes: prints the numbers of the KMEM DAX nodes, separated by commas, for numactl and
 * scripts. Exit status as memkind's program has it: 0; 2 for wrong arguments; 3 where there are none or
 * something fails. (1 was "built without libdaxctl", which this library does not need.) */
#include <memkind.h>
#include <stdio.h>
#include <string.h>

#include "../node_list.h"

/* Exported by libmemkind, declared by no header. */
int memkind_dax_kmem_all_get_mbind_nodemask(struct memkind* kind, unsigned long* nodemask,
                                            unsigned long maxnode);

static const char usage[] =
    "Usage: memkind-auto-dax-kmem-nodes [-h | --help]\n"
    "\n"
    "Prints the NUMA nodes whose memory is a DAX device's (driver kmem: persistent memory, CXL) as a list: "
    "2,3.\n"
    "These are the nodes of MEMKIND_DAX_KMEM_ALL: those that MEMKIND_DAX_KMEM_NODES names, or else those in\n"
    "/sys/bus/dax.\n"
    "\n"
    "Exit status: 0; 2 for wrong arguments; 3 when there are none or something failed.\n";

int main(int argc, char** argv) {
    unsigned long mask[NODE_MASK_WORDS];

    if (argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc != 1) {
        fprintf(stderr, "memkind-auto-dax-kmem-nodes: unknown argument: %s\n%s", argv[1], usage);
        return 2;
    }
    if (memkind_dax_kmem_all_get_mbind_nodemask(NULL, mask, NODE_MASK_BITS) != MEMKIND_SUCCESS)
        return 3;
    return print_node_list(mask) == 0 ? 0 : 3;
}
