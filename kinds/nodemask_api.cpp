// Three functions that memkind exports without declaring them in a header: its own tools and tests use them,
// and ours do (tools/hbw_nodes, tools/auto_dax_kmem_nodes).
#include "include/memkind.h"
#include "kinds/node_choice.hpp"

namespace {

using namespace terrace;
using namespace terrace::kinds;

// Writes the kind's nodes below `maxnode` to `nodemask`. Returns 0 or a MEMKIND_ERROR_* number; the mask is
// left alone then. `nodemask` may be NULL: is there such memory?
int write_nodes(StaticKind kind, unsigned long* nodemask, unsigned long maxnode) {
    const NodeChoice& choice = choose_nodes(kind);
    if (choice.error != 0 || nodemask == nullptr)
        return choice.error;
    choice.nodes[0].write_to(nodemask, maxnode);
    return MEMKIND_SUCCESS;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

int memkind_regular_all_get_mbind_nodemask(struct memkind* kind, unsigned long* nodemask,
                                           unsigned long maxnode);
int memkind_hbw_all_get_mbind_nodemask(struct memkind* kind, unsigned long* nodemask, unsigned long maxnode);
int memkind_dax_kmem_all_get_mbind_nodemask(struct memkind* kind, unsigned long* nodemask,
                                            unsigned long maxnode);

int memkind_regular_all_get_mbind_nodemask(struct memkind*, unsigned long* nodemask, unsigned long maxnode) {
    return write_nodes(kRegular, nodemask, maxnode);
}

int memkind_hbw_all_get_mbind_nodemask(struct memkind*, unsigned long* nodemask, unsigned long maxnode) {
    return write_nodes(kHbwAll, nodemask, maxnode);
}

int memkind_dax_kmem_all_get_mbind_nodemask(struct memkind*, unsigned long* nodemask, unsigned long maxnode) {
    return write_nodes(kDaxKmemAll, nodemask, maxnode);
}

}  // extern "C"
#pragma GCC visibility pop
