// Kinds that the program makes itself over nodes: bound, preferred, interleaved by weights.
#include <gtest/gtest.h>

#include <cerrno>

#include "tests/lab/inside/machine.hpp"

using namespace terrace::lab;

namespace {

// The fewest pages that any of the nodes has to have free.
constexpr std::size_t kSize = 12 * kMiB;

std::string list_of(const std::vector<int>& nodes) {
    std::string text;
    for (const int node : nodes)
        text += (text.empty() ? "" : ",") + std::to_string(node);
    return text;
}

Pages pages_of_new_kind(const std::vector<int>& nodes, memkind_placement_t placement,
                        const unsigned* weights) {
    memkind_t kind = nullptr;
    Pages pages;
    if (memkind_create_on_nodes(list_of(nodes).c_str(), placement, weights, &kind) != MEMKIND_SUCCESS) {
        ADD_FAILURE() << "no kind on nodes " << list_of(nodes);
        return pages;
    }
    char* const block = static_cast<char*>(memkind_malloc(kind, kSize));
    if (block == nullptr)
        ADD_FAILURE() << "no memory on nodes " << list_of(nodes);
    else
        pages = touch_and_survey(block, kSize);
    memkind_free(kind, block);
    EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
    return pages;
}

std::vector<int> all_nodes() {
    const Nodes nodes = nodes_with_memory();
    return {nodes.begin(), nodes.end()};
}

}  // namespace

TEST(KindsOnNodes, PutEveryPageOnEachNodeInTurn) {
    for (const int node : all_nodes())
        for (const auto placement : {MEMKIND_PLACEMENT_BIND, MEMKIND_PLACEMENT_PREFERRED,
                                     MEMKIND_PLACEMENT_PREFERRED_MANY, MEMKIND_PLACEMENT_INTERLEAVE}) {
            const Pages pages = pages_of_new_kind({node}, placement, nullptr);
            EXPECT_EQ(count_outside(pages, {node}), 0U)
                << "placement " << placement << ": " << text_of(pages);
        }
}

TEST(KindsOnNodes, InterleaveEveryPairInEqualShares) {
    const std::vector<int> nodes = all_nodes();
    for (const int a : nodes)
        for (const int b : nodes) {
            if (a >= b)
                continue;
            const Pages pages = pages_of_new_kind({a, b}, MEMKIND_PLACEMENT_INTERLEAVE, nullptr);
            EXPECT_EQ(count_outside(pages, {a, b}), 0U) << text_of(pages);
            for (const int node : {a, b})
                EXPECT_TRUE(pages.contains(node)) << "no page on node " << node;
        }
}

TEST(KindsOnNodes, InterleaveByTheirWeights) {
    const std::vector<int> nodes = all_nodes();
    for (const std::vector<unsigned>& pattern : {std::vector<unsigned>{3, 1}, {1, 5}, {2, 3}}) {
        std::vector<unsigned> weights;
        unsigned sum = 0;
        for (std::size_t i = 0; i < nodes.size(); ++i)
            sum += weights.emplace_back(pattern[i % 2]);
        const Pages pages = pages_of_new_kind(nodes, MEMKIND_PLACEMENT_WEIGHTED_INTERLEAVE, weights.data());
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            const auto its = pages.find(nodes[i]);
            const double share = static_cast<double>(count_of(pages)) * weights[i] / sum;
            EXPECT_NEAR(its == pages.end() ? 0.0 : static_cast<double>(its->second), share, share * 0.05 + 8)
                << "weight " << weights[i] << " of " << sum << " on node " << nodes[i] << ": "
                << text_of(pages);
        }
    }
}

TEST(KindsOnNodes, RefuseNodesWithoutMemory) {
    memkind_t kind = nullptr;
    for (int node = 0; node < 8; ++node) {
        if (nodes_with_memory().contains(node))
            continue;
        const int error =
            memkind_create_on_nodes(std::to_string(node).c_str(), MEMKIND_PLACEMENT_BIND, nullptr, &kind);
        EXPECT_EQ(error, MEMKIND_ERROR_INVALID) << node;
    }
}
