/* memkind-hbw-nodes: prints the numbers of the high-bandwidth nodes, separated by commas, for numactl and
 * scripts. Exit status as memkind's program has it: 0; 1 where there are none; 2 for --help and for wrong arguments. */
#include <memkind.h>
#include <stdio.h>
#include <string.h>

#include "../node_list.h"

/* Exported by libmemkind, declared by no header. */
int memkind_hbw_all_get_mbind_nodemask(struct memkind* kind, unsigned long* nodemask, unsigned long maxnode);

static const char usage[] =
    "Usage: memkind-hbw-nodes [-h | --help]\n"
    "\n"
    "Prints the NUMA nodes with high-bandwidth memory as a list: 1,3. These are the nodes of "
    "MEMKIND_HBW_ALL:\n"
    "those that MEMKIND_HBW_NODES names, or else those that firmware or hwloc tell to be so.\n"
    "\n"
    "Exit status: 0; 1 when there are none; 2 after this text and for wrong arguments.\n";

int main(int argc, char** argv) {
    unsigned long mask[NODE_MASK_WORDS];
    int error;

    if (argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
        fputs(usage, stdout);
        return 2;
    }
    if (argc != 1) {
        fprintf(stderr, "memkind-hbw-nodes: unknown argument: %s\n%s", argv[1], usage);
        return 2;
    }
    error = memkind_hbw_all_get_mbind_nodemask(NULL, mask, NODE_MASK_BITS);
    if (error != MEMKIND_SUCCESS)
        return 1;
    return print_node_list(mask) == 0 ? 0 : 1;
}
