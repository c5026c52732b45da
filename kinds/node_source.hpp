// Ordinary memory under a NUMA policy: bound to a set of nodes, preferring them, or interleaved over them. A
// bound source knows when its nodes are full (node_budget) and says so, where the kernel would end the
// process. Weighted interleaving needs no kernel for it: the range is cut into stripes, each bound to one node.
#pragma once

#include "kinds/anonymous_source.hpp"
#include "kinds/node_budget.hpp"
#include "src/numa_policy.hpp"

namespace terrace::kinds {

class NodeSource final : public AnonymousSource {
  public:
    // A source over `nodes`. REQUIRES: nodes is not empty unless the policy is kNone.
    //   weights  for kWeightedInterleave: one from 1 up for each node in ascending order; nullptr for others
    //   no_thp   no transparent huge pages: an interleaved kind spreads page by page
    // Returns nullptr with ENOMEM when there is no memory for it; dispose() frees it.
    static NodeSource* create(NodePolicy policy, const NodeSet& nodes, const unsigned* weights, bool no_thp);

    bool map(char* address, std::size_t size) override;
    bool decommit(char* address, std::size_t size) override;
    bool commit(char* address, std::size_t size) override;
    bool purge(char* address, std::size_t size) override;
    std::size_t capacity() override;
    const NodeSet* nodes() override { return policy_ == NodePolicy::kNone ? nullptr : &nodes_; }
    void dispose() override;

  private:
    struct Stripes;

    NodeSource(NodePolicy policy, const NodeSet& nodes, bool no_thp, Stripes* stripes)
        : policy_(policy), no_thp_(no_thp), nodes_(nodes), stripes_(stripes) {}
    bool take(char* address, std::size_t size, bool is_new);
    bool is_budgeted() const { return policy_ == NodePolicy::kBind && !unbound_; }
    int set_policy(char* address, std::size_t size);
    int set_stripes(char* address, std::size_t size);

    NodePolicy policy_ = NodePolicy::kNone;
    bool no_thp_ = false;
    bool unbound_ = false;  // the container forbids mbind
    NodeSet nodes_;
    node_budget::Credit credit_;
    std::size_t mapped_ = 0;
    Stripes* stripes_ = nullptr;  // of weighted interleaving
};

}  // namespace terrace::kinds
