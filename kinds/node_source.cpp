#include "kinds/node_source.hpp"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <new>

#include "src/check.hpp"
#include "src/log.hpp"
#include "src/own_memory.hpp"
#include "src/topology.hpp"

namespace terrace::kinds {
namespace {

void say_unbound(int error) {
    static bool said = false;
    if (!__atomic_exchange_n(&said, true, __ATOMIC_ACQ_REL))
        log_info("mbind: %s; memory is not bound to its nodes", strerror(error));
}

// Each stripe is a mapping of its own to the kernel, which allows 65,530 (vm.max_map_count): 1,024 for each
// doubling of the memory is far below.
std::size_t stripe_size(std::size_t mapped) {
    constexpr std::size_t kSmallest = std::size_t{64} << 10;
    std::size_t stripe = kSmallest;
    while (stripe < mapped / 1024)
        stripe *= 2;
    return stripe;
}

}  // namespace

// What each node has got so far, so that the proportion holds across maps of any size. Zeroed memory is valid.
struct NodeSource::Stripes {
    unsigned count;
    struct Share {
        unsigned node;
        unsigned weight;
        std::size_t bytes;
    } shares[kMostNodes];

    // The node that has got least for its weight gets the next bytes.
    unsigned next(std::size_t bytes) {
        Share* least = &shares[0];
        for (unsigned i = 1; i < count; ++i)
            if (static_cast<unsigned __int128>(shares[i].bytes) * least->weight <
                static_cast<unsigned __int128>(least->bytes) * shares[i].weight)
                least = &shares[i];
        least->bytes += bytes;
        return least->node;
    }
};

NodeSource* NodeSource::create(NodePolicy policy, const NodeSet& nodes, const unsigned* weights,
                               bool no_thp) {
    REQUIRES(policy == NodePolicy::kNone || !nodes.empty());
    REQUIRES((policy == NodePolicy::kWeightedInterleave) == (weights != nullptr));
    Stripes* stripes = nullptr;
    if (weights != nullptr) {
        stripes = static_cast<Stripes*>(map_own_memory(sizeof(Stripes)));
        if (stripes == nullptr)
            return nullptr;
        for (unsigned node = nodes.next(0); node < kMostNodes; node = nodes.next(node + 1)) {
            REQUIRES(weights[stripes->count] > 0);
            stripes->shares[stripes->count] = {node, weights[stripes->count], 0};
            ++stripes->count;
        }
    }
    void* const memory = map_own_memory(sizeof(NodeSource));
    if (memory == nullptr) {
        if (stripes != nullptr)
            munmap(stripes, sizeof *stripes);
        errno = ENOMEM;
        return nullptr;
    }
    return new (memory) NodeSource(policy, nodes, no_thp, stripes);
}

bool NodeSource::map(char* address, std::size_t size) {
    if (!take(address, size, true))
        return false;
    mapped_ += size;
    return true;
}

bool NodeSource::take(char* address, std::size_t size, bool is_new) {
    using node_budget::Grant;
    const Grant grant = is_budgeted() ? node_budget::ask(nodes_, &credit_, address, size) : Grant::kLazily;
    if (grant == Grant::kNo)
        return false;
    const auto refuse = [&] {
        madvise(address, size, MADV_DONTNEED);
        node_budget::give_back(address, size);
        if (is_new)
            mprotect(address, size, PROT_NONE);
        return false;
    };
    if (is_new) {
        if (!AnonymousSource::map(address, size))
            return refuse();
        if (no_thp_)
            madvise(address, size, MADV_NOHUGEPAGE);  // a kernel without them has none to forbid
        if (policy_ != NodePolicy::kNone && !unbound_) {
            // Containers forbid mbind (EPERM under the usual seccomp filter) or allow fewer nodes (EINVAL
            // from a cpuset): memory somewhere is better than none.
            if (const int error = set_policy(address, size); error != 0) {
                say_unbound(error);
                unbound_ = true;
            }
        }
    }
    if (grant == Grant::kAtOnce && is_budgeted()) {
        if (madvise(address, size, MADV_POPULATE_WRITE) == 0)
            node_budget::populated(size);
        else if (errno != EINVAL && errno != ENOSYS)
            // not a kernel that cannot, but memory that is not there
            return refuse();
    }
    return true;
}

bool NodeSource::commit(char* address, std::size_t size) {
    return take(address, size, false);
}

bool NodeSource::decommit(char* address, std::size_t size) {
    if (!AnonymousSource::purge(address, size))
        return false;
    if (is_budgeted())
        node_budget::give_back(address, size);
    return true;
}

bool NodeSource::purge(char* address, std::size_t size) {
    // The pages may come back at any touch, unasked; a bound source wants to be asked.
    return !is_budgeted() && AnonymousSource::purge(address, size);
}

std::size_t NodeSource::capacity() {
    return policy_ == NodePolicy::kNone ? AnonymousSource::capacity() : topology::capacity_of(nodes_, 0);
}

void NodeSource::dispose() {
    node_budget::forget(&credit_);
    if (stripes_ != nullptr)
        munmap(stripes_, sizeof *stripes_);
    munmap(this, sizeof *this);
}

int NodeSource::set_policy(char* address, std::size_t size) {
    if (policy_ == NodePolicy::kWeightedInterleave)
        return set_stripes(address, size);
    return set_node_policy(address, size, policy_, nodes_);
}

int NodeSource::set_stripes(char* address, std::size_t size) {
    const std::size_t stripe = stripe_size(mapped_);
    while (size > 0) {
        const std::size_t piece = size < stripe ? size : stripe;
        NodeSet node;
        node.add(NodeId{stripes_->next(piece)});
        // Preferred, so that a full node's share goes to the others, as the kernel's own interleaving has it.
        if (const int error = set_node_policy(address, piece, NodePolicy::kPreferred, node); error != 0)
            return error;
        address += piece;
        size -= piece;
    }
    return 0;
}

}  // namespace terrace::kinds
