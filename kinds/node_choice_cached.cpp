// The choices of this process. No lock is held while one is made: two threads that come first together both
// make it, one of the two equal results is kept, and neither a fork nor an allocation inside hwloc can hang.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "include/memkind.h"
#include "kinds/node_choice.hpp"
#include "kinds/static_kinds.hpp"
#include "src/check.hpp"
#include "src/log.hpp"
#include "src/own_memory.hpp"

namespace terrace::kinds {
namespace {

// What the variables of a family said when the first of its kinds was used: a later setenv must not tear the
// kinds of a family apart.
struct Remembered {
    const char* const name;
    const char* value = nullptr;
    bool known = false;
};

constexpr std::size_t kLongestValue = 16384;
constinit Remembered hbw_nodes = {"MEMKIND_HBW_NODES"};
constinit Remembered hbw_threshold = {"MEMKIND_HBW_THRESHOLD"};
constinit Remembered dax_kmem_nodes = {"MEMKIND_DAX_KMEM_NODES"};

const char* copy_of(const char* text) {
    const std::size_t size = strnlen(text, kLongestValue) + 1;
    char* const copy = static_cast<char*>(map_own_memory(size));
    if (copy != nullptr)
        memcpy(copy, text, size - 1);
    return copy;
}

const char* value_of(Remembered* variable) {
    if (!__atomic_load_n(&variable->known, __ATOMIC_ACQUIRE)) {
        const char* const now = secure_getenv(variable->name);
        if (now != nullptr) {
            const char* const copy = copy_of(now);
            const char* nothing = nullptr;
            // The copy of the thread that was first.
            if (copy != nullptr && !__atomic_compare_exchange_n(&variable->value, &nothing, copy, false,
                                                                __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
                munmap(const_cast<char*>(copy), strlen(copy) + 1);
        }
        __atomic_store_n(&variable->known, true, __ATOMIC_RELEASE);
    }
    return __atomic_load_n(&variable->value, __ATOMIC_ACQUIRE);
}

NodeEnvironment environment_of(StaticKind kind) {
    NodeEnvironment environment;
    switch (kind) {
        case kHbw:
        case kHbwHugetlb:
        case kHbwPreferred:
        case kHbwPreferredHugetlb:
        case kHbwGbtlb:
        case kHbwPreferredGbtlb:
        case kHbwInterleave:
        case kHbwAll:
        case kHbwAllHugetlb:
            environment.hbw_nodes = value_of(&hbw_nodes);
            environment.hbw_threshold = value_of(&hbw_threshold);
            break;
        case kDaxKmem:
        case kDaxKmemAll:
        case kDaxKmemPreferred:
        case kDaxKmemInterleave:
            environment.dax_kmem_nodes = value_of(&dax_kmem_nodes);
            break;
        default:
            break;
    }
    return environment;
}

// Each variable is complained about once, not once for each kind that reads it.
void log_once(const Complaint& complaint) {
    static bool said[2];
    bool* const its = &said[strcmp(complaint.variable, dax_kmem_nodes.name) == 0 ? 1 : 0];
    if (!__atomic_exchange_n(its, true, __ATOMIC_ACQ_REL))
        log_error("%s: '%s' is not accepted; accepted: %s", complaint.variable, complaint.value,
                  complaint.accepted);
}

// "8-9,12", cut where it is too long.
void write_list(const NodeSet& nodes, char* text, std::size_t size) {
    std::size_t length = 0;
    *text = '\0';
    for (unsigned first = nodes.next(0); first < kMostNodes && length < size;) {
        unsigned last = first;
        while (nodes.has(NodeId{last + 1}))
            ++last;
        const char* const comma = length == 0 ? "" : ",";
        length += static_cast<std::size_t>(
            last == first ? snprintf(text + length, size - length, "%s%u", comma, first)
                          : snprintf(text + length, size - length, "%s%u-%u", comma, first, last));
        first = nodes.next(last + 1);
    }
}

void log_choice(StaticKind kind, const NodeChoice& choice) {
    constexpr const char* kHow[] = {"by the process's policy", "bound to",        "preferring", "preferring",
                                    "interleaved over",        "interleaved over"};
    const char* const name = static_kinds[kind].name;
    if (choice.error != 0 || choice.policy == NodePolicy::kNone) {
        log_info("%s: %s (%d)", name, choice.error != 0 ? "unavailable" : kHow[0], choice.error);
        return;
    }
    for (unsigned place = 0; place < choice.place_count; ++place) {
        char nodes[256];
        write_list(choice.nodes[place], nodes, sizeof nodes);
        log_info("%s: %s node %s (place %u of %u)", name, kHow[static_cast<unsigned>(choice.policy)], nodes,
                 place + 1, choice.place_count);
    }
}

constinit const NodeChoice* choices[kStaticKindCount] = {};
constinit NodeChoice default_choice;
constinit NodeChoice no_memory = {.error = MEMKIND_ERROR_MALLOC, .nodes = {}, .place_of_cpu = {}};

}  // namespace

const NodeChoice& choose_nodes(StaticKind kind) {
    REQUIRES(kind < kStaticKindCount);
    if (const NodeChoice* const known = __atomic_load_n(&choices[kind], __ATOMIC_ACQUIRE); known != nullptr)
        return *known;
    if (kind == kDefault)
        return default_choice;
    const NodeEnvironment environment = environment_of(kind);
    const topology::Facts* const facts =
        needs_details(environment, kind) ? topology::detailed_facts() : topology::basic_facts();
    NodeChoice* const made =
        facts == nullptr ? nullptr : static_cast<NodeChoice*>(map_own_memory(sizeof(NodeChoice)));
    if (made == nullptr)
        return no_memory;  // and ask again another time
    if (const Complaint complaint = choose_nodes(*facts, environment, kind, made);
        complaint.variable != nullptr)
        log_once(complaint);
    const NodeChoice* expected = nullptr;
    if (__atomic_compare_exchange_n(&choices[kind], &expected, static_cast<const NodeChoice*>(made), false,
                                    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        log_choice(kind, *made);
        return *made;
    }
    munmap(made, sizeof *made);
    return *expected;
}

}  // namespace terrace::kinds
