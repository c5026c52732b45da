// Huge pages of the kernel's pool, without a kind around them. Needs root: the pool is enlarged for the test
// and set back afterwards.
#include "kinds/huge_source.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>

#include "tests/support/child_process.hpp"

using namespace terrace;
using namespace terrace::kinds;

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kPage = 2 * kMiB;
constexpr const char* kPool = "/sys/kernel/mm/hugepages/hugepages-2048kB/";

unsigned long number_in(const std::string& file) {
    unsigned long number = 0;
    std::ifstream(file) >> number;
    return number;
}

unsigned long pool(const char* file) {
    return number_in(std::string(kPool) + file);
}

// The kernel spreads the pool over the nodes.
unsigned long pool_of_node_zero() {
    return number_in("/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages");
}

struct Dispose {
    void operator()(HugeSource* source) const { source->dispose(); }
};
using Source = std::unique_ptr<HugeSource, Dispose>;

class HugeSourceTest : public testing::Test {
  protected:
    static constexpr unsigned kPages = 8;

    void SetUp() override {
        before_ = pool("nr_hugepages");
        if (before_ != pool("free_hugepages"))
            GTEST_SKIP() << "somebody else uses huge pages";
        std::ofstream(std::string(kPool) + "nr_hugepages") << kPages;
        if (pool("free_hugepages") != kPages)
            GTEST_SKIP() << "the pool of huge pages cannot be set to " << kPages
                         << " (needs root and free memory)";
        raw_ = static_cast<char*>(
            mmap(nullptr, kWindow + kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
        base_ = reinterpret_cast<char*>((reinterpret_cast<std::uintptr_t>(raw_) + kPage - 1) & ~(kPage - 1));
    }
    void TearDown() override {
        if (raw_ != nullptr)
            munmap(raw_, kWindow + kPage);
        std::ofstream(std::string(kPool) + "nr_hugepages") << before_;
        EXPECT_EQ(pool("nr_hugepages"), before_);
    }

    static Source make(NodePolicy policy) {
        NodeSet nodes;
        if (policy != NodePolicy::kNone)
            nodes.add(NodeId{0});
        return Source(HugeSource::create(kPage, policy, nodes));
    }

    static constexpr std::size_t kWindow = 64 * kMiB;
    char* raw_ = nullptr;
    char* base_ = nullptr;

  private:
    unsigned long before_ = 0;
};

bool is_reserved(char* address) {
    return tests::run_in_child([&] { return *static_cast<volatile char*>(address) == 0; }) != 0;
}

}  // namespace

TEST_F(HugeSourceTest, MapsHugePagesUnderEachPolicy) {
    for (const NodePolicy policy :
         {NodePolicy::kNone, NodePolicy::kBind, NodePolicy::kPreferred, NodePolicy::kInterleave}) {
        const Source source = make(policy);
        ASSERT_TRUE(source->map(base_, 2 * kPage));
        memset(base_, 1, 2 * kPage);
        EXPECT_EQ(pool("free_hugepages"), kPages - 2);
        mmap(base_, kWindow, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
        EXPECT_EQ(pool("free_hugepages"), kPages);
    }
}

TEST_F(HugeSourceTest, RefusesWhenThePoolIsEmptyAndNeverFaults) {
    for (const NodePolicy policy : {NodePolicy::kNone, NodePolicy::kBind, NodePolicy::kPreferred}) {
        const Source source = make(policy);
        std::size_t mapped = 0;
        while (mapped < kWindow && source->map(base_ + mapped, kPage))
            mapped += kPage;
        EXPECT_EQ(mapped / kPage, policy == NodePolicy::kBind ? pool_of_node_zero() : kPages);
        EXPECT_FALSE(source->map(base_ + mapped, kPage)) << "and again";
        EXPECT_TRUE(is_reserved(base_ + mapped));
        memset(base_, 1, mapped);
        mmap(base_, kWindow, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    }
}

TEST_F(HugeSourceTest, ReservesWhatItMapsThoughNothingIsTouched) {
    const Source first = make(NodePolicy::kNone);
    const Source second = make(NodePolicy::kNone);
    ASSERT_TRUE(first->map(base_, kPages * kPage));
    EXPECT_FALSE(second->map(base_ + kPages * kPage, kPage));
    memset(base_, 1, kPages * kPage);
}

TEST_F(HugeSourceTest, TakesAPageWithTheFirstRangeThatNeedsIt) {
    const Source source = make(NodePolicy::kNone);
    constexpr std::size_t kRange = 768 << 10;
    for (std::size_t i = 0; i < 16; ++i) {  // 12 MiB: 6 pages
        ASSERT_TRUE(source->map(base_ + i * kRange, kRange)) << i;
        memset(base_ + i * kRange, 1, kRange);
    }
    EXPECT_EQ(pool("free_hugepages"), kPages - 6);
    ASSERT_TRUE(source->map(base_ + 16 * kMiB, kPage)) << "beyond a gap";
    base_[16 * kMiB] = 1;
}

TEST_F(HugeSourceTest, StartsAgainInAnotherWindow) {
    const Source source = make(NodePolicy::kNone);
    ASSERT_TRUE(source->map(base_ + 32 * kMiB, kMiB));
    ASSERT_TRUE(source->map(base_, kMiB));
    ASSERT_TRUE(source->map(base_ + kMiB, kMiB));
    memset(base_, 1, 2 * kMiB);
    memset(base_ + 32 * kMiB, 1, kMiB);
    EXPECT_EQ(pool("free_hugepages"), kPages - 2);
}

TEST_F(HugeSourceTest, GivesWholePagesBackAndBringsThemZeroed) {
    const Source source = make(NodePolicy::kNone);
    ASSERT_TRUE(source->map(base_, 4 * kPage));
    memset(base_, 1, 4 * kPage);
    ASSERT_TRUE(source->decommit(base_ + kMiB, 3 * kPage));
    EXPECT_EQ(pool("free_hugepages"), kPages - 2) << "two pages lie inside the range";
    ASSERT_TRUE(source->commit(base_ + kMiB, 3 * kPage));
    for (std::size_t at = 0; at < 4 * kPage; at += 4096)
        ASSERT_EQ(base_[at], at < kMiB || at >= kMiB + 3 * kPage ? 1 : 0) << at;
    EXPECT_FALSE(source->decommit(base_ + kMiB, kMiB)) << "no whole page";
    EXPECT_EQ(base_[kMiB - 1], 1);
}

TEST_F(HugeSourceTest, CommitsPartOfWhatWasGivenBackOrRefuses) {
    const Source source = make(NodePolicy::kNone);
    ASSERT_TRUE(source->map(base_, kPages * kPage));
    memset(base_, 1, kPages * kPage);
    ASSERT_TRUE(source->decommit(base_, 2 * kPage));
    EXPECT_TRUE(is_reserved(base_));
    const Source other = make(NodePolicy::kNone);
    ASSERT_TRUE(other->map(base_ + 32 * kMiB, kPage)) << "a page that was given back";
    memset(base_ + 32 * kMiB, 1, kPage);
    ASSERT_TRUE(source->commit(base_, kMiB));
    EXPECT_EQ(base_[0], 0);
    EXPECT_FALSE(source->commit(base_ + kMiB, kPage)) << "its second page is taken";
    EXPECT_TRUE(source->commit(base_ + kMiB, kMiB));
}

// Ranges of all sizes, given back and brought again: a model tells which bytes must be what.
TEST_F(HugeSourceTest, KeepsNeighboursWhateverTheOrderOfRanges) {
    const Source source = make(NodePolicy::kNone);
    constexpr unsigned kChunk = 512 << 10;
    constexpr unsigned kChunks = kPages * kPage / kChunk;
    ASSERT_TRUE(source->map(base_, kPages * kPage));
    unsigned char content[kChunks] = {};  // of the first byte; 0xff: given back
    unsigned state = 20261121;
    for (int step = 0; step < 3000; ++step) {
        state = state * 1664525 + 1013904223;
        unsigned first = (state >> 8) % kChunks;
        unsigned count = 1 + (state >> 16) % 9;
        count = first + count > kChunks ? kChunks - first : count;
        const bool out = content[first] == 0xff;
        unsigned end = first;
        while (end < first + count && (content[end] == 0xff) == out)
            ++end;
        char* const at = base_ + std::size_t{first} * kChunk;
        const std::size_t size = std::size_t{end - first} * kChunk;
        if (out) {
            ASSERT_TRUE(source->commit(at, size)) << "step " << step;
            std::fill(content + first, content + end, 0);
        } else if (source->decommit(at, size)) {
            std::fill(content + first, content + end, 0xff);
        } else {
            for (unsigned chunk = first; chunk < end; ++chunk)
                content[chunk] = static_cast<unsigned char>(1 + chunk);
            for (unsigned chunk = first; chunk < end; ++chunk)
                base_[std::size_t{chunk} * kChunk] = static_cast<char>(content[chunk]);
        }
        for (unsigned chunk = 0; chunk < kChunks; ++chunk)
            ASSERT_TRUE(content[chunk] == 0xff ||
                        static_cast<unsigned char>(base_[std::size_t{chunk} * kChunk]) == content[chunk])
                << "chunk " << chunk << " after step " << step;
    }
}

TEST_F(HugeSourceTest, TellsItsPageSizeAndCapacity) {
    const Source source = make(NodePolicy::kBind);
    EXPECT_EQ(source->page_size(), kPage);
    EXPECT_EQ(make(NodePolicy::kNone)->nodes(), nullptr);
    ASSERT_NE(source->nodes(), nullptr);
}

TEST(GigabyteSource, RefusesWhereThereAreNoPages) {
    if (number_in("/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages") != 0)
        GTEST_SKIP() << "this machine has pages of 1 GiB";
    constexpr std::size_t kGiB = std::size_t{1} << 30;
    char* const raw = static_cast<char*>(
        mmap(nullptr, 2 * kGiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    char* const base =
        reinterpret_cast<char*>((reinterpret_cast<std::uintptr_t>(raw) + kGiB - 1) & ~(kGiB - 1));
    const Source source(HugeSource::create(kGiB, NodePolicy::kNone, NodeSet{}));
    EXPECT_FALSE(source->map(base, 4096));
    EXPECT_TRUE(is_reserved(base));
    munmap(raw, 2 * kGiB);
}
