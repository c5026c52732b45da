// The seam to the kernel's NUMA memory policies: sets of nodes, and how a range of addresses is spread over
// them. mbind(2) is called directly, so that libmemkind loads no other library for it. Which nodes there are
// is topology.hpp's business. Thread safety: every function may be called from any thread.
#pragma once

#include <cstddef>

namespace terrace {

// The kernel's largest build has 1,024 nodes (CONFIG_NODES_SHIFT=10).
inline constexpr unsigned kMostNodes = 1024;

struct NodeId {
    unsigned value;
};

// A set of NUMA nodes, in the shape mbind(2) takes.
class NodeSet {
  public:
    void add(NodeId node) { words_[node.value / kWordBits] |= 1UL << (node.value % kWordBits); }
    [[nodiscard]] bool has(NodeId node) const {
        return node.value < kMostNodes &&
               (words_[node.value / kWordBits] >> (node.value % kWordBits) & 1) != 0;
    }
    [[nodiscard]] bool empty() const {
        for (const unsigned long word : words_)
            if (word != 0)
                return false;
        return true;
    }
    [[nodiscard]] unsigned count() const {
        unsigned count = 0;
        for (const unsigned long word : words_)
            count += static_cast<unsigned>(__builtin_popcountl(word));
        return count;
    }
    // The lowest node that is not below `least`; kMostNodes when there is none. For loops over the set:
    // for (unsigned node = nodes.next(0); node < kMostNodes; node = nodes.next(node + 1))
    [[nodiscard]] unsigned next(unsigned least) const {
        for (unsigned word = least / kWordBits; word < kMostNodes / kWordBits; ++word) {
            unsigned long bits = words_[word];
            if (word == least / kWordBits)
                bits &= ~0UL << (least % kWordBits);
            if (bits != 0)
                return word * kWordBits + static_cast<unsigned>(__builtin_ctzl(bits));
        }
        return kMostNodes;
    }
    void add_all(const NodeSet& other) {
        for (unsigned word = 0; word < kMostNodes / kWordBits; ++word)
            words_[word] |= other.words_[word];
    }
    [[nodiscard]] bool intersects(const NodeSet& other) const {
        for (unsigned word = 0; word < kMostNodes / kWordBits; ++word)
            if ((words_[word] & other.words_[word]) != 0)
                return true;
        return false;
    }
    bool operator==(const NodeSet&) const = default;
    const unsigned long* words() const { return words_; }
    // Writes the nodes below `count` to a mask of that many bits, and 0 to the bits after them.
    void write_to(unsigned long* mask, unsigned long count) const;

  private:
    static constexpr unsigned kWordBits = 8 * sizeof(unsigned long);
    unsigned long words_[kMostNodes / kWordBits] = {};
};

// Reads a node list such as "0-1,4" (the format of /sys/devices/system/node/*).
// Returns false, with `nodes` undefined, when the text is no such list.
[[nodiscard]] bool parse_node_list(const char* text, NodeSet* nodes);

// As above, from a file.
[[nodiscard]] bool read_node_file(const char* path, NodeSet* nodes);

// How memory is spread over a set of nodes.
enum class NodePolicy : unsigned char {
    kNone,               // the process's own policy
    kBind,               // from these nodes or not at all
    kPreferred,          // from the lowest of these nodes while it has room
    kPreferredMany,      // from these nodes while they have room (Linux 5.15; before: kPreferred)
    kInterleave,         // page by page
    kWeightedInterleave  // in turn, each node as much as its weight says
};

// Sets the policy for the pages of a range that are not there yet; kNone and kWeightedInterleave are not the
// kernel's to set (REQUIRES neither). Returns 0 or an errno value: EPERM and ENOSYS mean that this container
// or kernel forbids mbind, EINVAL that its cpuset leaves no node of the set.
[[nodiscard]] int set_node_policy(void* address, std::size_t size, NodePolicy policy, const NodeSet& nodes);

}  // namespace terrace
