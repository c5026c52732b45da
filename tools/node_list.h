/* A mask of NUMA nodes, printed as a list. */
#ifndef TERRACE_TOOLS_NODE_LIST_H
#define TERRACE_TOOLS_NODE_LIST_H

#include <stdio.h>

#define NODE_MASK_BITS 1024UL
#define NODE_MASK_WORD_BITS (8 * sizeof(unsigned long))
#define NODE_MASK_WORDS (NODE_MASK_BITS / NODE_MASK_WORD_BITS)

/* Prints "1,3" and a newline to stdout. Returns 0, or -1 when stdout cannot be written. */
static inline int print_node_list(const unsigned long* mask) {
    const char* separator = "";
    unsigned long node;

    for (node = 0; node < NODE_MASK_BITS; ++node) {
        if ((mask[node / NODE_MASK_WORD_BITS] >> (node % NODE_MASK_WORD_BITS) & 1) != 0) {
            printf("%s%lu", separator, node);
            separator = ",";
        }
    }
    putchar('\n');
    return fflush(stdout) == 0 ? 0 : -1;
}

#endif
