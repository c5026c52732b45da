// Every static kind on this machine: its pages lie on the nodes that the golden file names, page by page and
// from every node's CPUs; where it names an error, that is what the kind gives.
#include <gtest/gtest.h>

#include <cerrno>

#include "tests/lab/inside/machine.hpp"

using namespace terrace::lab;

namespace {

class StaticKind : public testing::TestWithParam<NamedKind> {
  protected:
    void SetUp() override {
        const auto its = choices().find(GetParam().name);
        if (its == choices().end())
            GTEST_FAIL() << "the golden file has no line for " << GetParam().name;
        choice_ = its->second;
        ASSERT_EQ(choice_.policy.find("unreadable"), std::string::npos) << choice_.policy;
    }
    memkind_t kind() const { return *GetParam().kind; }

    Choice choice_;
};

// Blocks of many sizes: from the spans of small ones, and with pages of their own.
constexpr std::size_t kSizes[] = {16, 100, 1000, 5000, 20000, 300000, 3 * kMiB};

Pages survey_blocks(memkind_t kind, std::vector<char*>* kept) {
    Pages all;
    for (const std::size_t size : kSizes) {
        for (int i = 0; i < (size < 100000 ? 50 : 2); ++i) {
            char* const block = static_cast<char*>(memkind_malloc(kind, size));
            if (block == nullptr) {
                ++all[-ENOMEM];
                continue;
            }
            EXPECT_EQ(memkind_detect_kind(block), kind);
            kept->push_back(block);
            for (const auto& [node, count] : touch_and_survey(block, size))
                all[node] += count;
        }
    }
    return all;
}

// Whole rounds: so many pages that each node's share has to be equal.
void expect_equal_shares(memkind_t kind, const Nodes& nodes, bool small_pages) {
    const std::size_t size = (small_pages ? 6 : 48) * kMiB;
    char* const block = static_cast<char*>(memkind_malloc(kind, size));
    ASSERT_NE(block, nullptr);
    const Pages pages = touch_and_survey(block, size);
    memkind_free(kind, block);
    EXPECT_EQ(count_outside(pages, nodes), 0U) << text_of(pages);
    const double share = static_cast<double>(count_of(pages)) / static_cast<double>(nodes.size());
    const double slack = small_pages ? 2 : share / 4;  // 2 pages at the ends, or 2 MiB pages
    for (const int node : nodes) {
        const auto its = pages.find(node);
        EXPECT_NEAR(its == pages.end() ? 0.0 : static_cast<double>(its->second), share, slack)
            << "node " << node << " of " << text_of(pages);
    }
}

}  // namespace

TEST_P(StaticKind, IsAvailableOrGivesItsDocumentedError) {
    EXPECT_EQ(memkind_check_available(kind()), choice_.error);
    if (choice_.error == 0)
        return;
    errno = 0;
    EXPECT_EQ(memkind_malloc(kind(), 100), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_EQ(memkind_calloc(kind(), 10, 10), nullptr);
    EXPECT_EQ(memkind_realloc(kind(), nullptr, 100), nullptr);
    void* block = nullptr;
    EXPECT_EQ(memkind_posix_memalign(kind(), &block, 64, 100), ENOMEM);
}

TEST_P(StaticKind, PutsEveryPageOnTheRightNodeFromEveryCpu) {
    if (choice_.error != 0 || choice_.page_size != 0)
        return;
    const auto places = nodes_with_cpus();
    std::vector<char*> blocks;
    // Twice: what the first round frees must come back to the place that it is of.
    for (int round = 0; round < 2; ++round) {
        for (std::size_t place = 0; place < places.size(); ++place) {
            run_on_cpu(places[place].second);
            const Nodes expected = choice_.nodes.empty() ? nodes_with_memory() : choice_.at(place);
            std::vector<char*> mine;
            const Pages pages = survey_blocks(kind(), &mine);
            EXPECT_EQ(count_outside(pages, expected), 0U)
                << "on CPU " << places[place].second << ", round " << round << ": " << text_of(pages);
            // Blocks of another node's CPU are freed on this one.
            for (char* block : blocks)
                memkind_free(nullptr, block);
            blocks = mine;
        }
    }
    for (char* block : blocks)
        memkind_free(nullptr, block);
    memkind_trim(kind());
}

TEST_P(StaticKind, TakesOrdinaryMemoryFromTheCpusOwnNode) {
    if (choice_.policy != "none" || choice_.page_size != 0)
        return;
    for (const auto& [node, cpu] : nodes_with_cpus()) {
        if (!nodes_with_memory().contains(node))
            continue;
        run_on_cpu(cpu);
        char* const block = static_cast<char*>(memkind_malloc(kind(), 8 * kMiB));
        ASSERT_NE(block, nullptr);
        const Pages pages = touch_and_survey(block, 8 * kMiB);
        memkind_free(kind(), block);
        memkind_trim(kind());
        EXPECT_EQ(count_outside(pages, {node}), 0U) << "on CPU " << cpu << ": " << text_of(pages);
    }
}

TEST_P(StaticKind, InterleavesInEqualShares) {
    if (choice_.policy == "interleave")
        expect_equal_shares(kind(), choice_.at(0), choice_.small_pages);
}

TEST_P(StaticKind, TakesHugePagesFromTheKernelsPoolUntilItIsEmpty) {
    if (choice_.error != 0 || choice_.page_size == 0)
        return;
    const std::size_t page = choice_.page_size;
    const auto places = nodes_with_cpus();
    for (std::size_t place = 0; place < places.size(); ++place) {
        run_on_cpu(places[place].second);
        char* const block = static_cast<char*>(memkind_malloc(kind(), page));
        ASSERT_NE(block, nullptr) << "on CPU " << places[place].second;
        const Pages pages = touch_and_survey(block, page, page);
        const bool spills = choice_.policy == "preferred" || choice_.nodes.empty();
        EXPECT_EQ(count_outside(pages, spills ? nodes_with_memory() : choice_.at(place)), 0U)
            << text_of(pages);
        memkind_free(kind(), block);
        memkind_trim(kind());
    }
    std::vector<void*> blocks;
    while (blocks.size() < 1000) {
        char* const block = static_cast<char*>(memkind_malloc(kind(), page));
        if (block == nullptr)
            break;
        for (std::size_t at = 0; at < page; at += 2 * kMiB)
            block[at] = 1;  // SIGBUS if it were not there
        blocks.push_back(block);
    }
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_GE(blocks.size(), 1U);
    EXPECT_LT(blocks.size(), 1000U);
    for (void* block : blocks)
        memkind_free(kind(), block);
    memkind_trim(kind());
}

INSTANTIATE_TEST_SUITE_P(Placement, StaticKind, testing::ValuesIn(static_kinds()),
                         [](const auto& its) { return std::string(its.param.name); });
