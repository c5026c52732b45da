// Extent sources over NUMA nodes, without a kind around them: what the kernel says of their memory afterwards.
#include "kinds/node_source.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>

#include "tests/support/child_process.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace terrace;
using namespace terrace::kinds;

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
enum KernelPolicy {
    kDefaultPolicy = 0,
    kPreferredPolicy = 1,
    kBindPolicy = 2,
    kInterleavePolicy = 3,
    kPreferredManyPolicy = 5
};

NodeSet node_zero() {
    NodeSet nodes;
    nodes.add(NodeId{0});
    return nodes;
}

NodeSet every_node() {
    NodeSet nodes;
    if (!read_node_file("/sys/devices/system/node/has_memory", &nodes))
        nodes = node_zero();
    return nodes;
}

// Reserved addresses, as a kind's window is.
class Window {
  public:
    explicit Window(std::size_t size)
        : size_(size),
          base_(static_cast<char*>(
              mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {}
    ~Window() { munmap(base_, size_); }
    char* base() const { return base_; }

  private:
    std::size_t size_;
    char* base_;
};

struct Dispose {
    void operator()(NodeSource* source) const { source->dispose(); }
};
using Source = std::unique_ptr<NodeSource, Dispose>;

Source make(NodePolicy policy, const unsigned* weights = nullptr, bool no_thp = false) {
    return Source(NodeSource::create(policy, node_zero(), weights, no_thp));
}

// Bound to all there is, so that the machine's memory counts, which PretendMemory pretends.
Source make_bound_to_all() {
    return Source(NodeSource::create(NodePolicy::kBind, every_node(), nullptr, false));
}

int policy_at(const void* address) {
    int mode = -1;
    constexpr unsigned long kOfAddress = 2;  // MPOL_F_ADDR
    if (syscall(SYS_get_mempolicy, &mode, nullptr, 0UL, address, kOfAddress) != 0)
        return -errno;
    return mode;
}

int node_of_page(void* address) {
    int node = -1;
    syscall(SYS_move_pages, 0, 1UL, &address, nullptr, &node, 0);
    return node;
}

// Whether the line of /proc/self/smaps for this address that starts with `field` contains `text`.
bool smaps_says(const void* address, const std::string& field, const std::string& text) {
    std::ifstream smaps("/proc/self/smaps");
    bool inside = false;
    for (std::string line; std::getline(smaps, line);) {
        unsigned long start = 0;
        unsigned long end = 0;
        if (std::sscanf(line.c_str(), "%lx-%lx ", &start, &end) == 2)
            inside = start <= reinterpret_cast<unsigned long>(address) &&
                     reinterpret_cast<unsigned long>(address) < end;
        else if (inside && line.rfind(field, 0) == 0)
            return line.find(text) != std::string::npos;
    }
    return false;
}

// From now on mbind fails with EPERM, as under the seccomp filter of container engines.
bool forbid_mbind() {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mbind, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter = {sizeof program / sizeof *program, program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// Makes the sources believe that the machine has so much memory available.
class PretendMemory {
  public:
    explicit PretendMemory(std::size_t mib) : file_(directory_.file("meminfo")) {
        set(mib);
        node_budget::read_machine_from(file_.c_str());
    }
    ~PretendMemory() { node_budget::read_machine_from("/proc/meminfo"); }
    void set(std::size_t mib) {
        std::ofstream(file_) << "MemTotal:       " << 1024 * 1024 << " kB\nMemAvailable:   " << mib * 1024
                             << " kB\n";
    }

  private:
    tests::TemporaryDirectory directory_;
    std::string file_;
};

std::size_t map_until_refused(NodeSource* source, char* base, std::size_t step, std::size_t most) {
    std::size_t mapped = 0;
    while (mapped < most && source->map(base + mapped, step))
        mapped += step;
    return mapped;
}

}  // namespace

TEST(NodeSource, BindsWhatItMaps) {
    const Window window(4 * kMiB);
    const Source source = make(NodePolicy::kBind);
    ASSERT_TRUE(source->map(window.base(), 2 * kMiB));
    EXPECT_EQ(policy_at(window.base()), kBindPolicy);
    EXPECT_EQ(policy_at(window.base() + 2 * kMiB), kDefaultPolicy) << "beyond the range";
    window.base()[0] = 1;
    EXPECT_EQ(node_of_page(window.base()), 0);
}

TEST(NodeSource, SetsTheKernelsPolicyForEachOfItsOwn) {
    const struct {
        NodePolicy policy;
        int kernels;
    } cases[] = {{NodePolicy::kNone, kDefaultPolicy},
                 {NodePolicy::kPreferred, kPreferredPolicy},
                 {NodePolicy::kPreferredMany, kPreferredPolicy},  // of one node
                 {NodePolicy::kInterleave, kInterleavePolicy}};
    for (const auto& [policy, kernels] : cases) {
        const Window window(2 * kMiB);
        const Source source = make(policy);
        ASSERT_TRUE(source->map(window.base(), 2 * kMiB));
        EXPECT_EQ(policy_at(window.base()), kernels);
        memset(window.base(), 1, 2 * kMiB);
    }
}

TEST(NodeSource, TellsItsNodesAndTheirSize) {
    const Source bound = make(NodePolicy::kBind);
    ASSERT_NE(bound->nodes(), nullptr);
    EXPECT_TRUE(bound->nodes()->has(NodeId{0}));
    EXPECT_GT(bound->capacity(), 64 * kMiB);
    EXPECT_EQ(make(NodePolicy::kNone)->nodes(), nullptr);
}

TEST(NodeSource, InterleavesBySmallPagesWhereAsked) {
    const Window window(4 * kMiB);
    const Source source = make(NodePolicy::kInterleave, nullptr, true);
    ASSERT_TRUE(source->map(window.base(), 4 * kMiB));
    EXPECT_TRUE(smaps_says(window.base(), "VmFlags:", " nh")) << "MADV_NOHUGEPAGE";
}

TEST(NodeSource, GivesDecommittedMemoryBackAndBringsItZeroed) {
    const Window window(2 * kMiB);
    const Source source = make(NodePolicy::kBind);
    ASSERT_TRUE(source->map(window.base(), 2 * kMiB));
    memset(window.base(), 1, 2 * kMiB);
    ASSERT_TRUE(source->decommit(window.base(), kMiB));
    EXPECT_LT(node_of_page(window.base()), 0) << "the page is gone";
    EXPECT_EQ(node_of_page(window.base() + kMiB), 0);
    ASSERT_TRUE(source->commit(window.base(), kMiB));
    EXPECT_EQ(window.base()[0], 0);
    EXPECT_EQ(policy_at(window.base()), kBindPolicy) << "the policy stays";
}

TEST(NodeSource, GoesOnUnboundWhereMbindIsForbidden) {
    EXPECT_EQ(tests::run_in_child([] {
                  if (!forbid_mbind())
                      return false;
                  const Window window(4 * kMiB);
                  for (const NodePolicy policy :
                       {NodePolicy::kBind, NodePolicy::kPreferred, NodePolicy::kInterleave}) {
                      const Source source = make(policy);
                      if (!source->map(window.base(), 2 * kMiB))
                          return false;
                      memset(window.base(), 1, 2 * kMiB);
                      if (policy_at(window.base()) != kDefaultPolicy ||
                          !source->decommit(window.base(), 2 * kMiB) ||
                          !source->commit(window.base(), 2 * kMiB) || window.base()[0] != 0)
                          return false;
                  }
                  return true;
              }),
              0);
}

TEST(NodeSource, SaysOnceThatMemoryIsNotBound) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    ASSERT_EQ(tests::run_in_child([&] {
                  setenv("MEMKIND_DEBUG", "1", 1);
                  dup2(ends[1], STDERR_FILENO);
                  if (!forbid_mbind())
                      return false;
                  const Window window(4 * kMiB);
                  const Source first = make(NodePolicy::kBind);
                  const Source second = make(NodePolicy::kInterleave);
                  return first->map(window.base(), kMiB) && first->map(window.base() + kMiB, kMiB) &&
                         second->map(window.base() + 2 * kMiB, kMiB);
              }),
              0);
    close(ends[1]);
    char text[2048] = {};
    ASSERT_GT(read(ends[0], text, sizeof text - 1), 0);
    close(ends[0]);
    EXPECT_EQ(std::string(text),
              "terrace: mbind: Operation not permitted; memory is not bound to its nodes\n");
}

// A node that is not in this machine (or cpuset): mbind is EINVAL.
TEST(NodeSource, GoesOnUnboundWhereItsNodesAreNotAllowed) {
    NodeSet nowhere;
    nowhere.add(NodeId{1000});
    const Source source(NodeSource::create(NodePolicy::kBind, nowhere, nullptr, false));
    const Window window(2 * kMiB);
    ASSERT_TRUE(source->map(window.base(), 2 * kMiB));
    memset(window.base(), 1, 2 * kMiB);
    EXPECT_EQ(policy_at(window.base()), kDefaultPolicy);
}

TEST(WeightedInterleaving, BindsStripesAndKeepsFewMappings) {
    const unsigned weights[] = {3};
    const Window window(std::size_t{1} << 34);
    const Source source = make(NodePolicy::kWeightedInterleave, weights);
    for (std::size_t mapped = 0; mapped < std::size_t{1} << 34; mapped += 64 * kMiB)
        ASSERT_TRUE(source->map(window.base() + mapped, 64 * kMiB)) << mapped;
    EXPECT_EQ(policy_at(window.base()), kPreferredPolicy);
    EXPECT_EQ(policy_at(window.base() + (std::size_t{1} << 33)), kPreferredPolicy);
}

TEST(WeightedInterleaving, KeepsTheProportionAcrossMapsOfAllSizes) {
    const NodeSet nodes = every_node();
    if (nodes.count() < 2)
        GTEST_SKIP() << "this machine has one node";
    unsigned weights[kMostNodes];
    for (unsigned i = 0; i < nodes.count(); ++i)
        weights[i] = 1 + 2 * i;
    const Source source(NodeSource::create(NodePolicy::kWeightedInterleave, nodes, weights, false));
    const Window window(256 * kMiB);
    std::size_t mapped = 0;
    for (std::size_t size = 4096; mapped + size <= 256 * kMiB; size = size % (5 * kMiB) + 12288) {
        ASSERT_TRUE(source->map(window.base() + mapped, size));
        mapped += size;
    }
    std::size_t given[kMostNodes] = {};
    for (std::size_t at = 0; at < mapped; at += 4096) {
        int mode = 0;
        unsigned long mask[kMostNodes / 64] = {};
        ASSERT_EQ(syscall(SYS_get_mempolicy, &mode, mask, kMostNodes, window.base() + at, 2UL), 0);
        for (unsigned node = 0; node < kMostNodes; ++node)
            given[node] += (mask[node / 64] >> (node % 64) & 1) != 0 ? 4096 : 0;
    }
    const std::size_t shares = nodes.count() * nodes.count();  // 1 + 3 + 5 + ...
    unsigned i = 0;
    for (unsigned node = nodes.next(0); node < kMostNodes; node = nodes.next(node + 1), ++i)
        EXPECT_NEAR(static_cast<double>(given[node]), static_cast<double>(mapped * weights[i] / shares),
                    512 << 10)
            << "node " << node;
}

TEST(PreferredMany, TakesAllItsNodesOrTheLowest) {
    const NodeSet nodes = every_node();
    if (nodes.count() < 2)
        GTEST_SKIP() << "this machine has one node";
    const Source source(NodeSource::create(NodePolicy::kPreferredMany, nodes, nullptr, false));
    const Window window(kMiB);
    ASSERT_TRUE(source->map(window.base(), kMiB));
    EXPECT_TRUE(policy_at(window.base()) == kPreferredManyPolicy ||
                policy_at(window.base()) == kPreferredPolicy);
}

TEST(FullNode, RefusesBeforeItIsOversubscribedThoughNothingIsTouched) {
    PretendMemory memory(512);
    const Window window(2048 * kMiB);
    const Source source = make_bound_to_all();
    const std::size_t mapped = map_until_refused(source.get(), window.base(), 128 * kMiB, 2048 * kMiB);
    EXPECT_LE(mapped, 512 * kMiB);
    EXPECT_GE(mapped, 256 * kMiB);
}

TEST(FullNode, CountsWhatSeveralSourcesWereGranted) {
    PretendMemory memory(512);
    const Window window(2048 * kMiB);
    const Source first = make_bound_to_all();
    const Source second = make_bound_to_all();
    std::size_t mapped = 0;
    bool turn = false;
    while (mapped < 2048 * kMiB && (turn ? first : second)->map(window.base() + mapped, 96 * kMiB)) {
        mapped += 96 * kMiB;
        turn = !turn;
    }
    EXPECT_LE(mapped, 512 * kMiB);
    EXPECT_GE(mapped, 256 * kMiB);
}

TEST(FullNode, LeavesTheRefusedRangeReserved) {
    PretendMemory memory(1);
    const Window window(64 * kMiB);
    const Source source = make_bound_to_all();
    ASSERT_FALSE(source->map(window.base(), 64 * kMiB));
    EXPECT_NE(tests::run_in_child([&] { return window.base()[0] == 0; }), 0) << "the range can be read";
}

TEST(FullNode, GrantsAgainWhatWasGivenBack) {
    PretendMemory memory(512);
    const Window window(2048 * kMiB);
    const Source source = make_bound_to_all();
    const std::size_t mapped = map_until_refused(source.get(), window.base(), 96 * kMiB, 2048 * kMiB);
    ASSERT_GE(mapped, 192 * kMiB);
    ASSERT_TRUE(source->decommit(window.base(), 192 * kMiB));
    EXPECT_TRUE(source->map(window.base() + mapped, 192 * kMiB));
    EXPECT_FALSE(source->commit(window.base(), 192 * kMiB)) << "that much is not left";
}

TEST(FullNode, SeesThatGrantedMemoryWasTouchedAndNotCountsItTwice) {
    PretendMemory memory(512);
    const Window window(2048 * kMiB);
    const Source source = make_bound_to_all();
    ASSERT_TRUE(source->map(window.base(), 256 * kMiB));
    memset(window.base(), 1, 256 * kMiB);
    memory.set(256);  // as the kernel would tell now
    EXPECT_TRUE(source->map(window.base() + 256 * kMiB, 160 * kMiB));
    EXPECT_FALSE(source->map(window.base() + 416 * kMiB, 160 * kMiB));
}

TEST(FullNode, ForgetsTheGrantsOfSourcesThatAreGone) {
    PretendMemory memory(512);
    for (int round = 0; round < 8; ++round) {
        const Window window(256 * kMiB);
        const Source source = make_bound_to_all();
        ASSERT_TRUE(source->map(window.base(), 256 * kMiB)) << round;
    }
}

TEST(FullNode, DoesNotHinderPreferredMemory) {
    PretendMemory memory(1);
    const Window window(64 * kMiB);
    for (const NodePolicy policy : {NodePolicy::kPreferred, NodePolicy::kInterleave, NodePolicy::kNone})
        EXPECT_TRUE(make(policy)->map(window.base(), 64 * kMiB));
}

// Pieces of all sizes, granted and given back: what is counted must stay what is out.
TEST(FullNode, CountsRightWhateverTheOrderOfPieces) {
    PretendMemory memory(700);
    constexpr std::size_t kPieces = 128;
    constexpr std::size_t kPiece = 4 * kMiB;
    const Window window(kPieces * kPiece);
    const Source source = make_bound_to_all();
    ASSERT_TRUE(source->map(window.base(), kPieces * kPiece));
    bool out[kPieces];
    std::fill_n(out, kPieces, true);
    unsigned state = 20261121;
    for (int step = 0; step < 5000; ++step) {
        state = state * 1664525 + 1013904223;
        const std::size_t piece = (state >> 16) % kPieces;
        char* const at = window.base() + piece * kPiece;
        ASSERT_TRUE(out[piece] ? source->decommit(at, kPiece) : source->commit(at, kPiece))
            << "step " << step;
        out[piece] = !out[piece];
    }
    for (std::size_t piece = 0; piece < kPieces; ++piece)
        ASSERT_TRUE(!out[piece] || source->decommit(window.base() + piece * kPiece, kPiece));
    EXPECT_TRUE(source->commit(window.base(), kPieces * kPiece)) << "everything was given back";
}
