#include "kinds/node_source.hpp"

#include <string.h>

#include "src/log.hpp"

namespace terrace::kinds {

bool NodeSource::map(char* address, std::size_t size) {
    if (!AnonymousSource::map(address, size))
        return false;
    if (state_ == State::kNotLookedUp) {
        nodes_ = find_nodes_();
        state_ = nodes_.empty() ? State::kUnbound : State::kBinding;
        if (nodes_.empty())
            log_info("the kernel names no NUMA nodes; memory is not bound");
    }
    if (state_ == State::kBinding) {
        // Containers forbid mbind (EPERM under the usual seccomp filter) or allow fewer nodes (EINVAL from a
        // cpuset): memory somewhere is better than none.
        if (const int error = bind_to_nodes(address, size, nodes_); error != 0) {
            log_info("mbind: %s; memory is not bound to its nodes", strerror(error));
            state_ = State::kUnbound;
        }
    }
    return true;
}

}  // namespace terrace::kinds
