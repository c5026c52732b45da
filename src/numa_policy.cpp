#include "src/numa_policy.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "src/check.hpp"

namespace terrace {
namespace {

// The kernel's uapi/linux/mempolicy.h.
constexpr int kPreferred = 1;
constexpr int kBind = 2;
constexpr int kInterleave = 3;
constexpr int kPreferredMany = 5;

}  // namespace

void NodeSet::write_to(unsigned long* mask, unsigned long count) const {
    for (unsigned long word = 0; word * kWordBits < count; ++word) {
        const unsigned long left = count - word * kWordBits;
        const unsigned long wanted = left < kWordBits ? (1UL << left) - 1 : ~0UL;
        mask[word] = word < kMostNodes / kWordBits ? words_[word] & wanted : 0;
    }
}

bool read_node_file(const char* path, NodeSet* nodes) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    char text[4096];
    const ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length < 0)
        return false;
    text[length] = '\0';
    return parse_node_list(text, nodes);
}

bool parse_node_list(const char* text, NodeSet* nodes) {
    *nodes = NodeSet{};
    const char* at = text;
    while (*at >= '0' && *at <= '9') {
        char* end = nullptr;
        const unsigned long first = strtoul(at, &end, 10);
        unsigned long last = first;
        if (*end == '-') {
            at = end + 1;
            if (*at < '0' || *at > '9')
                return false;
            last = strtoul(at, &end, 10);
        }
        if (last < first || last >= kMostNodes)
            return false;
        for (unsigned long node = first; node <= last; ++node)
            nodes->add(NodeId{static_cast<unsigned>(node)});
        at = end;
        if (*at != ',')
            break;
        ++at;
        if (*at < '0' || *at > '9')
            return false;
    }
    return *at == '\0' || *at == '\n';
}

int set_node_policy(void* address, std::size_t size, NodePolicy policy, const NodeSet& nodes) {
    const auto set = [&](int mode, const NodeSet& which) {
        // The kernel takes one bit more than it looks at.
        return syscall(SYS_mbind, address, size, mode, which.words(), kMostNodes + 1, 0U) == 0 ? 0 : errno;
    };
    REQUIRES(!nodes.empty());
    switch (policy) {
        case NodePolicy::kBind:
            return set(kBind, nodes);
        case NodePolicy::kInterleave:
            return set(kInterleave, nodes);
        case NodePolicy::kPreferredMany:
            if (nodes.count() > 1)
                if (const int error = set(kPreferredMany, nodes); error != EINVAL)
                    return error;
            [[fallthrough]];  // a kernel before 5.15
        case NodePolicy::kPreferred: {
            // The kernel looks at the lowest node only; say so ourselves.
            NodeSet lowest;
            lowest.add(NodeId{nodes.next(0)});
            return set(kPreferred, lowest);
        }
        case NodePolicy::kNone:
        case NodePolicy::kWeightedInterleave:
            break;
    }
    return EINVAL;
}

}  // namespace terrace
