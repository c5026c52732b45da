// Ordinary memory bound to a set of NUMA nodes. MEMKIND_REGULAR is made of it, over the nodes that have CPUs.
// The nodes are looked up when memory is first needed, so that a program that never uses the kind pays
// nothing.
#pragma once

#include "kinds/anonymous_source.hpp"
#include "src/numa_policy.hpp"

namespace terrace::kinds {

class NodeSource final : public AnonymousSource {
  public:
    // `find_nodes` is called once, at the first map.
    constexpr explicit NodeSource(NodeSet (*find_nodes)()) : find_nodes_(find_nodes) {}

    bool map(char* address, std::size_t size) override;

  private:
    enum class State : unsigned char { kNotLookedUp, kBinding, kUnbound };

    NodeSet (*find_nodes_)();
    NodeSet nodes_;
    State state_ = State::kNotLookedUp;
};

}  // namespace terrace::kinds
