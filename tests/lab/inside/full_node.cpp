// A small node (1) that fills up: what is bound to it gets ENOMEM, what prefers it goes on elsewhere, and the
// process lives. The kernel answers a page that is bound to a full node with its OOM killer.
#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <string>

#include "tests/lab/inside/machine.hpp"

using namespace terrace::lab;

namespace {

constexpr int kSmall = 1;

std::size_t pages_of_this_process_on(int node) {
    const std::string word = " N" + std::to_string(node) + "=";
    std::size_t pages = 0;
    std::ifstream maps("/proc/self/numa_maps");
    for (std::string line; std::getline(maps, line);)
        if (const std::size_t at = line.find(word); at != std::string::npos)
            pages += std::stoul(line.substr(at + word.size()));
    return pages;
}

class FullNode : public testing::TestWithParam<NamedKind> {
  protected:
    void SetUp() override {
        before_ = free_bytes_of(kSmall);
        pages_before_ = pages_of_this_process_on(kSmall);
    }
    void TearDown() override {
        for (char* block : blocks_)
            memkind_free(kind(), block);
        memkind_trim(kind());
        memkind_usage usage = {};
        memkind_get_usage(kind(), &usage);
        EXPECT_LT(usage.taken, 2 * kMiB) << "the kind did not give everything back";
        // Not the node's free memory: the kernel keeps freed pages back for a while. Nor all pages of this process:
        // kinds that were tested before may keep a step of growth each.
        EXPECT_LT(pages_of_this_process_on(kSmall) * 4096, pages_before_ * 4096 + 2 * kMiB);
    }
    memkind_t kind() const { return *GetParam().kind; }

    // Allocates and touches until there is no more, or `most` bytes.
    std::size_t fill(std::size_t block_size, std::size_t most) {
        std::size_t taken = 0;
        while (taken < most) {
            char* const block = static_cast<char*>(memkind_malloc(kind(), block_size));
            if (block == nullptr) {
                EXPECT_EQ(errno, ENOMEM);
                break;
            }
            for (const auto& [node, count] : touch_and_survey(block, block_size))
                pages_[node] += count;
            blocks_.push_back(block);
            taken += block_size;
        }
        return taken;
    }

    std::vector<char*> blocks_;
    Pages pages_;
    std::size_t before_ = 0;  // free bytes of the node
    std::size_t pages_before_ = 0;
};

class Bound : public FullNode {};
class Preferred : public FullNode {};

}  // namespace

TEST_P(Bound, IsRefusedWithEnomemAndServedAgainAfterwards) {
    for (const std::size_t size : {kMiB, 20000 * std::size_t{1}}) {
        const std::size_t taken = fill(size, kGiB);
        EXPECT_EQ(count_outside(pages_, {kSmall}), 0U) << text_of(pages_);
        EXPECT_GT(taken, before_ / 2) << "gave up long before the node was full";
        EXPECT_LE(taken, before_);
        for (char* block : blocks_)
            memkind_free(kind(), block);
        blocks_.clear();
        memkind_trim(kind());
        char* const again = static_cast<char*>(memkind_malloc(kind(), before_ / 4));
        ASSERT_NE(again, nullptr) << "the node is empty again";
        EXPECT_EQ(count_outside(touch_and_survey(again, before_ / 4), {kSmall}), 0U);
        memkind_free(kind(), again);
        memkind_trim(kind());
    }
}

TEST_P(Preferred, SpillsToOtherNodes) {
    const std::size_t wanted = before_ + 32 * kMiB;
    EXPECT_GE(fill(kMiB, wanted), wanted);
    EXPECT_GT(pages_[kSmall] * 4096, before_ / 2) << "it hardly used the node that it prefers";
    EXPECT_GT(pages_[0], 0U) << "nothing spilled";
}

const NamedKind kBound[] = {{"HBW", &MEMKIND_HBW},
                            {"HBW_ALL", &MEMKIND_HBW_ALL},
                            {"HIGHEST_BANDWIDTH_LOCAL", &MEMKIND_HIGHEST_BANDWIDTH_LOCAL}};
const NamedKind kPreferred[] = {
    {"HBW_PREFERRED", &MEMKIND_HBW_PREFERRED},
    {"HIGHEST_BANDWIDTH_LOCAL_PREFERRED", &MEMKIND_HIGHEST_BANDWIDTH_LOCAL_PREFERRED}};
INSTANTIATE_TEST_SUITE_P(FullNode, Bound, testing::ValuesIn(kBound),
                         [](const auto& its) { return std::string(its.param.name); });
INSTANTIATE_TEST_SUITE_P(FullNode, Preferred, testing::ValuesIn(kPreferred),
                         [](const auto& its) { return std::string(its.param.name); });
