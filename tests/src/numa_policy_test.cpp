#include "src/numa_policy.hpp"

#include <gtest/gtest.h>

using terrace::NodeId;
using terrace::NodeSet;

TEST(NodeList, NamesSingleNodesAndRanges) {
    NodeSet nodes;
    ASSERT_TRUE(terrace::parse_node_list("0-1,4,1023\n", &nodes));
    for (const unsigned node : {0U, 1U, 4U, 1023U})
        EXPECT_TRUE(nodes.has(NodeId{node})) << node;
    for (const unsigned node : {2U, 3U, 5U, 1022U, 5000U})
        EXPECT_FALSE(nodes.has(NodeId{node})) << node;
}

TEST(NodeList, MayBeEmpty) {
    NodeSet nodes;
    ASSERT_TRUE(terrace::parse_node_list("\n", &nodes));
    EXPECT_TRUE(nodes.empty());
}

TEST(NodeList, RefusesWhatIsNoList) {
    NodeSet nodes;
    for (const char* text : {"x", "1-", "-1", "2-1", "1,", "1,,2", "1024", "0-99999999999", "1 2"})
        EXPECT_FALSE(terrace::parse_node_list(text, &nodes)) << text;
}
